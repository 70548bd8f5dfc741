// What the features of all clients share.
import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';

export const MODEL = 'gemini-2.5-flash';
export const EMBEDDING_MODEL = 'gemini-embedding-001';
// A model whose streams the fake ends after two pieces, without the end of the body.
export const CUT_MODEL = process.env.CUT_MODEL;

const proxies = process.env.PROXIES.split(',');
let calls = 0;
// The other proxy than the one before.
export const nextProxy = () => proxies[calls++ % proxies.length];

export const WEATHER = {
  name: 'weather',
  description: 'The weather in a city.',
  parameters: {type: 'object', properties: {city: {type: 'string'}}},
};

// Ends the stream of `open(signal)` after its first piece.
export async function abortInMidStream(open) {
  const aborting = new AbortController();
  let pieces = 0;
  await assert.rejects(async () => {
    for await (const _ of await open(aborting.signal)) {
      if (++pieces === 1) aborting.abort();
    }
    throw new DOMException('the stream had ended before', 'AbortError');
  });
  assert.ok(pieces >= 1);
}

// The same for a client whose streams never end when they are aborted: leaves.
export async function leaveInMidStream(open) {
  for await (const _ of await open()) return;
  assert.fail('no piece came');
}

// A stream that upstream cuts must not look complete.
export async function expectCut(open) {
  let pieces = 0;
  await assert.rejects(async () => {
    for await (const _ of await open()) pieces += 1;
  });
  return pieces;
}

export const testFile = (bytes) => new Blob([randomBytes(bytes)], {type: 'text/plain'});
