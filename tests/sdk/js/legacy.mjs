// Google's first client, which many programs still use.
import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {CUT_MODEL, EMBEDDING_MODEL, FILE_BYTES, FILE_USES, HANG_MODEL, MODEL, USES, WEATHER, expectCut, leaveInMidStream, nextProxy} from './common.mjs';

export async function legacyFeatures() {
  const {GoogleGenerativeAI} = await import('@google/generative-ai');
  const {GoogleAICacheManager, GoogleAIFileManager} = await import('@google/generative-ai/server');
  const model = (name = MODEL, more = {}) =>
    new GoogleGenerativeAI('pool').getGenerativeModel({model: name, ...more}, {baseUrl: nextProxy()});
  const files = () => new GoogleAIFileManager('pool', {baseUrl: nextProxy()});
  const caches = () => new GoogleAICacheManager('pool', {baseUrl: nextProxy()});
  const tools = [{functionDeclarations: [WEATHER]}];
  return {
    text: async () => assert.ok((await model().generateContent('Hello')).response.text().length > 0),
    stream: async () => {
      let text = '';
      for await (const chunk of (await model().generateContentStream('Hello')).stream) text += chunk.text();
      assert.ok(text.length > 0);
    },
    chat: async () => {
      const chat = model().startChat();
      assert.ok((await chat.sendMessage('Hello')).response.text().length > 0);
      assert.ok((await chat.sendMessage('And again')).response.text().length > 0);
      assert.equal((await chat.getHistory()).length, 4);
    },
    tools: async () => {
      const chat = model(MODEL, {tools}).startChat();
      assert.equal((await chat.sendMessage('Hello')).response.functionCalls()[0].name, 'weather');
      const told = await chat.sendMessage([{functionResponse: {name: 'weather', response: {sky: 'clear'}}}]);
      assert.ok(told.response.text().length > 0);
    },
    countTokens: async () => assert.ok((await model().countTokens('Hello there')).totalTokens > 0),
    embeddings: async () => {
      const answer = await model(EMBEDDING_MODEL).embedContent('one');
      assert.ok(answer.embedding.values.length > 0);
    },
    files: async () => {
      const {file} = await files().uploadFile(randomBytes(FILE_BYTES), {mimeType: 'text/plain'});
      assert.equal((await files().getFile(file.name)).name, file.name);
      for (let use = 0; use < FILE_USES; ++use) {
        const answer = await model().generateContent([{fileData: {fileUri: file.uri, mimeType: file.mimeType}}, 'What is it?']);
        assert.ok(answer.response.text().length > 0);
      }
      const names = (await files().listFiles()).files.map((listed) => listed.name);
      assert.ok(names.includes(file.name), names.join());
      await files().deleteFile(file.name);
      await assert.rejects(files().getFile(file.name));
    },
    caches: async () => {
      const made = await caches().create({model: MODEL, ttlSeconds: 3600, displayName: 'kept',
        contents: [{role: 'user', parts: [{text: 'A long text.'}]}]});
      const {name} = made;
      assert.equal((await caches().get(name)).displayName, 'kept');
      for (let use = 0; use < USES; ++use) {
        const {response} = await new GoogleGenerativeAI('pool').getGenerativeModelFromCachedContent(
          made, {}, {baseUrl: nextProxy()}).generateContent('What is it?');
        assert.ok(response.usageMetadata.cachedContentTokenCount > 0);
      }
      const {cachedContents} = await caches().list();
      assert.ok(cachedContents.some((listed) => listed.name === name), 'the cache is not listed');
      const updated = await caches().update(name, {cachedContent: {ttlSeconds: 7200}, updateMask: ['ttl']});
      assert.ok(Date.parse(updated.expireTime) > Date.parse(made.expireTime), updated.expireTime);
      await caches().delete(name);
      await assert.rejects(caches().get(name));
    },
    abort: () => leaveInMidStream(async (signal) =>
      (await model(HANG_MODEL).generateContentStream('Hello', {signal})).stream),
    cut: () => expectCut(async () => (await model(CUT_MODEL).generateContentStream('Hello')).stream),
  };
}
