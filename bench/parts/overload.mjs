/**
 * Beyond saturation: as many clients as a short queue takes, and twice as many requests as the service can answer; and how
 * long its event loop is held up meanwhile.
 *
 * These are compared with its peak, so the three loops take turns, many times: a machine whose speed changes from one
 * moment to the next would otherwise pass for the service's doing. Each kind of answer was given often enough before, a
 * refusal too, for the compiler to have seen to it.
 */
import { fileURLToPath } from "node:url";
import { closedLoop, openLoop } from "../loops.mjs";
import { encodeInfer, startService } from "../service.mjs";
import { median, percentile } from "../statistics.mjs";

const REQUESTS_MAX = 8;
const PEAK_CLIENTS = 8;
const MANY_CLIENTS = 32;
/** One caller, as these clients are, leaves as many places to others as it has. */
const REQUESTS_QUEUED_MAX = 2 * MANY_CLIENTS - REQUESTS_MAX;
const OVERLOAD = 2;
const WARM_UP_MS = 3000;

/** @param {import("../workload.mjs").Workload} workload */
export async function measureOverload(workload, image, rounds, sliceMs) {
  const preload = fileURLToPath(new URL("../event-loop-delay.mjs", import.meta.url));
  const service = await startService(
    workload,
    { REQUESTS_MAX: String(REQUESTS_MAX), REQUESTS_QUEUED_MAX: String(REQUESTS_QUEUED_MAX) },
    { nodeArgs: ["--import", preload], messages: true },
  );
  const request = encodeInfer(image);
  const ask = async () => (await service.client.send(request)).status;
  const must = async () => {
    const status = await ask();
    if (status !== 200) throw new Error(`status ${status} below saturation`);
  };
  const accepted = async () => {
    const status = await ask();
    if (status !== 200 && status !== 503) throw new Error(`status ${status} beyond saturation`);
    return status === 200;
  };
  const turn = async (ms) => {
    const peak = await closedLoop(must, PEAK_CLIENTS, ms);
    const delayP99Ms = await eventLoopDelay(service.child);
    const beyond = await openLoop(accepted, OVERLOAD * ratePerSecond([peak]), ms);
    const delayBeyondP99Ms = await eventLoopDelay(service.child);
    const many = await closedLoop(must, MANY_CLIENTS, ms);
    await eventLoopDelay(service.child);
    return { peak, delayP99Ms, beyond, delayBeyondP99Ms, many };
  };
  try {
    await turn(WARM_UP_MS);
    const turns = [];
    for (let round = 0; round < rounds; round++) turns.push(await turn(sliceMs));
    const peakPerSecond = ratePerSecond(turns.map(({ peak }) => peak));
    return {
      peakPerSecond,
      manyPerSecond: ratePerSecond(turns.map(({ many }) => many)),
      offeredPerSecond: OVERLOAD * peakPerSecond,
      goodputPerSecond: ratePerSecond(turns.map(({ beyond }) => beyond)),
      refused: turns.reduce((sum, { beyond }) => sum + beyond.refused, 0),
      // Of each turn by itself: a slow one's latencies belong to its own rate.
      acceptedP99Ms: median(turns.map(({ beyond }) => p99Ms(beyond))),
      queueLimit: MANY_CLIENTS,
      queueBoundMs: median(turns.map(({ beyond }) => (1000 * MANY_CLIENTS) / ratePerSecond([beyond]))),
      eventLoopDelayP99Ms: median(turns.map(({ delayP99Ms }) => delayP99Ms)),
      eventLoopDelayBeyondP99Ms: median(turns.map(({ delayBeyondP99Ms }) => delayBeyondP99Ms)),
    };
  } finally {
    await service.stop();
  }
}

/** Of what was answered. @param {import("../loops.mjs").Slice[]} slices */
function ratePerSecond(slices) {
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  return (1000 * sum(slices.map(({ latenciesMs }) => latenciesMs.length))) / sum(slices.map(({ wallMs }) => wallMs));
}

/** @param {import("../loops.mjs").Slice} slice */
function p99Ms({ latenciesMs }) {
  return percentile(
    [...latenciesMs].sort((one, other) => one - other),
    0.99,
  );
}

/** The 99th percentile in ms since the last call. */
function eventLoopDelay(child) {
  return new Promise((resolve) => {
    child.once("message", resolve);
    child.send("delay");
  });
}
