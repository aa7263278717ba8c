/**
 * Preloaded into the service under test (`node --import`): tells what its main thread did in each stall of its event loop.
 * The service's own code knows nothing of it. Linux only.
 *
 * Messages in: `{kind: "watch"}` begins, and is answered once it has; `{kind: "stalls"}` ends it, and is answered with what was
 * seen.
 *
 * The main thread notes the time every few milliseconds. A thread of its own, in real time where it may be, sees when that
 * is late, and what the kernel tells of the main thread meanwhile: what it ran, what it waited for a processor
 * (`schedstat`), and where it slept otherwise. V8's own samples say what it ran.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { openSync, readlinkSync, readSync } from "node:fs";
import { Session } from "node:inspector";
import { PerformanceObserver, performance } from "node:perf_hooks";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const BEAT_MS = 4;
const LOOK_MS = 4;
/** How late a beat is in a stall. */
const STALL_MS = 20;
const SAMPLE_US = 1000;
const FRAMES_MAX = 6;
const STACKS_MAX = 3;

const now = () => Number(process.hrtime.bigint()) / 1e6;

if (isMainThread) beginProbe();
else if (workerData?.beats !== undefined) watchBeats(workerData);

function beginProbe() {
  const beats = new Float64Array(new SharedArrayBuffer(8));
  const control = new Int32Array(new SharedArrayBuffer(4));
  const session = new Session();
  session.connect();
  const post = (method, parameters) =>
    new Promise((resolve, reject) => {
      session.post(method, parameters, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  /** @type {{ from: number, to: number, kind: number }[]} */
  let collections = [];
  const observer = new PerformanceObserver((list) => {
    const offset = now() - performance.now();
    for (const { startTime, duration, detail } of list.getEntries())
      collections.push({ from: startTime + offset, to: startTime + offset + duration, kind: detail.kind });
  });
  let watching = null;

  const watch = async () => {
    collections = [];
    await post("Profiler.enable");
    await post("Profiler.setSamplingInterval", { interval: SAMPLE_US });
    await post("Profiler.start");
    observer.observe({ entryTypes: ["gc"] });
    beats[0] = now();
    Atomics.store(control, 0, 0);
    const timer = setInterval(() => {
      beats[0] = now();
    }, BEAT_MS);
    const worker = new Worker(new URL(import.meta.url), { workerData: { beats, control, pid: process.pid } });
    const seen = new Promise((resolve) => worker.once("message", resolve));
    // To begin takes the main thread a tenth of a second.
    await once(worker, "online");
    watching = { timer, seen, loop: performance.eventLoopUtilization() };
    process.send({ watching: true });
  };
  const stop = async () => {
    const { timer, seen, loop } = watching;
    Atomics.store(control, 0, 1);
    Atomics.notify(control, 0);
    const stalls = await seen;
    clearInterval(timer);
    const { profile } = await post("Profiler.stop");
    observer.disconnect();
    const stackOf = readProfile(profile);
    process.send({
      stalls: stalls.map((stall) => ({ ...stall, gcMs: overlap(collections, stall), ...stackOf(stall) })),
      loop: performance.eventLoopUtilization(loop).utilization,
      gcs: collections.map(({ from, to, kind }) => ({ ms: to - from, kind })),
      busiest: stackOf({ from: 0, to: Number.POSITIVE_INFINITY }).stacks,
    });
  };
  process.on("message", ({ kind }) => {
    if (kind === "watch") void watch();
    if (kind === "stalls") void stop();
  });
}

function overlap(spans, { from, to }) {
  return spans.reduce((sum, span) => sum + Math.max(0, Math.min(to, span.to) - Math.max(from, span.from)), 0);
}

/** Gives the stacks that were seen most between two times, with their part of the samples. */
function readProfile({ nodes, samples, timeDeltas, startTime }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const nameOf = ({ functionName, url, lineNumber }) =>
    `${functionName || "?"}${url === "" ? "" : `@${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`}`;
  const stack = (id) => {
    const names = [];
    for (let at = id; at !== undefined && names.length < FRAMES_MAX; at = parents.get(at)) {
      const { callFrame } = byId.get(at);
      if (callFrame.functionName !== "(root)") names.push(nameOf(callFrame));
    }
    return names.join(" < ");
  };
  let us = startTime;
  const times = timeDeltas.map((delta) => {
    us += delta;
    return us / 1000;
  });
  return ({ from, to }) => {
    const counts = new Map();
    let all = 0;
    let idle = 0;
    for (const [index, id] of samples.entries()) {
      if (times[index] < from || times[index] > to) continue;
      all += 1;
      const { functionName } = byId.get(id).callFrame;
      if (functionName === "(idle)") idle += 1;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const most = [...counts].toSorted(([, one], [, other]) => other - one).slice(0, STACKS_MAX);
    return {
      samples: all,
      idle,
      stacks: most.map(([id, count]) => `${Math.round((100 * count) / all)} % ${stack(id)}`),
    };
  };
}

function watchBeats({ beats, control, pid }) {
  const [, tid] = /\/task\/(\d+)$/.exec(readlinkSync("/proc/thread-self"));
  try {
    execFileSync("chrt", ["--fifo", "--pid", "10", tid], { stdio: "ignore" });
  } catch {
    // It sees less then.
  }
  const files = Object.fromEntries(
    ["schedstat", "stat", "wchan", "syscall", "status"].map((name) => [
      name,
      openSync(`/proc/${pid}/task/${pid}/${name}`, "r"),
    ]),
  );
  const buffer = Buffer.alloc(4096);
  const read = (name) => buffer.latin1Slice(0, readSync(files[name], buffer, 0, buffer.length, 0));
  const look = () => {
    const [run, delay] = read("schedstat").split(" ").map(Number);
    const [, , , , , , , minor, , major] = read("stat").split(") ")[1].split(" ");
    return { at: now(), run: run / 1e6, delay: delay / 1e6, minor: Number(minor), major: Number(major) };
  };
  const ring = [];
  const stalls = [];
  let stall = null;
  while (Atomics.wait(control, 0, 0, LOOK_MS) === "timed-out") {
    const seen = look();
    const beat = beats[0];
    ring.push(seen);
    if (ring.length > 2000) ring.splice(0, 1000);
    const isLate = seen.at - beat > BEAT_MS + STALL_MS;
    if (stall !== null && beat !== stall.beat) {
      const before = ring.findLast(({ at }) => at <= stall.beat) ?? ring[0];
      const { places } = stall;
      stalls.push({
        from: stall.beat,
        to: Math.min(beat, seen.at),
        runMs: seen.run - before.run,
        delayMs: seen.delay - before.delay,
        seenMs: seen.at - before.at,
        minor: seen.minor - before.minor,
        major: seen.major - before.major,
        places: [...places].toSorted(([, one], [, other]) => other - one).slice(0, STACKS_MAX),
      });
      stall = null;
    }
    if (isLate) {
      stall ??= { beat, places: new Map() };
      const state = read("stat").split(") ")[1][0];
      const place = state === "R" ? "R" : `${state} ${read("wchan")} syscall ${read("syscall").split(" ")[0]}`;
      stall.places.set(place, (stall.places.get(place) ?? 0) + 1);
    }
  }
  parentPort.postMessage(stalls);
}
