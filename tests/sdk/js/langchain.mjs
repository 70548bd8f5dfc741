// LangChain's chat class for Gemini.
import assert from 'node:assert/strict';
import {CUT_MODEL, EMBEDDING_MODEL, MODEL, WEATHER, abortInMidStream, expectCut, nextProxy} from './common.mjs';

export async function langchainFeatures() {
  const {ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings} = await import('@langchain/google-genai');
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
    abort: () => abortInMidStream((signal) => chat().stream('Hello', {signal})),
    cut: () => expectCut(() => chat(CUT_MODEL).stream('Hello')),
  };
}
