// What the features of all clients share.
import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';

export const MODEL = 'gemini-2.5-flash';
export const EMBEDDING_MODEL = 'gemini-embedding-001';
// A model whose streams the fake ends after two pieces, without the end of the body.
export const CUT_MODEL = process.env.CUT_MODEL;
// One whose streams go no further than their first piece.
export const HANG_MODEL = process.env.HANG_MODEL;

export const FILE_BYTES = 20 * 1024 * 1024;
export const FILE_USES = 12;
// How often a client comes back to what it keeps at Google: more often than there are projects.
export const USES = 6;
export const LIVE_TEXT_BYTES = 1_000_000;

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

// The same for a client whose streams never end when they are aborted: leaves it there.
export async function leaveInMidStream(open) {
  const aborting = new AbortController();
  for await (const _ of await open(aborting.signal)) return aborting.abort();
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

export const randomText = (bytes) => randomBytes(bytes).toString('base64').slice(0, bytes);
