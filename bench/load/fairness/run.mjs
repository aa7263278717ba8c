/**
 * One honest client beside each attack: what it notices, and whether the service is afterwards as it was.
 *
 *   node bench/load/fairness/run.mjs [--seconds 30] [--only NAME,NAME] [--search SECONDS] [--images DIR]
 *                                    [--service-cores 0,1] [--by-request] [--save FILE] [--write]
 *   node bench/load/fairness/run.mjs --from FILE,FILE --write
 *
 * `--search` is how long the worst image of each format is searched for, where `--images` has none. With `--service-cores` the
 * service has these cores for itself, and the clients have the others that this program may run on. `--by-request` asks from the
 * honest client's address too, where shares are by request. `--save` writes what was measured as JSON, which `--from` reads;
 * `--write` implies `--by-request` and writes docs/fairness.md. Linux only.
 */
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readConfig } from "../../../node/dist/config.js";
import { describeMachine } from "../../machine.mjs";
import { readProcesses } from "../processes.mjs";
import { ROOT, startService } from "../service.mjs";
import { sleep } from "./asking.mjs";
import { ATTACKS } from "./attacks.mjs";
import { askHonestly, LEAD_MS } from "./honest.mjs";
import { GIVEN_BACK_MS, GIVEN_BACK_MS_MAX, mib, renderPage, renderTable, rssRoomOf, shareWithin } from "./page.mjs";
import { makeWorstImages } from "./worst-images.mjs";

/** Time for the service to come to rest after an attack. */
const REST_MS_MAX = 180_000;
const ATTACKER = fileURLToPath(new URL("attacker.mjs", import.meta.url));
const OTHER_ADDRESS = "127.0.0.2";
const SAME_ADDRESS = "127.0.0.1";
/** The attacks whose shares are by request, where they come from the honest client's address. */
export const BY_REQUEST = ["tiny", "slow", "batch"];
const RSS_AFTER_MAX = 1.05;
const WANTED = {
  other: { ratioMax: 3, withinTwiceMin: 0.95, rssAfterMax: RSS_AFTER_MAX },
  same: { ratioMax: 10, rssAfterMax: RSS_AFTER_MAX },
};

/**
 * @typedef {object} State
 * @property {number} threads of the service
 * @property {number} descriptors
 * @property {number} engines
 * @property {number} rssBytes
 * @property {number} imagesKeptBytes of images that clients keep, which stay for a while
 * @property {{ requests: number, waiting: number, bytes: number, connections: number }} held
 */

/** @returns {Promise<State>} */
async function stateOf({ url, pid }) {
  const { held, images_kept: kept } = await (await fetch(`${url}/readyz`, { headers: { connection: "close" } })).json();
  const [own, ...engines] = readProcesses(pid).filter(({ isZombie }) => !isZombie);
  return {
    threads: readdirSync(`/proc/${pid}/task`).length,
    descriptors: own.descriptorCount,
    engines: engines.length,
    rssBytes: own.rssBytes,
    imagesKeptBytes: kept.bytes,
    held,
  };
}

/**
 * Waits until nothing is held any more, and the service has given back what it gives back at rest: for `givenBackMs`, and
 * for longer where it has more than `bytesMax` then, what clients keep left out.
 */
async function rest(service, givenBackMs, bytesMax = Number.POSITIVE_INFINITY) {
  const end = performance.now() + REST_MS_MAX;
  for (;;) {
    const { requests, waiting, bytes, connections } = (await stateOf(service)).held;
    const isOver = requests + waiting + bytes === 0 && connections <= 1;
    if (isOver || performance.now() > end) break;
    await sleep(250);
  }
  const mostMs = Math.max(givenBackMs, bytesMax === Number.POSITIVE_INFINITY ? 0 : GIVEN_BACK_MS_MAX);
  const began = performance.now();
  await sleep(givenBackMs);
  for (;;) {
    const state = await stateOf(service);
    if (ownBytes(state) <= bytesMax || performance.now() - began > mostMs) return state;
    await sleep(500);
  }
}

/** Without what clients keep. @param {State} state */
const ownBytes = ({ rssBytes, imagesKeptBytes }) => rssBytes - imagesKeptBytes;

/** From now on `peakRss` is that of what comes (proc_pid_clear_refs(5)). */
function forgetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Most memory of the service since then, in bytes. */
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
 * @property {number | null} attackerCode what the attacker ended with
 */

/**
 * @typedef {object} Options
 * @property {readonly string[]} names
 * @property {number} seconds
 * @property {string} imagesDir
 * @property {boolean} [sameAddress]
 * @property {string} [serviceCores] cores of the service
 * @property {boolean} [isShort] whether the client is alone once for all attacks, and memory may be given back later
 */

/**
 * Runs attacks on one service, each between two rests.
 * @param {Options} options
 * @returns {Promise<Row[]>}
 */
export async function runAttacks({
  names,
  seconds,
  imagesDir,
  sameAddress = false,
  serviceCores = undefined,
  isShort = false,
}) {
  const givenBackMs = isShort ? 0 : GIVEN_BACK_MS;
  const service = await startService({ GRPC_PORT: "0" }, undefined, serviceCores);
  const photo = await readFile(join(ROOT, "models/samples/sunflowers-1.jpg"));
  /** @type {Row[]} */
  const rows = [];
  try {
    for (const model of ["flowers5", "waste6"]) {
      // A connection that stayed open would be waited for (`rest`).
      const headers = { "content-type": "image/jpeg", connection: "close" };
      await (await fetch(`${service.url}/infer?model=${model}`, { method: "POST", headers, body: photo })).text();
    }
    await askHonestly(service.url, photo, 2);
    let alone = await askHonestly(service.url, photo, seconds);
    for (const [index, name] of names.entries()) {
      if (index > 0 && !isShort) alone = await askHonestly(service.url, photo, seconds);
      const before = await rest(service, givenBackMs);
      forgetPeak(service.pid);
      const attacker = spawn(
        process.execPath,
        [
          ATTACKER,
          name,
          new URL(service.url).port,
          String(service.grpcPort),
          sameAddress ? SAME_ADDRESS : OTHER_ADDRESS,
          imagesDir,
        ],
        { stdio: ["pipe", "inherit", "inherit"] },
      );
      await sleep(isShort ? LEAD_MS / 2 : LEAD_MS);
      const beside = await askHonestly(service.url, photo, seconds);
      attacker.stdin.end();
      const attackerCode = attacker.exitCode ?? (await new Promise((resolve) => attacker.once("exit", resolve)));
      const after = await rest(service, givenBackMs, isShort ? undefined : RSS_AFTER_MAX * ownBytes(before));
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
        attackerCode,
      });
      console.log(renderTable(rows.slice(-1)).split("\n").at(-1));
    }
  } finally {
    await service.stop();
  }
  return rows;
}

/**
 * What did not hold, in words.
 * @param {Row} row
 * @param {object} wanted
 * @param {number} wanted.ratioMax the most that p99 may be of that alone, where it is above `p99MsFree`
 * @param {number} [wanted.p99MsFree]
 * @param {number} [wanted.withinTwiceMin] the least share of answers within twice the p50 alone
 * @param {number} [wanted.rssAfterMax] the most memory afterwards, of that before; what clients keep is left out of both
 */
export function complaintsOf(
  { name, alone, beside, before, after, peakBytes, isUp, attackerCode },
  { ratioMax, p99MsFree = 0, withinTwiceMin = 0, rssAfterMax = Number.POSITIVE_INFINITY },
) {
  const complaints = [];
  const failedCount = Object.values(beside.failed).reduce((sum, count) => sum + count, 0);
  const asked = beside.times.length + failedCount;
  if (!isUp) complaints.push("the service is gone");
  if (attackerCode !== 0) complaints.push(`the attacker ended with ${attackerCode}, so that nothing was measured`);
  if (failedCount > asked / 1000)
    complaints.push(`${failedCount} of ${asked} failed: ${JSON.stringify(beside.failed)}`);
  const roomBytes = rssRoomOf(readConfig({}));
  if (peakBytes > before.rssBytes + roomBytes)
    complaints.push(`${mib(peakBytes)} of memory, and the limits come to ${mib(before.rssBytes + roomBytes)}`);
  if (!(beside.p99 <= Math.max(p99MsFree, ratioMax * alone.p99))) {
    complaints.push(`p99 is ${(beside.p99 / alone.p99).toFixed(1)} times that alone`);
  }
  const within = shareWithin(beside, 2 * alone.p50);
  if (within < withinTwiceMin) complaints.push(`${Math.round(100 * within)} of 100 came within twice the p50 alone`);
  const [bytesBefore, bytesAfter] = [ownBytes(before), ownBytes(after)];
  if (bytesAfter > rssAfterMax * bytesBefore) complaints.push(`${mib(bytesAfter)} of memory after ${mib(bytesBefore)}`);
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

/**
 * @typedef {object} Measured
 * @property {readonly Row[]} rows
 * @property {number} seconds
 * @property {number | null} serviceCoreCount cores that the service had for itself; null where clients shared them
 * @property {number} partCount services that were measured side by side, each on its own cores
 * @property {ReturnType<typeof describeMachine>} machine
 */

/** @returns {Promise<Measured>} */
async function measure(flags) {
  const seconds = Number(flags.seconds);
  const serviceCores = flags["service-cores"];
  if (serviceCores !== undefined) leaveCores(serviceCores);
  const imagesDir = flags.images ?? (await mkdtemp(join(tmpdir(), "menagerie-worst-")));
  if (flags.images === undefined) await makeWorstImages(imagesDir, Number(flags.search));
  // The first row is that of a heap and of caches that are not filled yet.
  const rowsOf = async (names, sameAddress) =>
    (await runAttacks({ names: ["all", ...names], seconds, imagesDir, sameAddress, serviceCores })).slice(1);
  const names = flags.only.split(",").filter((name) => name !== "");
  const rows = names.length === 0 ? [] : await rowsOf(names, flags["same-address"]);
  if (flags.write || flags["by-request"]) rows.push(...(await rowsOf(BY_REQUEST, true)));
  if (flags.images === undefined) await rm(imagesDir, { recursive: true });
  const serviceCoreCount = serviceCores === undefined ? null : coresOf(serviceCores).length;
  return { rows, seconds, serviceCoreCount, partCount: 1, machine: describeMachine() };
}

/** Moves this program, and what it starts, to the cores that are not the service's. */
function leaveCores(serviceCores) {
  const mayRunOn = (file) => coresOf(/^Cpus_allowed_list:\s+(.+)$/m.exec(readFileSync(file, "latin1"))[1]);
  const own = coresOf(serviceCores);
  const others = mayRunOn("/proc/self/status").filter((core) => !own.includes(core));
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", others.join(), String(process.pid)]);
}

/** Of a list such as `0-3,8` (cpuset(7)). */
function coresOf(list) {
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Runs on one machine with the same settings and this code, as one. @returns {Promise<Measured>} */
async function readMeasured(files) {
  const parts = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, "utf8"))));
  const order = Object.keys(ATTACKS);
  const rows = parts.flatMap((part) => part.rows);
  rows.sort((a, b) => a.isSameAddress - b.isSameAddress || order.indexOf(a.name) - order.indexOf(b.name));
  return {
    ...parts[0],
    rows,
    partCount: parts.length,
    machine: { ...parts[0].machine, commit: describeMachine().commit },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: flags } = parseArgs({
    options: {
      seconds: { type: "string", default: "30" },
      only: { type: "string", default: Object.keys(ATTACKS).join() },
      search: { type: "string", default: "0" },
      images: { type: "string" },
      "same-address": { type: "boolean", default: false },
      "by-request": { type: "boolean", default: false },
      "service-cores": { type: "string" },
      save: { type: "string" },
      from: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const measured = flags.from === undefined ? await measure(flags) : await readMeasured(flags.from.split(","));
  console.log(renderTable(measured.rows));
  const complaints = measured.rows.flatMap((row) => complaintsOf(row, WANTED[row.isSameAddress ? "same" : "other"]));
  for (const complaint of complaints) console.error(complaint);
  if (complaints.length > 0) process.exitCode = 1;
  if (flags.save !== undefined) await writeFile(flags.save, JSON.stringify(measured));
  if (flags.write) await writeFile(join(ROOT, "docs/fairness.md"), renderPage(measured, complaints));
}
