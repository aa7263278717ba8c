/**
 * Beyond saturation: twice as many requests as the service can answer, with a short queue; and how long its event loop is
 * held up meanwhile.
 */
import { fileURLToPath } from "node:url";
import { closedLoop, openLoop } from "../loops.mjs";
import { encodeInfer, startService } from "../service.mjs";
import { percentile } from "../statistics.mjs";

const REQUESTS_MAX = 8;
const REQUESTS_QUEUED_MAX = 24;
const PEAK_CLIENTS = 8;
const OVERLOAD = 2;
const WARM_UP_MS = 1500;

/** @param {import("../workload.mjs").Workload} workload */
export async function measureOverload(workload, image, sliceMs) {
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
  try {
    await closedLoop(must, PEAK_CLIENTS, WARM_UP_MS);
    await eventLoopDelay(service.child);
    const peak = await closedLoop(must, PEAK_CLIENTS, sliceMs);
    const delayP99Ms = await eventLoopDelay(service.child);
    const peakPerSecond = (1000 * peak.latenciesMs.length) / peak.wallMs;
    const beyond = await openLoop(accepted, OVERLOAD * peakPerSecond, sliceMs);
    const sorted = beyond.latenciesMs.sort((one, other) => one - other);
    const goodputPerSecond = (1000 * sorted.length) / beyond.wallMs;
    return {
      peakPerSecond,
      offeredPerSecond: OVERLOAD * peakPerSecond,
      goodputPerSecond,
      refused: beyond.refused,
      acceptedP99Ms: percentile(sorted, 0.99),
      queueLimit: REQUESTS_MAX + REQUESTS_QUEUED_MAX,
      queueBoundMs: (1000 * (REQUESTS_MAX + REQUESTS_QUEUED_MAX)) / goodputPerSecond,
      eventLoopDelayP99Ms: delayP99Ms,
      eventLoopDelayBeyondP99Ms: await eventLoopDelay(service.child),
    };
  } finally {
    await service.stop();
  }
}

/** The 99th percentile in ms since the last call. */
function eventLoopDelay(child) {
  return new Promise((resolve) => {
    child.once("message", resolve);
    child.send("delay");
  });
}
