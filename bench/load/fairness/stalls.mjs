/**
 * What the service's main thread did in each stall of its event loop beside an attack, and whose the rest of the time was that
 * an honest client waited.
 *
 *   node bench/load/fairness/stalls.mjs [--seconds 5] [--only NAME,NAME] [--list 5]
 *
 * A constant server is asked in turn with the service: what it takes longer beside the attack is the machine's and this
 * client's, not the service's. Linux only, as root where the probe's thread is to be in real time.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { percentile } from "../../statistics.mjs";
import { ROOT, startService } from "../service.mjs";
import { sleep } from "./asking.mjs";
import { ATTACKS } from "./attacks.mjs";
import { ask, EVERY_MS, LEAD_MS } from "./honest.mjs";
import { makeWorstImages } from "./worst-images.mjs";

const REST_MS = 3000;
const ATTACKER = fileURLToPath(new URL("attacker.mjs", import.meta.url));
const PROBE = new URL("../stall-probe.mjs", import.meta.url).href;
const CONSTANT = join(ROOT, "bench/constant-server.mjs");

const { values: flags } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    only: { type: "string", default: Object.keys(ATTACKS).join() },
    list: { type: "string", default: "5" },
    images: { type: "string" },
  },
});

async function post(url, agent, photo) {
  const began = performance.now();
  const at = Number(process.hrtime.bigint()) / 1e9;
  const { status, body } = await ask(url, agent, photo);
  const ms = performance.now() - began;
  return { ms, at, status, timings: JSON.parse(body).results?.[0]?.timings_ms };
}

/** Asks the service and the constant server in turn, one at a time each. */
async function askBoth(url, constantUrl, photo, seconds) {
  const end = performance.now() + 1000 * seconds;
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const asking = async (address, offsetMs) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const answers = [];
    for (let next = performance.now() + offsetMs; next < end; next = Math.max(next + EVERY_MS, performance.now())) {
      await sleep(Math.max(0, next - performance.now()));
      answers.push(await post(address, agent, photo));
    }
    agent.destroy();
    return answers;
  };
  const [service, constant] = await Promise.all([
    asking(`${url}/infer?format=json`, 0),
    asking(`${constantUrl}/infer`, EVERY_MS / 2),
  ]);
  delays.disable();
  return { service, constant, clientMs: { p99: delays.percentile(99) / 1e6, max: delays.max / 1e6 } };
}

const timesOf = (answers) => answers.map(({ ms }) => ms).toSorted((one, other) => one - other);
const describe = (answers) => {
  const times = timesOf(answers);
  return `${[0.5, 0.9, 0.95, 0.99].map((share) => percentile(times, share).toFixed(1)).join("/")} max ${times.at(-1).toFixed(1)} (${times.length})`;
};

/** What a stall was: most of its time. */
function causeOf({ runMs, delayMs, seenMs, gcMs }) {
  const blockedMs = Math.max(0, seenMs - runMs - delayMs);
  if (gcMs > 0.5 * seenMs) return "gc";
  const [[name]] = Object.entries({ runs: runMs, "waits for a processor": delayMs, sleeps: blockedMs }).toSorted(
    ([, one], [, other]) => other - one,
  );
  return name;
}

const service = await startService({ GRPC_PORT: "0", NODE_OPTIONS: `--import ${PROBE}` });
const told = async (message) => {
  service.tell(message);
  return (await once(service.child, "message"))[0];
};
const constant = spawn(process.execPath, [CONSTANT, "http"], { stdio: ["ignore", "pipe", "inherit"] });
const [constantUrl] = await once(createInterface(constant.stdout), "line");
const imagesDir = flags.images ?? (await mkdtemp(join(tmpdir(), "menagerie-worst-")));
if (flags.images === undefined) await makeWorstImages(imagesDir, 0);
const photo = await readFile(join(ROOT, "models/samples/sunflowers-1.jpg"));
const seconds = Number(flags.seconds);
try {
  for (const model of ["flowers5", "waste6"]) {
    const headers = { "content-type": "image/jpeg" };
    await (await fetch(`${service.url}/infer?model=${model}`, { method: "POST", headers, body: photo })).text();
  }
  await askBoth(service.url, constantUrl, photo, 2);
  for (const name of flags.only.split(",")) {
    const alone = await askBoth(service.url, constantUrl, photo, seconds);
    const attacker = spawn(
      process.execPath,
      [ATTACKER, name, new URL(service.url).port, String(service.grpcPort), "127.0.0.2", imagesDir],
      { stdio: ["pipe", "inherit", "inherit"] },
    );
    await sleep(LEAD_MS);
    await told({ kind: "watch" });
    const beside = await askBoth(service.url, constantUrl, photo, seconds);
    const { stalls, loop, gcs, busiest } = await told({ kind: "stalls" });
    attacker.stdin.end();
    await once(attacker, "exit");
    report(name, alone, beside, { stalls, loop, gcs, busiest });
    await sleep(REST_MS);
  }
} finally {
  await service.stop();
  constant.kill();
  if (flags.images === undefined) await rm(imagesDir, { recursive: true });
}

function report(name, alone, beside, { stalls, loop, gcs, busiest }) {
  const p50 = percentile(timesOf(alone.service), 0.5);
  const isSlow = ({ ms }) => ms > 2 * p50;
  const slow = beside.service.filter(isSlow);
  console.log(`\n== ${name}`);
  console.log(
    `service  alone ${describe(alone.service)}  beside ${describe(beside.service)}  within ${(100 * (1 - slow.length / beside.service.length)).toFixed(0)} %`,
  );
  console.log(`constant alone ${describe(alone.constant)}  beside ${describe(beside.constant)}`);
  console.log(
    `client's loop beside p99 ${beside.clientMs.p99.toFixed(1)} max ${beside.clientMs.max.toFixed(1)} ms; service's loop ${(100 * loop).toFixed(0)} % at work; ${gcs.length} collections, ${gcs.reduce((sum, { ms }) => sum + ms, 0).toFixed(0)} ms, longest ${Math.max(0, ...gcs.map(({ ms }) => ms)).toFixed(0)}`,
  );
  for (const [who, answers] of [
    ["alone", alone.service],
    ["fast", beside.service.filter((answer) => !isSlow(answer))],
    ["slow", slow],
  ]) {
    if (answers.length === 0) continue;
    const mean = (of) => (answers.reduce((sum, answer) => sum + (of(answer) ?? 0), 0) / answers.length).toFixed(1);
    const stages = ["decode", "resize", "run"].map((stage) => `${stage} ${mean(({ timings }) => timings?.[stage])}`);
    console.log(`  ${who}: ${answers.length}, mean ${mean(({ ms }) => ms)}: ${stages.join(", ")}`);
  }
  for (const { ms, at } of slow.toSorted((one, other) => other.ms - one.ms).slice(0, Number(flags.list))) {
    console.log(`  slow: ${ms.toFixed(0)} ms from ${at.toFixed(4)} s`);
  }
  const totals = new Map();
  for (const stall of stalls) {
    const cause = causeOf(stall);
    const { count = 0, ms = 0, most = 0 } = totals.get(cause) ?? {};
    const length = stall.to - stall.from;
    totals.set(cause, { count: count + 1, ms: ms + length, most: Math.max(most, length) });
  }
  for (const [cause, { count, ms, most }] of totals)
    console.log(`  stalls, ${cause}: ${count}, ${ms.toFixed(0)} ms, longest ${most.toFixed(0)}`);
  const longest = stalls
    .toSorted((one, other) => other.to - other.from - (one.to - one.from))
    .slice(0, Number(flags.list));
  for (const stall of longest) {
    const { from, to, runMs, delayMs, seenMs, gcMs, minor, major, places, stacks } = stall;
    console.log(
      `  ${(to - from).toFixed(0)} ms ${causeOf(stall)}: ran ${runMs.toFixed(0)}, waited ${delayMs.toFixed(0)}, slept ${(seenMs - runMs - delayMs).toFixed(0)}; gc ${gcMs.toFixed(0)}; faults ${minor}+${major}; ${places.map(([place, count]) => `${count}x ${place}`).join(", ")}`,
    );
    for (const stack of stacks) console.log(`      ${stack}`);
  }
  console.log("  busiest:");
  for (const stack of busiest) console.log(`      ${stack}`);
}
