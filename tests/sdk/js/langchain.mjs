// LangChain's chat class for Gemini.
import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {CUT_MODEL, EMBEDDING_MODEL, FILE_BYTES, FILE_USES, HANG_MODEL, MODEL, USES, WEATHER, abortInMidStream, expectCut, nextProxy}
  from './common.mjs';

export async function langchainFeatures() {
  const {ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings} = await import('@langchain/google-genai');
  const {GoogleAICacheManager, GoogleAIFileManager} = await import('@google/generative-ai/server');
  const chat = (model = MODEL) =>
    new ChatGoogleGenerativeAI({model, apiKey: 'pool', baseUrl: nextProxy(), maxRetries: 0});
  return {
    text: async () => assert.ok((await chat().invoke('Hello')).text.length > 0),
    stream: async () => {
      let text = '';
      for await (const chunk of await chat().stream('Hello')) text += chunk.text;
      assert.ok(text.length > 0);
    },
    chat: async () => {
      const answer = await chat().invoke([['human', 'Hello'], ['ai', 'Hello!'], ['human', 'And again']]);
      assert.ok(answer.text.length > 0);
    },
    tools: async () => {
      const bound = chat().bindTools([{type: 'function', function: WEATHER}]);
      assert.equal((await bound.invoke('Hello')).tool_calls[0].name, 'weather');
    },
    embeddings: async () => {
      const vectors = await new GoogleGenerativeAIEmbeddings(
        {model: EMBEDDING_MODEL, apiKey: 'pool', baseUrl: nextProxy(), maxRetries: 0}).embedDocuments(['one', 'two']);
      assert.equal(vectors.length, 2);
      assert.ok(vectors[0].length > 0);
    },
    // Its chat class uses files and caches that Google's first client has made.
    files: async () => {
      const files = () => new GoogleAIFileManager('pool', {baseUrl: nextProxy()});
      const {file} = await files().uploadFile(randomBytes(FILE_BYTES), {mimeType: 'text/plain'});
      for (let use = 0; use < FILE_USES; ++use) {
        const answer = await chat().invoke([['human', [
          {type: 'media', mimeType: file.mimeType, fileUri: file.uri}, {type: 'text', text: 'What is it?'}]]]);
        assert.ok(answer.text.length > 0);
      }
      await files().deleteFile(file.name);
    },
    caches: async () => {
      const caches = () => new GoogleAICacheManager('pool', {baseUrl: nextProxy()});
      const made = await caches().create({model: MODEL, ttlSeconds: 3600,
        contents: [{role: 'user', parts: [{text: 'A long text.'}]}]});
      for (let use = 0; use < USES; ++use) {
        const model = chat();
        model.useCachedContent(made);
        const {usage_metadata: usage} = await model.invoke('What is it?');
        assert.ok(usage.input_token_details.cache_read > 0, JSON.stringify(usage));
      }
      await caches().delete(made.name);
    },
    abort: () => abortInMidStream((signal) => chat(HANG_MODEL).stream('Hello', {signal})),
    cut: () => expectCut(() => chat(CUT_MODEL).stream('Hello')),
  };
}
