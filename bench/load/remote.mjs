/**
 * Tensors on other servers under load: MLServer from its package, and a second Menagerie, over each protocol, beside the
 * engine here, in turn; then MLServer killed and started again in the middle. Nothing may be lost or wrong.
 *
 *   node bench/load/remote.mjs [--seconds 20] [--clients 8] [--write]
 *
 * `--write` puts the tables into docs/remote-engines.md. Where pip cannot install MLServer it is passed over, with the reason.
 */
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine } from "../machine.mjs";
import { createClient, learnOutcomes, randomNumbers, runClients, Tally } from "./clients.mjs";
import { prepareMlServer } from "./mlserver.mjs";
import { ROOT, startService } from "./service.mjs";
import { prepareQuestions } from "./traffic.mjs";

const MODELS = ["flowers5", "waste6"];
/** One after the other, by one client, each in turn with the engine here. */
const ALONE_COUNT = 150;
/** Of the clients, in turn with the engine here: what else the machine does concerns both. */
const SLICE_MS = 4000;
const KILL_EVERY_MS = 10_000;
const DOWN_MS = 3000;
const BEGIN = "<!-- measured -->";
const END = "<!-- /measured -->";

const { values: flags } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    clients: { type: "string", default: "8" },
    write: { type: "boolean", default: false },
  },
});

const questions = Object.values(await prepareQuestions(ROOT, ["photo"])).flat();
const random = randomNumbers(1);
const choose = () => questions[Math.floor(random() * questions.length)];
// With RUNTIME=onnxruntime, which is what MLServer runs here.
const OWN = { RUNTIME: "onnxruntime", GRPC_PORT: "0", FEEDBACK: "off" };
const own = await startService(OWN);
await learnOutcomes(own.url, { photo: questions });
const rows = [];
const second = await startService(OWN);
for (const [speech, port] of [
  ["v2+http", new URL(second.url).port],
  ["v2+grpc", second.grpcPort],
  ["tfs+http", new URL(second.url).port],
]) {
  rows.push(await throughServer(`a second Menagerie, \`${speech}\``, `${speech}://127.0.0.1:${port}`));
}
await second.stop();
const mlServer = prepareMlServer(MODELS, { http: await freePort(), grpc: await freePort(), metrics: await freePort() });
if ("reason" in mlServer) {
  console.log(`skipped: MLServer cannot be installed: ${mlServer.reason}`);
} else {
  await mlServer.start();
  for (const speech of ["v2+http", "v2+grpc"]) {
    rows.push(await throughServer(`MLServer, \`${speech}\``, mlServer.addressOf(speech)));
  }
  const killed = "MLServer, `v2+http`, killed every 10 s and started again 3 s later";
  rows.push(await throughServer(killed, mlServer.addressOf("v2+http"), () => killAgainAndAgain(mlServer)));
  await mlServer.remove();
}
await own.stop();
console.log(renderTable(rows));
for (const { title, tally } of rows) {
  for (const what of [...tally.lost, ...tally.wrong].slice(0, 20)) console.error(`${title}: ${what}`);
}
if (flags.write) await writeTable(renderTable(rows));
if (rows.some(({ tally }) => tally.lost.length + tally.wrong.length > 0)) process.exitCode = 1;

/** `disturb` begins something that goes on until what it answers is called; then the engine here is not asked in turn. */
async function throughServer(title, address, disturb) {
  const service = await startService({ ...OWN, ENGINE: address });
  try {
    const largest = await largestDifference(service.url);
    const [ownMs, aloneMs] = await mediansAlone([own.url, service.url]);
    const [tally, ownTally] = [new Tally(), new Tally()];
    const stop = disturb?.();
    const endMs = performance.now() + 1000 * Number(flags.seconds) * (disturb === undefined ? 2 : 1);
    while (performance.now() < endMs) {
      await runSlice(service.url, tally);
      if (disturb === undefined) await runSlice(own.url, ownTally);
    }
    await stop?.();
    const pace = disturb === undefined ? tally.answered / ownTally.answered : null;
    console.error(
      `${title}: ${tally.answered} of ${tally.sent}, alone ${aloneMs.toFixed(1)} ms beside ${ownMs.toFixed(1)}`,
    );
    return { title, largest, aloneMs, alone: aloneMs / ownMs, pace, tally };
  } finally {
    await service.stop();
  }
}

async function runSlice(url, tally) {
  const endMs = performance.now() + SLICE_MS;
  await runClients(url, Number(flags.clients), choose, () => performance.now() > endMs, tally);
}

/** Of a probability from that of the engine here, over all photos and classes. */
async function largestDifference(url) {
  let largest = 0;
  for (const question of questions) {
    const [found, wanted] = await Promise.all([url, own.url].map((from) => topOf(from, question)));
    for (const [label, probability] of found) {
      largest = Math.max(largest, Math.abs(probability - (wanted.get(label) ?? Number.NaN)));
    }
  }
  return largest;
}

async function topOf(url, { path, headers, body }) {
  const response = await fetch(`${url}${path}`, { method: "POST", headers, body });
  const { results } = await response.json();
  return new Map(results[0].top.map(({ label, probability }) => [label, probability]));
}

async function mediansAlone(urls) {
  const clients = urls.map(createClient);
  const times = urls.map(() => []);
  for (let count = 0; count < ALONE_COUNT; count += 1) {
    const question = choose();
    for (const [at, client] of clients.entries()) {
      const began = performance.now();
      await client.ask(question);
      times[at].push(performance.now() - began);
    }
  }
  for (const client of clients) client.close();
  return times.map((list) => list.sort((a, b) => a - b)[ALONE_COUNT / 2]);
}

function killAgainAndAgain(server) {
  let isOver = false;
  const done = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, KILL_EVERY_MS));
      if (isOver) return;
      await server.kill();
      await new Promise((resolve) => setTimeout(resolve, DOWN_MS));
      await server.start();
    }
  })();
  return async () => {
    isOver = true;
    await done;
  };
}

function renderTable(all) {
  return [
    "| tensors run on | sent | answered | refused | lost | wrong | largest difference | one client, median | beside the engine here | answers a second beside it |",
    "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ...all.map(({ title, largest, aloneMs, alone, pace, tally }) => {
      const refused = Object.entries(tally.refused).map(([code, count]) => `${count} \`${code}\``);
      const cells = [title, tally.sent, tally.answered, refused.join(", ") || 0, tally.lost.length, tally.wrong.length];
      const times = [`${aloneMs.toFixed(1)} ms`, alone.toFixed(2), pace === null ? "" : pace.toFixed(2)];
      return `| ${[...cells, largest === 0 ? 0 : largest.toExponential(0), ...times].join(" | ")} |`;
    }),
  ].join("\n");
}

async function writeTable(table) {
  const file = join(ROOT, "docs/remote-engines.md");
  const page = await readFile(file, "utf8");
  const { cpu, cores, node, date, commit, loadAverage } = describeMachine();
  const said = `${cpu}, ${cores} cores, which clients and all servers share; Node ${node}; ${date}, commit ${commit}; load average at the end ${loadAverage.toFixed(1)}.`;
  const measured = `${BEGIN}\n\n${flags.clients} clients for ${flags.seconds} s a row. ${said}\n\n${table}\n\n${END}`;
  await writeFile(
    file,
    page.replace(new RegExp(`${BEGIN}[^]*${END}`), () => measured),
  );
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
