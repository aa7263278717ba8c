/**
 * What Prometheus reads. Names follow its guide: a unit at the end, `_total` for what only grows
 * (https://prometheus.io/docs/practices/naming/). Every label value is one of this service's own: rows of the table of routes,
 * codes, stages, ids of the zoo's models. Nothing that a client chooses becomes one, so clients cannot add series.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { VERSION } from "../generated/contract.js";
import type { Moment, Observer, RequestFacts, Stages } from "../ports.js";

const STAGES = ["decode", "resize", "queue", "run", "interpret"] as const satisfies readonly (keyof Stages)[];
/** From a small model's decoding to what waits for a full service. */
const STAGE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];
const LOAD_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const BATCH_IMAGES = [1, 2, 4, 8, 16, 32, 64];

const DELAY_RESOLUTION_MS = 10;
const DELAY_QUANTILES = [0.5, 0.9, 0.99, 1];

export interface Metrics extends Pick<Observer, "loaded" | "slept" | "ran" | "engineLost"> {
  /** A request has ended. */
  ended(request: RequestFacts): void;
  /** The text of `/metrics`, with what is held at this moment. */
  render(moment: Moment): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `menagerie_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name: `menagerie_${name}`, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ name: `menagerie_${name}`, help, buckets, labelNames, registers });

  const requests = counter(
    "requests_total",
    "Requests, by row of the table of routes and by outcome: ok, client_gone or the code of the problem.",
    ...["method", "route", "outcome"],
  );
  const requestSeconds = histogram(
    "request_duration_seconds",
    "From a request's head to the end of its answer.",
    REQUEST_SECONDS,
    ...["method", "route"],
  );
  const answers = counter("answers_total", "Images with a model each, by outcome.", "model", "outcome");
  const stageSeconds = histogram(
    "stage_duration_seconds",
    "Where the time of an answer went.",
    STAGE_SECONDS,
    ...["stage", "model"],
  );
  const batchImages = histogram("batch_images", "Images that an engine was given together.", BATCH_IMAGES);

  const loads = counter("model_loads_total", "Loads of models, by outcome.", "model", "outcome");
  const loadSeconds = histogram("model_load_duration_seconds", "Loads of models that worked.", LOAD_SECONDS, "model");
  const wakes = counter("model_wakes_total", "Loads of models that had been put to sleep.", "model");
  const sleeps = counter("model_sleeps_total", "Models put to sleep, for room or for memory.", "model", "reason");
  const restarts = counter("engine_restarts_total", "Engine processes that ended unasked; each is replaced.");

  const feedbackSaid = counter("feedback_total", "What askers said of answers: right or wrong.", "agreement");
  const feedbackDropped = counter("feedback_dropped_total", "Answers and images that were not remembered.", "kind");

  const modelsLoaded = gauge("models_loaded", "Models that an engine holds now.");
  const queueDepth = gauge(
    "queue_depth",
    "What waits now: requests, threads' and engines' work, answers to be remembered.",
    "queue",
  );
  const heldRequests = gauge("held_requests", "Places taken now: requests that are worked on, and others.", "state");
  const heldBytes = gauge("held_bytes", "Bytes of bodies, photos in the making and answers held now.");
  const teachRuns = counter(
    "teach_runs_total",
    "Runs of teaching that have ended, by the state of their job.",
    "state",
  );
  const teachJobs = gauge("teach_jobs", "Jobs of teaching that wait or run now.", "state");
  const teachBytes = gauge("teach_bytes", "Bytes on disk of all jobs of teaching.");
  const imagesKept = gauge("images_kept", "Images that clients keep here now, beside their requests.");
  const imagesKeptBytes = gauge("images_kept_bytes", "Bytes of these, and of what was decoded of them.");
  const connections = gauge("connections", "Open connections.");
  const sandbox = gauge("sandbox_measures", "Measures that confine engines: held and missing.", "state");
  const runtimeInfo = gauge("runtime_info", "1, with what runs graphs.", ...["runtime", "version", "kernels"]);
  const memory = gauge("memory_bytes", "Resident memory of the service; own memory of its engines.", "process");
  const delay = gauge("event_loop_delay_seconds", "How late the event loop was, since the last scrape.", "quantile");
  gauge("build_info", "1, with the version.", "version").set({ version: VERSION }, 1);

  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delays.enable();

  return {
    ended({ method, route, code, ms, outcomes }) {
      requests.inc({ method, route, outcome: code });
      requestSeconds.observe({ method, route }, ms / 1000);
      for (const { model, code: outcome, stages } of outcomes) {
        answers.inc({ model, outcome });
        if (stages === null) continue;
        for (const stage of STAGES) stageSeconds.observe({ stage, model }, stages[stage] / 1000);
      }
    },
    loaded({ model, code, ms, wasAsleep }) {
      loads.inc({ model, outcome: code });
      if (code !== "ok") return;
      loadSeconds.observe({ model }, ms / 1000);
      if (wasAsleep) wakes.inc({ model });
    },
    slept(model, reason) {
      sleeps.inc({ model, reason });
    },
    ran(imageCount) {
      batchImages.observe(imageCount);
    },
    engineLost() {
      restarts.inc();
    },
    render({
      held,
      imagesKept: kept,
      modelsLoaded: loadedCount,
      waiting,
      feedback,
      teach,
      sandbox: cell,
      runtime,
      kernels,
      memoryBytes,
    }) {
      if (feedback !== null) {
        // Counted since the start, where it happens.
        feedbackSaid.reset();
        for (const [agreement, count] of Object.entries(feedback.agreement())) feedbackSaid.inc({ agreement }, count);
        const status = feedback.status();
        feedbackDropped.reset();
        feedbackDropped.inc({ kind: "answer" }, status.dropped);
        feedbackDropped.inc({ kind: "image" }, status.images_dropped);
        queueDepth.set({ queue: "store" }, status.waiting);
      }
      if (teach !== null) {
        teachRuns.reset();
        for (const [state, count] of Object.entries(teach.ended)) teachRuns.inc({ state }, count);
        teachJobs.set({ state: "waiting" }, teach.waiting);
        teachJobs.set({ state: "running" }, teach.running);
        teachBytes.set(teach.bytes);
      }
      modelsLoaded.set(loadedCount);
      queueDepth.set({ queue: "permit" }, waiting.permit);
      queueDepth.set({ queue: "thread" }, waiting.thread);
      queueDepth.set({ queue: "engine" }, waiting.engine);
      heldRequests.set({ state: "working" }, held.requests);
      heldRequests.set({ state: "waiting" }, held.waiting);
      heldBytes.set(held.bytes);
      imagesKept.set(kept.count);
      imagesKeptBytes.set(kept.bytes);
      connections.set(held.connections);
      sandbox.set({ state: "held" }, cell?.held.length ?? 0);
      sandbox.set({ state: "missing" }, cell?.missing.length ?? 0);
      if (runtime !== null) {
        runtimeInfo.set({ runtime: runtime.name, version: runtime.version, kernels: kernels ?? "" }, 1);
      }
      memory.set({ process: "service" }, memoryBytes.service);
      memory.set({ process: "engines" }, memoryBytes.engines);
      for (const quantile of DELAY_QUANTILES) delay.set({ quantile }, secondsLate(delays, quantile));
      delays.reset();
      return registry.metrics();
    },
  };
}

/** A sample is the time between two ticks of a timer, so one of a loop that is never late is the timer's own interval. */
function secondsLate(delays: IntervalHistogram, quantile: number): number {
  if (delays.count === 0) return 0;
  return Math.max(0, delays.percentile(100 * quantile) / 1e9 - DELAY_RESOLUTION_MS / 1000);
}
