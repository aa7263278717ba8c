/**
 * One honest client beside each attack: what it notices, and whether the service is afterwards as it was.
 *
 *   node bench/load/fairness/run.mjs [--seconds 30] [--only NAME,NAME] [--search SECONDS] [--write]
 *
 * `--search` is how long the worst image of each format is searched for; `--write` writes docs/fairness.md. Linux only.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "../../machine.mjs";
import { readProcesses } from "../processes.mjs";
import { ROOT, startService } from "../service.mjs";
import { ATTACKS } from "./attacks.mjs";
import { askHonestly } from "./honest.mjs";
import { makeWorstImages } from "./worst-images.mjs";

/** Time for an attack to be at work before anything counts, and for the service to come to rest after it. */
const LEAD_MS = 2000;
const REST_MS_MAX = 60_000;
const ATTACKER = fileURLToPath(new URL("attacker.mjs", import.meta.url));
const OTHER_ADDRESS = "127.0.0.2";
const SAME_ADDRESS = "127.0.0.1";
const MIB = 2 ** 20;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @typedef {object} State
 * @property {number} threads of the service
 * @property {number} descriptors
 * @property {number} engines
 * @property {number} rssBytes
 * @property {{ requests: number, waiting: number, bytes: number, connections: number }} held
 */

/** @returns {Promise<State>} */
async function stateOf({ url, pid }) {
  const { held } = await (await fetch(`${url}/readyz`, { headers: { connection: "close" } })).json();
  const [own, ...engines] = readProcesses(pid).filter(({ isZombie }) => !isZombie);
  return {
    threads: readdirSync(`/proc/${pid}/task`).length,
    descriptors: own.descriptorCount,
    engines: engines.length,
    rssBytes: own.rssBytes,
    held,
  };
}

/** Waits until nothing is held any more. */
async function rest(service) {
  const end = performance.now() + REST_MS_MAX;
  for (;;) {
    const state = await stateOf(service);
    const { requests, waiting, bytes, connections } = state.held;
    if (requests + waiting + bytes === 0 && connections <= 1) return state;
    if (performance.now() > end) return state;
    await sleep(250);
  }
}

/** Most memory of the service since last reset, in bytes. */
function peakRss(pid) {
  return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
}

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} title
 * @property {boolean} isSameAddress
 * @property {import("./honest.mjs").Outcome} alone
 * @property {import("./honest.mjs").Outcome} beside
 * @property {State} before
 * @property {State} after
 * @property {number} peakBytes
 * @property {boolean} isUp
 */

/**
 * Runs attacks on one service, each between two rests.
 * @param {{ names: readonly string[], seconds: number, imagesDir: string, sameAddress?: boolean }} options
 * @returns {Promise<Row[]>}
 */
export async function runAttacks({ names, seconds, imagesDir, sameAddress = false }) {
  const service = await startService();
  const photo = await readFile(join(ROOT, "models/samples/sunflowers-1.jpg"));
  /** @type {Row[]} */
  const rows = [];
  try {
    for (const model of ["flowers5", "waste6"]) {
      await fetch(`${service.url}/infer?model=${model}`, {
        method: "POST",
        headers: { "content-type": "image/jpeg" },
        body: photo,
      });
    }
    await askHonestly(service.url, photo, 2);
    for (const name of names) {
      const alone = await askHonestly(service.url, photo, seconds);
      const before = await rest(service);
      const attacker = spawn(
        process.execPath,
        [ATTACKER, name, new URL(service.url).port, sameAddress ? SAME_ADDRESS : OTHER_ADDRESS, imagesDir],
        { stdio: ["pipe", "inherit", "inherit"] },
      );
      await sleep(LEAD_MS);
      const beside = await askHonestly(service.url, photo, seconds);
      attacker.stdin.end();
      await new Promise((resolve) => attacker.once("exit", resolve));
      const after = await rest(service);
      const { title } = ATTACKS[name];
      const peakBytes = peakRss(service.pid);
      rows.push({
        name,
        title,
        isSameAddress: sameAddress,
        alone,
        beside,
        before,
        after,
        peakBytes,
        isUp: service.isUp(),
      });
    }
  } finally {
    await service.stop();
  }
  return rows;
}

/**
 * What did not hold, in words.
 * @param {Row} row
 * @param {{ ratioMax: number, p99MsFree?: number }} wanted the most that p99 may be of that alone, where it is above the other
 */
export function complaintsOf({ name, alone, beside, before, after, isUp }, { ratioMax, p99MsFree = 0 }) {
  const complaints = [];
  const failedCount = Object.values(beside.failed).reduce((sum, count) => sum + count, 0);
  const asked = beside.count + failedCount;
  if (!isUp) complaints.push("the service is gone");
  if (failedCount > asked / 1000)
    complaints.push(`${failedCount} of ${asked} failed: ${JSON.stringify(beside.failed)}`);
  if (!(beside.p99 <= Math.max(p99MsFree, ratioMax * alone.p99))) {
    complaints.push(`p99 is ${(beside.p99 / alone.p99).toFixed(1)} times that alone`);
  }
  for (const key of ["threads", "engines", "descriptors"]) {
    // A spare may be starting, and a model that was loaded stays loaded.
    if (after[key] > before[key] + SLACK[key]) complaints.push(`${after[key]} ${key} after ${before[key]}`);
  }
  const { requests, waiting, bytes } = after.held;
  if (requests + waiting + bytes > 0) complaints.push(`it still holds ${JSON.stringify(after.held)}`);
  return complaints.map((complaint) => `${name}: ${complaint}`);
}

/** Engines of graphs that are kept warm (`MODELS_LOADED_MAX`), with their three pipes and threads of the pool. */
const SLACK = { threads: 4, engines: 4, descriptors: 20 };

function renderTable(rows) {
  const ms = (value) => value.toFixed(1);
  return [
    "| attack | from | alone p50, p99 | beside p50, p99 | p99 ratio | answered | failed | RSS before, after | most |",
    "|---|---|---|---|---:|---:|---|---|---:|",
    ...rows.map(({ title, isSameAddress, alone, beside, before, after, peakBytes }) =>
      [
        "",
        title,
        isSameAddress ? "the same address" : "another address",
        `${ms(alone.p50)}, ${ms(alone.p99)} ms`,
        `${ms(beside.p50)}, ${ms(beside.p99)} ms`,
        (beside.p99 / alone.p99).toFixed(1),
        beside.count,
        Object.entries(beside.failed)
          .map(([code, count]) => `${count} \`${code}\``)
          .join(", ") || "0",
        `${Math.round(before.rssBytes / MIB)}, ${Math.round(after.rssBytes / MIB)} MiB`,
        `${Math.round(peakBytes / MIB)} MiB`,
        "",
      ]
        .join(" | ")
        .trim(),
    ),
  ].join("\n");
}

function renderPage(rows, seconds) {
  const machine = describeMachine();
  return `# Fair shares, measured

Written by \`node bench/load/fairness/run.mjs --write\`. One honest client asks the default model, a photo each 50 ms, first
alone and then beside the attack, ${seconds} seconds each. The service has its default settings. The attackers run at the
lowest priority, for they would be on other machines. RSS is that of the service without its engines; "most" is since the
service began, so that it only grows from row to row.

${renderTable(rows)}

${machine.cpu}, ${machine.cores} cores, which the clients share; Node ${machine.node}; ${machine.date}, commit ${machine.commit}; load average at the end ${machine.loadAverage.toFixed(1)}.
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: flags } = parseArgs({
    options: {
      seconds: { type: "string", default: "30" },
      only: { type: "string", default: Object.keys(ATTACKS).join() },
      search: { type: "string", default: "0" },
      "same-address": { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const imagesDir = await mkdtemp(join(tmpdir(), "menagerie-worst-"));
  await makeWorstImages(imagesDir, Number(flags.search));
  const seconds = Number(flags.seconds);
  const rows = await runAttacks({
    names: flags.only.split(","),
    seconds,
    imagesDir,
    sameAddress: flags["same-address"],
  });
  await rm(imagesDir, { recursive: true });
  console.log(renderTable(rows));
  for (const complaint of rows.flatMap((row) => complaintsOf(row, { ratioMax: row.isSameAddress ? 10 : 3 }))) {
    console.error(complaint);
    process.exitCode = 1;
  }
  if (flags.write) await writeFile(join(ROOT, "docs/fairness.md"), renderPage(rows, seconds));
}
