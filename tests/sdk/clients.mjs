// One feature after the other with one official JavaScript client; a line of JSON for each on standard output.
// usage: node clients.mjs genai-current|genai-before|openai
import assert from 'node:assert/strict';

const MODEL = 'gemini-2.5-flash';
const EMBEDDING_MODEL = 'gemini-embedding-001';
const proxies = process.env.PROXIES.split(',');
let calls = 0;
const nextProxy = () => proxies[calls++ % proxies.length];

async function genaiFeatures(packageName) {
  const {GoogleGenAI} = await import(packageName);
  const client = () => new GoogleGenAI({apiKey: 'pool', httpOptions: {baseUrl: nextProxy()}});
  return {
    text: async () => {
      const answer = await client().models.generateContent({model: MODEL, contents: 'Hello'});
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
    chat: async () => {
      const chat = client().chats.create({model: MODEL});
      assert.ok((await chat.sendMessage({message: 'Hello'})).text.length > 0);
      assert.ok((await chat.sendMessage({message: 'And again'})).text.length > 0);
      assert.equal(chat.getHistory().length, 4);
    },
  };
}

async function openaiFeatures() {
  const {default: OpenAI} = await import('openai');
  const client = () => new OpenAI({apiKey: 'pool', baseURL: `${nextProxy()}/v1beta/openai/`, maxRetries: 0});
  const messages = [{role: 'user', content: 'Hello'}];
  return {
    text: async () => {
      const answer = await client().chat.completions.create({model: MODEL, messages});
      assert.ok(answer.choices[0].message.content.length > 0);
      assert.ok(answer.usage.prompt_tokens > 0);
    },
    stream: async () => {
      const stream = await client().chat.completions.create({model: MODEL, messages, stream: true});
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
      assert.ok(text.length > 0);
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
    chat: async () => {
      const history = [...messages, {role: 'assistant', content: 'Hello!'}, {role: 'user', content: 'And again'}];
      const answer = await client().chat.completions.create({model: MODEL, messages: history});
      assert.ok(answer.choices[0].message.content.length > 0);
    },
  };
}

const name = process.argv[2];
const features = name === 'openai' ? await openaiFeatures() : await genaiFeatures(name);
for (const [feature, run] of Object.entries(features)) {
  try {
    await run();
    console.log(JSON.stringify({feature, ok: true}));
  } catch (error) {
    console.log(JSON.stringify({feature, ok: false, detail: String(error)}));
  }
}
