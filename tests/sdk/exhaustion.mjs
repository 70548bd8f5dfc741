// What one official JavaScript client makes of a pool in which no key can serve; a line of JSON for
// each feature.
// usage: node exhaustion.mjs genai-current|genai-before|openai
import assert from 'node:assert/strict';

const {PROXY, NEAR_MODEL, DAY_MODEL} = process.env;

// What `call` rejects with.
async function refusalOf(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('was not refused');
}

function checkBody(body, window) {
  assert.match(body.error.message, /of the pool.*Please retry in [0-9.]+s/s);
  const detail = (name) => body.error.details.find((one) => one['@type'].endsWith(`.${name}`));
  assert.match(detail('QuotaFailure').violations[0].quotaId, new RegExp(window));
  assert.match(detail('RetryInfo').retryDelay, /^[0-9.]+s$/);
}

async function genaiFeatures(packageName) {
  const {ApiError, GoogleGenAI} = await import(packageName);
  const client = new GoogleGenAI({apiKey: 'pool', httpOptions: {baseUrl: PROXY}});
  const isRefused = async (method, model, window) => {
    const error = await refusalOf(() => client.models[method]({model, contents: 'Hello'}));
    assert.ok(error instanceof ApiError, String(error));
    assert.equal(error.status, 429);
    let body = JSON.parse(error.message);
    // The client wraps what is not called application/json, as Google's refused streams are not.
    if (body.error.details === undefined) body = JSON.parse(body.error.message);
    checkBody(body, window);
  };
  return {
    'day': () => isRefused('generateContent', DAY_MODEL, 'PerDay'),
    'day stream': () => isRefused('generateContentStream', DAY_MODEL, 'PerDay'),
    'day interaction': async () => {
      const asked = {model: DAY_MODEL, input: 'Hello'};
      const error = await refusalOf(() => client.interactions.create(asked, {maxRetries: 0}));
      assert.equal(error.status, 429);
      checkBody(error.error, 'PerDay');
    },
    'minute': () => isRefused('generateContent', NEAR_MODEL, 'PerMinute'),
    'minute stream': () => isRefused('generateContentStream', NEAR_MODEL, 'PerMinute'),
    'waits': async () => {
      const answer = await client.interactions.create({model: NEAR_MODEL, input: 'Hello'});
      assert.equal(answer.status, 'completed');
    },
  };
}

async function openaiFeatures() {
  const {default: OpenAI} = await import('openai');
  const client = new OpenAI({apiKey: 'pool', baseURL: `${PROXY}/v1beta/openai/`});
  const messages = [{role: 'user', content: 'Hello'}];
  const isRefused = async (stream) => {
    const ask = () => client.chat.completions.create({model: DAY_MODEL, messages, stream});
    const error = await refusalOf(ask);
    assert.ok(error instanceof OpenAI.RateLimitError, String(error));
    assert.equal(error.status, 429);
    assert.match(error.message, /of the pool/);
    checkBody(error.error[0], 'PerDay');
  };
  return {
    'day': () => isRefused(false),
    'day stream': () => isRefused(true),
    'waits': async () => {
      const answer = await client.chat.completions.create({model: NEAR_MODEL, messages});
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
