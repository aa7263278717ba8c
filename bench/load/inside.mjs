/**
 * Preloaded into the service under test (`node --import`): tells the event loop's delay, and does there what cannot be
 * done from outside. The service's own code knows nothing of it.
 *
 * Messages in: `{kind: "delay"}` is answered with `{delayMs}`, the largest delay since it was last asked;
 * `{kind: "thread"}` ends one worker thread; `{kind: "clock", ms}` moves the wall clock by so much.
 */
import { createRequire } from "node:module";
import { monitorEventLoopDelay } from "node:perf_hooks";

const require = createRequire(import.meta.url);
const workerThreads = require("node:worker_threads");

const DELAY_RESOLUTION_MS = 10;

const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
delays.enable();

const threads = new Set();
const { Worker } = workerThreads;
// The pool asks for this property each time that it starts a thread.
workerThreads.Worker = class extends Worker {
  constructor(...parameters) {
    super(...parameters);
    threads.add(this);
    this.once("exit", () => threads.delete(this));
  }
};

const systemNow = Date.now;
let clockMs = 0;
const SystemDate = Date;
globalThis.Date = class extends SystemDate {
  constructor(...parameters) {
    super(...(parameters.length === 0 ? [systemNow() + clockMs] : parameters));
  }
  static now() {
    return systemNow() + clockMs;
  }
};

process.on("message", ({ kind, ms }) => {
  if (kind === "thread") [...threads][Math.floor(Math.random() * threads.size)]?.terminate();
  if (kind === "clock") clockMs += ms;
  if (kind === "delay") {
    process.send({ delayMs: delays.max / 1e6 - DELAY_RESOLUTION_MS });
    delays.reset();
  }
});
// The service ends when it has nothing left to do, whoever still listens to it.
process.channel?.unref();
