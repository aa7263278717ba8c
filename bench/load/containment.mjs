/**
 * What the clients of an honest model notice of hostile graphs: `node bench/load/containment.mjs [rounds] [seconds]`.
 *
 * One client asks the zoo's default model. Slices in which it is alone take turns with slices beside an uploaded graph
 * that works without a pause, and beside one that fills memory. Prints the latencies of each, with the ratio to those
 * when alone.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT_DIR } from "../../scripts/setup/paths.mjs";
import { encodeForm, encodePost } from "../http-client.mjs";
import { describeMachine } from "../machine.mjs";
import { ACCEPT_JSON, encodeInfer, startService } from "../service.mjs";
import { percentile } from "../statistics.mjs";
import { busyGraph, greedyGraph } from "./hostile-graphs.mjs";

/** Requests that a hostile client keeps in flight. */
const HOSTILE_CLIENTS = 2;
/** Time for a hostile graph to be loaded and at work before latencies count. */
const LEAD_MS = 2000;
const [rounds = 6, seconds = 8] = process.argv.slice(2).map(Number);

const image = await readFile(join(ROOT_DIR, "models/samples/sunflowers-1.jpg"));
const question = encodeInfer(image);
const { client, stop } = await startService({ modelsDir: join(ROOT_DIR, "models") });

const kinds = [
  { name: "alone", attack: null },
  { name: "beside a busy graph", attack: attackOf(busyGraph(8)) },
  { name: "beside a greedy graph", attack: attackOf(greedyGraph(1)) },
].map((kind) => ({ ...kind, latenciesMs: [], statuses: {} }));

for (let round = 0; round < rounds; round += 1) {
  for (const kind of kinds) {
    let over = false;
    const attacks = kind.attack === null ? [] : Array.from({ length: HOSTILE_CLIENTS }, () => attack(kind, () => over));
    await ask(LEAD_MS);
    kind.latenciesMs.push(...(await ask(seconds * 1000)));
    over = true;
    await Promise.all(attacks);
  }
}
await stop();

const [alone] = kinds;
console.log(`${JSON.stringify(describeMachine())}\n${rounds} rounds of ${seconds} s`);
for (const kind of kinds) {
  const columns = [0.5, 0.99].map((rank) => {
    const ms = latency(kind, rank);
    return `p${rank * 100} ${ms.toFixed(1)} ms (${(ms / latency(alone, rank)).toFixed(2)}x)`;
  });
  console.log(
    `${kind.name}: ${kind.latenciesMs.length} answers, ${columns.join(", ")} ${JSON.stringify(kind.statuses)}`,
  );
}

/** One client in a closed loop for `sliceMs`. */
async function ask(sliceMs) {
  const latenciesMs = [];
  const end = performance.now() + sliceMs;
  while (performance.now() < end) {
    const asked = performance.now();
    const { status, body } = await client.send(question);
    if (status !== 200) throw new Error(`the honest client got ${status}: ${body}`);
    latenciesMs.push(performance.now() - asked);
  }
  return latenciesMs;
}

/** A request with a graph of the client's own. */
function attackOf(graph) {
  const { headers, body } = encodeForm([
    { name: "model_file", file: "graph.pb", content: graph },
    { name: "label_file", file: "labels.txt", content: "one\ntwo\n" },
    { name: "image_file", file: "image.jpg", content: image },
  ]);
  return encodePost("/infer", { ...headers, ...ACCEPT_JSON }, body);
}

/** Sends it again and again, whatever is answered. */
async function attack(kind, isOver) {
  while (!isOver()) {
    const { status, body } = await client.send(kind.attack);
    const outcome = status === 200 ? "200" : `${status} ${JSON.parse(body.toString()).code}`;
    kind.statuses[outcome] = (kind.statuses[outcome] ?? 0) + 1;
  }
}

function latency({ latenciesMs }, rank) {
  return percentile(
    latenciesMs.toSorted((one, other) => one - other),
    rank,
  );
}
