// OpenAI's client on the compatible paths.
import assert from 'node:assert/strict';
import {CUT_MODEL, EMBEDDING_MODEL, HANG_MODEL, MODEL, USES, WEATHER, abortInMidStream, expectCut, nextProxy, testFile} from './common.mjs';

export async function openaiFeatures() {
  const {default: OpenAI} = await import('openai');
  const client = () => new OpenAI({apiKey: 'pool', baseURL: `${nextProxy()}/v1beta/openai/`, maxRetries: 0});
  const messages = [{role: 'user', content: 'Hello'}];
  const complete = (more) => client().chat.completions.create({model: MODEL, messages, ...more});
  return {
    text: async () => {
      const answer = await complete();
      assert.ok(answer.choices[0].message.content.length > 0);
      assert.ok(answer.usage.prompt_tokens > 0);
    },
    stream: async () => {
      let text = '';
      for await (const chunk of await complete({stream: true})) text += chunk.choices[0]?.delta?.content ?? '';
      assert.ok(text.length > 0);
    },
    chat: async () => {
      const history = [...messages, {role: 'assistant', content: 'Hello!'}, {role: 'user', content: 'And again'}];
      assert.ok((await complete({messages: history})).choices[0].message.content.length > 0);
    },
    tools: async () => {
      const tools = [{type: 'function', function: WEATHER}];
      const {message} = (await complete({tools})).choices[0];
      assert.equal(message.tool_calls[0].function.name, 'weather');
      const told = await complete({tools, messages: [...messages, message,
        {role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'clear'}]});
      assert.ok(told.choices[0].message.content.length > 0);
    },
    embeddings: async () => {
      const answer = await client().embeddings.create({model: EMBEDDING_MODEL, input: ['one', 'two']});
      assert.equal(answer.data.length, 2);
      assert.ok(answer.data[0].embedding.length > 0);
    },
    models: async () => {
      const names = [];
      for await (const model of client().models.list()) names.push(model.id);
      assert.ok(names.some((name) => name.endsWith(MODEL)), names.join());
    },
    // As Google documents it: the file goes up with Google's client.
    batches: async () => {
      const {GoogleGenAI} = await import('genai-current');
      const google = new GoogleGenAI({apiKey: 'pool', httpOptions: {baseUrl: nextProxy()}});
      const file = await google.files.upload({file: testFile(1000), config: {mimeType: 'application/jsonl'}});
      for (let use = 0; use < USES; ++use) {
        const {id} = await client().batches.create(
          {input_file_id: file.name, endpoint: '/v1/chat/completions', completion_window: '24h'});
        assert.equal((await client().batches.retrieve(id)).status, 'validating');
        await client().batches.cancel(id);
        assert.equal((await client().batches.retrieve(id)).status, 'cancelled');
      }
    },
    abort: () => abortInMidStream((signal) => client().chat.completions.create(
      {model: HANG_MODEL, messages, stream: true}, {signal})),
    cut: () => expectCut(() => complete({model: CUT_MODEL, stream: true})),
  };
}
