// What Google's client, in any of its versions, has of caches, batches, interactions and Live sessions.
import assert from 'node:assert/strict';
import {LIVE_TEXT_BYTES, MODEL, USES, randomText, testFile} from './common.mjs';

async function names(pager) {
  const all = [];
  for await (const one of await pager) all.push(one.name);
  return all;
}

async function caches(client) {
  const made = await client().caches.create({model: MODEL, config: {
    contents: [{role: 'user', parts: [{text: 'A long text.'}]}], displayName: 'kept', ttl: '3600s'}});
  const {name} = made;
  const got = await client().caches.get({name});
  assert.equal(got.displayName, 'kept');
  for (let use = 0; use < USES; ++use) {
    const answer = await client().models.generateContent({model: MODEL, contents: 'What is it?', config: {cachedContent: name}});
    assert.ok(answer.usageMetadata.cachedContentTokenCount > 0);
  }
  assert.ok((await names(client().caches.list({config: {pageSize: 1}}))).includes(name), 'the cache is not listed');
  const updated = await client().caches.update({name, config: {ttl: '7200s'}});
  assert.ok(Date.parse(updated.expireTime) > Date.parse(made.expireTime), updated.expireTime);
  assert.equal((await client().caches.get({name})).expireTime, updated.expireTime);
  await client().caches.delete({name});
  await assert.rejects(client().caches.get({name}));
}

async function oneBatch(client, src) {
  const {name} = await client().batches.create({model: MODEL, src, config: {displayName: 'many'}});
  assert.equal((await client().batches.get({name})).state, 'JOB_STATE_PENDING');
  assert.ok((await names(client().batches.list({config: {pageSize: 1}}))).includes(name), 'the batch is not listed');
  await client().batches.cancel({name});
  assert.equal((await client().batches.get({name})).state, 'JOB_STATE_CANCELLED');
  await client().batches.delete({name});
  await assert.rejects(client().batches.get({name}));
}

async function batches(client) {
  await oneBatch(client, [{contents: [{role: 'user', parts: [{text: 'Hello'}]}]}]);
  const file = await client().files.upload({file: testFile(1000), config: {mimeType: 'application/jsonl'}});
  for (let use = 0; use < USES; ++use) await oneBatch(client, {fileName: file.name});
}

async function interactions(client) {
  const ask = (input, more) => client().interactions.create({model: MODEL, input, ...more});
  const asked = [await ask('Hello')];
  for (let use = 0; use < USES; ++use) {
    asked.push(await ask('And again', {previous_interaction_id: asked.at(-1).id}));
  }
  for (const {id} of asked) assert.equal((await client().interactions.get(id)).status, 'completed');
  for (const {id} of asked) {
    await client().interactions.delete(id);
    await assert.rejects(client().interactions.get(id));
  }
}

// A session in which what is said comes back.
async function live(client) {
  let heard = '';
  let turnEnded;
  const ended = (error) => turnEnded?.reject(error);
  const session = await client().live.connect({model: MODEL, callbacks: {
    onmessage: ({serverContent}) => {
      for (const part of serverContent?.modelTurn?.parts ?? []) heard += part.text ?? '';
      if (serverContent?.turnComplete) turnEnded.resolve();
    },
    onerror: ({message}) => ended(new Error(message)),
    onclose: ({code, reason}) => ended(new Error(`closed with ${code} ${reason}`)),
  }});
  for (const said of ['Hello', randomText(LIVE_TEXT_BYTES), 'And again']) {
    heard = '';
    const turn = new Promise((resolve, reject) => (turnEnded = {resolve, reject}));
    session.sendClientContent({turns: said});
    await turn;
    assert.ok(heard === said, `${heard.length} characters came back for ${said.length}`);
  }
  turnEnded = undefined;
  session.close();
}

export const resourceFeatures = (client) => ({
  caches: () => caches(client),
  batches: () => batches(client),
  interactions: () => interactions(client),
  Live: async () => {
    await live(client);
    await live(client);
  },
});
