/**
 * Memory of many models, and of models that sleep and wake:
 *
 *   node bench/load/memory.mjs [--models 20] [--write]
 *
 * Registers copies of flowers5 that differ in one byte of one weight, and asks each in turn. `--write` writes
 * docs/memory.md. Linux only.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "../machine.mjs";
import { percentile } from "../statistics.mjs";
import { ROOT, startService } from "./service.mjs";

const MIB = 2 ** 20;
const median = (values) =>
  percentile(
    values.toSorted((one, other) => one - other),
    0.5,
  );
const ROUNDS = 8;
const MODEL = join(ROOT, "models/flowers5");
const PHOTO = join(ROOT, "models/samples/roses-1.jpg");

/** @returns {Promise<{id: string, graph: Buffer}[]>} */
async function makeModels(count) {
  const graph = await readFile(join(MODEL, "graph.pb"));
  return Array.from({ length: count }, (_, index) => {
    const copy = Buffer.from(graph);
    // The middle of the file is weights; the lowest byte of a float changes little.
    copy[(graph.length >> 3) << 2] = index;
    return { id: `copy-${index}`, graph: copy };
  });
}

async function register(url, { id, graph }) {
  const body = new FormData();
  body.set("id", id);
  body.set("manifest", await manifestText());
  body.set("model_file", new Blob([graph]), "graph.pb");
  body.set("label_file", new Blob([await readFile(join(MODEL, "labels.txt"))]), "labels.txt");
  const response = await fetch(`${url}/api/models`, { method: "POST", body });
  if (response.status > 201) throw new Error(`${id} is not registered: ${await response.text()}`);
}

/** Without the id and the hash, which are those of the original. */
async function manifestText() {
  const { id: _id, graph: _graph, ...manifest } = JSON.parse(await readFile(join(MODEL, "manifest.json"), "utf8"));
  return JSON.stringify(manifest);
}

/** @returns {Promise<number>} milliseconds */
async function ask(url, { id }, photo) {
  const start = performance.now();
  const response = await fetch(`${url}/infer?model=${id}&format=json`, {
    method: "POST",
    body: photo,
    headers: { "content-type": "image/jpeg" },
  });
  if (!response.ok) throw new Error(`${id} does not answer: ${await response.text()}`);
  await response.arrayBuffer();
  return performance.now() - start;
}

async function awake(url) {
  const { models } = await (await fetch(`${url}/api/models`)).json();
  return models.filter(({ loaded }) => loaded);
}

/** Every model asked `ROUNDS` times in turn with room for all; then once in turn with room for half of them. */
export async function measure(count) {
  const data = await mkdtemp(join(tmpdir(), "menagerie-memory-"));
  const models = await makeModels(count);
  const photo = await readFile(PHOTO);
  // The default model of the service is one more.
  const settings = { REGISTERED_MODELS_DIR: data, MODELS_LOADED_MAX: String(count + 1) };
  try {
    const roomy = await startService({ ...settings, MODELS_MEMORY_BYTES_MAX: String(64 * 1024 * MIB) });
    for (const model of models) await register(roomy.url, model);
    const warm = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const model of models) warm.push(await ask(roomy.url, model, photo));
    }
    const loaded = (await awake(roomy.url)).filter(({ id }) => id.startsWith("copy-"));
    const each = loaded.map(({ memory_bytes }) => memory_bytes);
    await roomy.stop();

    const limit = Math.round((each.reduce((sum, bytes) => sum + bytes, 0) + median(each)) / 2);
    const tight = await startService({ ...settings, MODELS_MEMORY_BYTES_MAX: String(limit) });
    const waking = [];
    const fresh = [];
    let held = 0;
    for (let round = 0; round < 2; round += 1) {
      for (const model of models) {
        waking.push(await ask(tight.url, model, photo));
        const now = (await awake(tight.url)).map((loaded) => loaded.memory_bytes);
        fresh.push(Math.max(...now));
        held = Math.max(
          held,
          now.reduce((sum, bytes) => sum + bytes, 0),
        );
      }
    }
    const awakeCount = (await awake(tight.url)).length;
    await tight.stop();
    return { count, each, loadedCount: loaded.length, warm, limit, held, awakeCount, waking, fresh };
  } finally {
    await rm(data, { recursive: true });
  }
}

function render({ count, each, loadedCount, warm, limit, held, awakeCount, waking, fresh }) {
  const mib = (bytes) => (bytes / MIB).toFixed(1);
  const machine = describeMachine();
  return `# Memory of many models

Written by \`node bench/load/memory.mjs --write\`: ${count} registered models, copies of flowers5 (a graph of 5.2 MiB) that
differ in one weight, each asked ${ROUNDS} times in turn with the same photo.

| with room for all | |
|---|---:|
| models loaded | ${loadedCount} |
| memory of each further model, median | ${mib(median(each))} MiB |
| of the least and the most | ${mib(Math.min(...each))} and ${mib(Math.max(...each))} MiB |
| an answer, median | ${median(warm).toFixed(0)} ms |

| with \`MODELS_MEMORY_BYTES_MAX\` for half | |
|---|---:|
| limit | ${mib(limit)} MiB |
| models awake at the end, the default model included | ${awakeCount} |
| most memory seen after an answer | ${mib(held)} MiB |
| an answer of a model that slept, median | ${median(waking).toFixed(0)} ms |

- Memory is RssAnon of the model's process: what it shares with no other. The pages of libtensorflow are shared by all.
- A model that just woke holds ${mib(median(fresh))} MiB.
- oneDNN keeps the kernels that it is fed once more in a layout of its own; TensorFlow's own code
  (\`TF_ENABLE_ONEDNN_OPTS=0\`) does not.
- Asked in turn with room for half, every model sleeps when it is asked: each answer loads the graph first.
- ${machine.cpu}, ${machine.cores} cores, layers on ${machine.kernels}, load average ${machine.loadAverage.toFixed(1)}; Node ${machine.node}; ${machine.date}, commit ${machine.commit}.
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: flags } = parseArgs({
    options: { models: { type: "string", default: "20" }, write: { type: "boolean", default: false } },
  });
  const page = render(await measure(Number(flags.models)));
  console.log(page);
  if (flags.write) await writeFile(join(ROOT, "docs/memory.md"), page);
}
