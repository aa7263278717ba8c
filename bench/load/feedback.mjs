/**
 * What remembering answers costs: photos at full rate on services that differ in that alone, in turn, so that a machine
 * whose speed changes does so for all. Each turn's rate is held against that of the service that remembers nothing, in the
 * same turn.
 *
 *   node bench/load/feedback.mjs [--turns 15] [--answers 1000] [--clients 8] [--write]
 *
 * `--write` puts the result into docs/feedback.md.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPostgres } from "../../node/test/support/postgres.mjs";
import { encodePost, HttpClient } from "../http-client.mjs";
import { describeMachine } from "../machine.mjs";
import { cpuSeconds } from "../process-tree.mjs";
import { median } from "../statistics.mjs";
import { ROOT, startService } from "./service.mjs";

const PAGE = join(ROOT, "docs/feedback.md");
const HEADING = "## What it costs";
const PHOTO = join(ROOT, "models/samples/sunflowers-1.jpg");
const SETTLE_MS = 10_000;
const SETTLE_POLL_MS = 100;

const { values: flags } = parseArgs({
  options: {
    turns: { type: "string", default: "15" },
    answers: { type: "string", default: "1000" },
    clients: { type: "string", default: "8" },
    write: { type: "boolean", default: false },
  },
});
const [turnCount, answerCount, clientCount] = [flags.turns, flags.answers, flags.clients].map(Number);

const accept = { accept: "application/json" };
const ask = encodePost("/infer", { "content-type": "image/jpeg", ...accept }, await readFile(PHOTO));

// With the settings that Debian gives it, the disk's among them.
const postgres = await startPostgres([]);
const places = {
  nothing: { FEEDBACK: "off" },
  SQLite: {},
  ...(postgres === null ? {} : { PostgreSQL: { DATABASE_URL: await postgres.newDatabase() } }),
};
const services = await Promise.all(
  Object.entries(places).map(async ([store, environment]) => {
    const service = await startService(environment);
    return {
      store,
      service,
      client: new HttpClient(service.url),
      rates: { asked: [], said: [] },
      cpuMs: { asked: [], said: [] },
    };
  }),
);

// The first turn warms up.
for (let turn = 0; turn <= turnCount; turn += 1) {
  // Whoever is first in one turn is last in the next.
  const order = services.map((_, place) => services[(place + turn) % services.length]);
  for (const kind of ["asked", "said"]) {
    for (const one of order) {
      const before = cpuSeconds([one.service.pid]);
      const rate = await answersPerSecond(one.client, kind === "said");
      if (turn === 0) continue;
      one.rates[kind].push(rate);
      one.cpuMs[kind].push((1000 * (cpuSeconds([one.service.pid]) - before)) / answerCount);
    }
  }
}
const reports = await Promise.all(services.map(async (one) => ({ ...one, ...(await settled(one)) })));
for (const { client, service } of services) {
  client.close();
  await service.stop();
}
await postgres?.remove();

const section = render();
console.log(section);
if (flags.write) await writeSection();
if (reports.some(({ dropped }) => dropped > 0)) process.exitCode = 1;

/** With `isSaid`, each answer is followed by what it really was. */
async function answersPerSecond(client, isSaid) {
  let left = answerCount;
  const began = performance.now();
  const run = async () => {
    while (left > 0) {
      left -= 1;
      const { status, body } = await client.send(ask);
      if (status !== 200) throw new Error(`status ${status}: ${body}`);
      if (!isSaid) continue;
      const { request_id } = JSON.parse(body.toString());
      const words = Buffer.from(JSON.stringify({ request_id, label: "sunflowers" }));
      const said = await client.send(
        encodePost("/api/feedback", { "content-type": "application/json", ...accept }, words),
      );
      // Of a service that remembers nothing it costs as much, but for the store.
      if (said.status !== 200 && said.status !== 404) throw new Error(`status ${said.status}: ${said.body}`);
    }
  };
  await Promise.all(Array.from({ length: clientCount }, run));
  return (1000 * answerCount) / (performance.now() - began);
}

/** What is remembered once all is written, and what was dropped. */
async function settled({ store, service }) {
  if (store === "nothing") return { remembered: 0, dropped: 0 };
  const read = async (path) => (await fetch(`${service.url}/${path}`)).json();
  const until = performance.now() + SETTLE_MS;
  let { feedback } = await read("readyz");
  while (feedback.waiting > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
    ({ feedback } = await read("readyz"));
  }
  const { answers, n } = await read("api/models/flowers5/accuracy");
  return { remembered: answers, said: n, dropped: feedback.dropped };
}

function render() {
  const machine = describeMachine();
  const [without] = reports;
  const ratio = (rates, others) => median(rates.map((rate, turn) => rate / others[turn])).toFixed(3);
  const rows = reports.map(({ store, rates, cpuMs, remembered, dropped }) =>
    [
      store,
      median(rates.asked).toFixed(0),
      ratio(rates.asked, without.rates.asked),
      median(cpuMs.asked).toFixed(2),
      median(rates.said).toFixed(0),
      ratio(rates.said, without.rates.said),
      median(cpuMs.said).toFixed(2),
      remembered,
      dropped,
    ].join(" | "),
  );
  return `
\`node bench/load/feedback.mjs --write\` puts ${clientCount} clients on services that remember nothing, or in SQLite or in
PostgreSQL, in turn, each for ${answerCount} answers of \`flowers5\`, ${turnCount} times; then again with what it really was said of each
answer, which a service that remembers nothing refuses. A share is that of the same turn's rate without, the median of all
turns; processor time is that of the service and its engines, for an answer.

| remembered in | answers a second | share | processor, ms | with feedback of each | share | processor, ms | remembered | dropped |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
${rows.map((row) => `| ${row} |`).join("\n")}

${machine.cpu}, ${machine.cores} cores, which the clients and PostgreSQL share, layers on ${machine.kernels}; Node ${machine.node}; ${machine.date}, commit
${machine.commit}; load average before the end ${machine.loadAverage.toFixed(1)}.
`;
}

async function writeSection() {
  const [head] = (await readFile(PAGE, "utf8")).split(`${HEADING}\n`);
  await writeFile(PAGE, `${head.trimEnd()}\n\n${HEADING}\n${section}`);
}
