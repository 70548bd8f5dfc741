// Google's client, in any of its versions.
import assert from 'node:assert/strict';
import {CUT_MODEL, EMBEDDING_MODEL, FILE_BYTES, FILE_USES, HANG_MODEL, MODEL, WEATHER, expectCut, leaveInMidStream, nextProxy, testFile}
  from './common.mjs';
import {resourceFeatures} from './genai_resources.mjs';

export async function genaiFeatures(packageName) {
  const {GoogleGenAI} = await import(packageName);
  const client = () => new GoogleGenAI({apiKey: 'pool', httpOptions: {baseUrl: nextProxy()}});
  const generate = (more) => client().models.generateContent({model: MODEL, contents: 'Hello', ...more});
  return {
    text: async () => {
      const answer = await generate();
      assert.ok(answer.text.length > 0);
      assert.ok(answer.usageMetadata.promptTokenCount > 0);
    },
    stream: async () => {
      const stream = await client().models.generateContentStream({model: MODEL, contents: 'Hello'});
      let chunks = 0;
      let text = '';
      for await (const chunk of stream) {
        chunks += 1;
        text += chunk.text ?? '';
      }
      assert.ok(chunks > 1, `${chunks} chunks`);
      assert.ok(text.length > 0);
    },
    chat: async () => {
      const chat = client().chats.create({model: MODEL});
      assert.ok((await chat.sendMessage({message: 'Hello'})).text.length > 0);
      assert.ok((await chat.sendMessage({message: 'And again'})).text.length > 0);
      assert.equal(chat.getHistory().length, 4);
    },
    tools: async () => {
      const config = {tools: [{functionDeclarations: [{name: WEATHER.name, description: WEATHER.description,
        parametersJsonSchema: WEATHER.parameters}]}]};
      const asked = await generate({config});
      assert.equal(asked.functionCalls[0].name, 'weather');
      const told = await generate({config, contents: [
        {role: 'user', parts: [{text: 'Hello'}]}, asked.candidates[0].content,
        {role: 'user', parts: [{functionResponse: {name: 'weather', response: {sky: 'clear'}}}]}]});
      assert.ok(told.text.length > 0);
    },
    countTokens: async () => {
      const answer = await client().models.countTokens({model: MODEL, contents: 'Hello there'});
      assert.ok(answer.totalTokens > 0);
    },
    embeddings: async () => {
      const answer = await client().models.embedContent({model: EMBEDDING_MODEL, contents: ['one', 'two']});
      assert.equal(answer.embeddings.length, 2);
      assert.ok(answer.embeddings[0].values.length > 0);
    },
    models: async () => {
      const names = [];
      for await (const model of await client().models.list()) names.push(model.name);
      assert.ok(names.includes(`models/${MODEL}`), names.join());
    },
    files: async () => {
      const blob = testFile(FILE_BYTES);
      const file = await client().files.upload({file: blob, config: {mimeType: 'text/plain'}});
      assert.equal(file.sizeBytes, String(FILE_BYTES));
      assert.equal((await client().files.get({name: file.name})).name, file.name);
      for (let use = 0; use < FILE_USES; ++use) {
        const answer = await generate({contents: [{role: 'user', parts: [
          {fileData: {fileUri: file.uri, mimeType: file.mimeType}}, {text: 'What is it?'}]}]});
        assert.ok(answer.text.length > 0);
      }
      const names = [];
      for await (const listed of await client().files.list({config: {pageSize: 1}})) names.push(listed.name);
      assert.ok(names.includes(file.name), names.join());
      await client().files.delete({name: file.name});
      await assert.rejects(client().files.get({name: file.name}));
    },
    abort: () => leaveInMidStream((abortSignal) => client().models.generateContentStream(
      {model: HANG_MODEL, contents: 'Hello', config: {abortSignal}})),
    cut: () => expectCut(() => client().models.generateContentStream({model: CUT_MODEL, contents: 'Hello'})),
    ...resourceFeatures(client),
  };
}
