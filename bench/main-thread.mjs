/**
 * What Node's main thread takes of the processor for a photo that comes in a form, `node bench/main-thread.mjs [SECONDS]
 * [CHECKOUT]`, for one client and for eight: the service's, that of another checkout's service beside it in turn, and those of
 * `constant-server.mjs`, which are asked now and then while the service works, so that their caches are as cold as its own.
 * Linux alone tells a thread's time.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT_DIR } from "../scripts/setup/paths.mjs";
import { encodeForm, encodePost } from "./http-client.mjs";
import { closedLoop } from "./loops.mjs";
import { startServer } from "./server-process.mjs";
import { median } from "./statistics.mjs";

const CLIENT_COUNTS = [1, 8];
const SLICE_MS = 2000;
const WARM_UP_REQUESTS = 3000;
/** From an answer of a constant server to its next question. */
const PAUSE_MS = 8;
const CONSTANT_KINDS = ["http", "express", "fileupload"];

const [seconds = 30, checkout] = process.argv.slice(2);
const modelsDir = join(ROOT_DIR, "models");
const photo = readFileSync(join(modelsDir, "samples/daisy-1.jpg"));
const { headers, body } = encodeForm([
  { name: "model", content: "flowers5" },
  { name: "image_file", file: "daisy.jpg", type: "image/jpeg", content: photo },
]);
const request = encodePost("/infer?format=json", headers, body);

async function start(name, args) {
  const env = { PORT: "0", HOST: "127.0.0.1", MODELS_DIR: modelsDir };
  const server = await startServer({ command: process.execPath, args, env });
  const ask = async () => {
    const answer = await server.client.send(request);
    if (answer.status !== 200) throw new Error(answer.body.toString());
  };
  const mainMs = () => Number(readFileSync(`/proc/${server.child.pid}/schedstat`, "latin1").split(" ")[0]) / 1e6;
  return { name, ask, mainMs, stop: server.stop };
}

const roots = [ROOT_DIR, ...(checkout === undefined ? [] : [resolve(checkout)])];
const services = await Promise.all(roots.map((root) => start(root, [join(root, "node/dist/server.js")])));
const constantServer = fileURLToPath(new URL("constant-server.mjs", import.meta.url));
const constants = await Promise.all(CONSTANT_KINDS.map((kind) => start(kind, [constantServer, kind])));

/** Asks until the slice is over, and gives what the main thread took for each answer, in ms. */
async function slice({ ask, mainMs }, clientCount, pauseMs = 0) {
  const before = mainMs();
  const paused = async () => {
    await ask();
    if (pauseMs > 0) await new Promise((done) => setTimeout(done, pauseMs));
  };
  const { latenciesMs } = await closedLoop(paused, clientCount, SLICE_MS);
  return (mainMs() - before) / latenciesMs.length;
}

try {
  for (const { ask } of [...services, ...constants]) for (let count = 0; count < WARM_UP_REQUESTS; count++) await ask();
  for (const clientCount of CLIENT_COUNTS) {
    const seen = new Map([...services, ...constants].map(({ name }) => [name, []]));
    const note = async (server, ...how) => seen.get(server.name).push(await slice(server, ...how));
    for (let round = 0; round < (1000 * seconds) / SLICE_MS / services.length; round++) {
      for (const service of services) {
        await Promise.all([note(service, clientCount), ...constants.map((constant) => note(constant, 1, PAUSE_MS))]);
      }
    }
    console.log(`${clientCount} client(s), main thread for each answer:`);
    for (const [name, each] of seen) console.log(`  ${median(each).toFixed(3)} ms  ${name}`);
    const [own, other] = services.map(({ name }) => seen.get(name));
    if (other !== undefined) {
      console.log(`  ${median(own.map((ms, round) => ms / other[round])).toFixed(3)} of the other checkout's`);
    }
  }
} finally {
  await Promise.all([...services, ...constants].map((server) => server.stop()));
}
