// One feature after the other with one official JavaScript client; a line of JSON for each on standard output.
// usage: node clients.mjs CLIENT, a key of CLIENTS
import {genaiFeatures} from './genai.mjs';
import {langchainFeatures} from './langchain.mjs';
import {legacyFeatures} from './legacy.mjs';
import {openaiFeatures} from './openai.mjs';

const CLIENTS = {
  'genai-current': () => genaiFeatures('genai-current'),
  'genai-before': () => genaiFeatures('genai-before'),
  'genai-first': () => genaiFeatures('genai-first'),
  legacy: legacyFeatures,
  langchain: langchainFeatures,
  openai: openaiFeatures,
};

// Some clients reject promises of theirs that nobody has asked for, beside the one that was.
process.on('unhandledRejection', () => {});

for (const [feature, run] of Object.entries(await CLIENTS[process.argv[2]]())) {
  try {
    await run();
    console.log(JSON.stringify({feature, ok: true}));
  } catch (error) {
    console.log(JSON.stringify({feature, ok: false, detail: String(error?.stack ?? error)}));
  }
}
// Connections that a feature left open must not keep the process.
process.exit(0);
