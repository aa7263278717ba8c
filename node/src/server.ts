/** The service as a process, and the only file with side effects: configuration, adapters, app, listening, stopping. */
import { createServer } from "node:http";
import { type AddressInfo, createServer as createNetServer, Server as NetServer } from "node:net";
import { setFlagsFromString } from "node:v8";
import { createApp } from "./app.js";
import { createRestCollector } from "./collect-garbage.js";
import { isLoopback, readConfig } from "./config.js";
import { AppError, messageOf } from "./errors.js";
import { boundConnections } from "./front/connections.js";
import { LIBTENSORFLOW } from "./generated/contract.js";
import { listenProblem } from "./listen-problem.js";
import type { Moment, Readiness } from "./ports.js";
import { openFeedback, refuseLaterFeedback } from "./service/feedback.js";
import { openKeys } from "./service/keys.js";
import { openLogger, openObserving, openService, type Service, warmUp } from "./service/service.js";
import { openPeerCounts } from "./service/shared.js";
import { openTeach } from "./service/teach.js";

const INTERRUPTED = 130;
const IDLE_SWEEP_MS = 50;
/** How often connections that are late are looked for. */
const CONNECTIONS_CHECK_MS = 500;
const WARM_UP_RETRY_MS = 10_000;
/**
 * How much V8's heap and the bodies that it keeps alive grow from one full collection to the next, in percent. Of a heap
 * as small as the service's V8 takes 30, which is 50 photos or a fifth of an uploaded graph (`GrowingFactor` in
 * `src/heap/memory-controller.cc`).
 */
const HEAP_GROWING_PERCENT = 400;

let phase: "starting" | "up" | "stopping" = "starting";
/** Why the default model could not be loaded; null when it was, or when there is none. */
let warmUpFailure: string | null = null;

/** Of the next try to load the default model. */
let retry: NodeJS.Timeout | null = null;

setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
const config = orExit(readConfig);
const logger = await openLogger(config.logLevel, config.logFormat ?? (process.stderr.isTTY ? "pretty" : "json"));
const apiKeys = await openKeys(config, logger).catch(endWith);
const observing = await openObserving(process.env, (error) => {
  logger.warn({ err: error }, "traces do not reach their collector");
}).catch(endWith);
await refuseLaterFeedback(config).catch(endWith);
const service = await openService(config, logger, observing.observer).catch(endWith);
await service.tidy();
const feedback = openFeedback(config, logger);
const jobs = await openTeach(config, service, feedback, logger).catch(endWith);
const peerCounts = openPeerCounts(config, logger);
const app = createApp({
  ...service,
  feedback,
  jobs,
  peerCounts,
  logger,
  limits: config,
  webDir: config.webDir,
  trustProxy: config.trustProxy,
  corsOrigins: config.corsOrigins,
  isLocal: apiKeys === null && config.trustProxy === "" && isLoopback(config.host),
  apiKeys,
  anonymousRole: config.anonymousRole,
  readiness: () => readinessOf(service),
  observer: observing.observer,
  metrics: async () => observing.render(await momentOf(service)),
  metricsRole: config.metricsRole,
  onRest: createRestCollector(),
});
const server = createServer(
  {
    requestTimeout: config.requestMsMax,
    headersTimeout: Math.min(config.headersMsMax, config.requestMsMax),
    keepAliveTimeout: config.keepAliveMsMax,
    maxHeaderSize: config.headersBytesMax,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
  },
  app.listener,
);
app.parseInTurns(server);
const connections = boundConnections(server, config.connectionsMax, config.trustProxy !== "");

const grpc = config.grpcPort === undefined ? null : await openGrpc();

for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
process.on("SIGHUP", readAgain);
await listen(server, config.port, "PORT");
if (grpc !== null) await listen(grpc.listener, config.grpcPort ?? 0, "GRPC_PORT");
await becomeReady();
service.watch();
await service.verify();

/** The gRPC port, whose connections count with those of HTTP. */
async function openGrpc(): Promise<{ readonly listener: NetServer; close(): Promise<void> }> {
  const door = await app.openGrpc();
  const listener = createNetServer((socket) => {
    if (!door.takes(socket)) socket.destroy();
    else if (connections.admit(socket)) door.serve(socket, () => connections.begin(socket));
  });
  return { listener, close: door.close };
}

/** Loads the default model and says so. Where that fails the service is up all the same, and tries again. */
async function becomeReady(): Promise<void> {
  const isFirst = phase === "starting";
  const failure = await warmUpProblem();
  if (phase === "stopping") return;
  const grpcAddress = grpc === null ? "" : ` and gRPC ${hostOf(grpc.listener)}`;
  const address = `http://${hostOf(server)}${grpcAddress}`;
  phase = "up";
  warmUpFailure = failure;
  if (failure !== null) {
    if (isFirst) say(`Menagerie is up, and not ready: ${failure} (${address})`);
    retry = setTimeout(() => void becomeReady(), WARM_UP_RETRY_MS).unref();
  } else if (service.zoo.defaultId === null) {
    say(`Menagerie is ready, without a default model: ${address}`);
  } else {
    say(`Menagerie is ready: ${address}`);
  }
}

async function warmUpProblem(): Promise<string | null> {
  if (service.zoo.defaultId === null) return null;
  try {
    await warmUp(service, config);
    return null;
  } catch (error) {
    logger.error({ err: error }, "the default model cannot be loaded");
    return `the default model cannot be loaded: ${error instanceof AppError ? error.message : String(error)}`;
  }
}

function readinessOf({ engine, models, zoo, imageStore }: Service): Readiness {
  const { kind, ready, problem, runtime, kernels, sandbox, cgroup, programs } = engine.status();
  const libtensorflow = runtime?.name === LIBTENSORFLOW ? runtime.version : null;
  const loadedCount = models.loadedCount();
  const engineFailure = problem ?? (ready || loadedCount > 0 ? null : "the engine cannot be started");
  const reason = phase === "up" ? (warmUpFailure ?? engineFailure) : phase;
  return {
    ready: reason === null,
    live: true,
    reason,
    default_model: zoo.defaultId,
    models_loaded: loadedCount,
    held: { ...app.held(), connections: connections.count },
    images_kept: imageStore.kept,
    feedback: feedback?.status() ?? null,
    models_store: service.modelsStore(),
    engine: { kind, ready, runtime, libtensorflow, kernels, sandbox, cgroup, programs },
  };
}

async function momentOf({ classifier, engine, models, imageStore }: Service): Promise<Moment> {
  const held = { ...app.held(), connections: connections.count };
  const { sandbox, runtime, kernels, waitingCount } = engine.status();
  return {
    held,
    imagesKept: imageStore.kept,
    modelsLoaded: models.loadedCount(),
    waiting: { permit: held.waiting, thread: classifier.waitingCount, engine: waitingCount },
    feedback,
    teach: jobs?.status() ?? null,
    sandbox,
    runtime,
    kernels,
    memoryBytes: { service: process.memoryUsage.rss(), engines: await engine.memoryBytes() },
  };
}

/** The keys and the zoo; what is broken is reported, and what was there before stays. */
function readAgain(): void {
  logger.info("reading the keys and the zoo again");
  apiKeys?.refresh();
  service.look();
}

/** Takes no new requests, finishes those in flight, ends the engines. A second signal ends at once. */
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (phase === "stopping") process.exit(INTERRUPTED);
  phase = "stopping";
  logger.info({ signal }, "stopping");
  const timer = setTimeout(() => {
    logger.error({ ms: config.shutdownMsMax }, "requests in flight did not end in time");
    process.exit(1);
  }, config.shutdownMsMax);
  if (retry !== null) clearTimeout(retry);
  const closed = Promise.all([
    new Promise<void>((resolve) => stopListening(server, resolve)),
    grpc === null ? null : new Promise<void>((resolve) => stopListening(grpc.listener, resolve)),
    grpc?.close(),
  ]);
  // A connection that is kept alive becomes idle when its last answer is out.
  const sweep = setInterval(() => connections.closeIdle(), IDLE_SWEEP_MS);
  // Streams of their events end with them.
  await Promise.all([closed, jobs?.close()]);
  clearInterval(sweep);
  await Promise.all([service.close(), feedback?.close(), peerCounts?.close(), apiKeys?.close()]);
  const { dropped = 0, images_dropped = 0 } = feedback?.status() ?? {};
  if (dropped + images_dropped > 0)
    logger.warn({ dropped, images_dropped }, "these were not remembered since the start");
  await observing.close();
  clearTimeout(timer);
  logger.flush(() => process.exit(0));
}

/** Takes no more connections. `Server.close` would also cut those whose answer is on its way. */
function stopListening(listener: NetServer, done: () => void): void {
  NetServer.prototype.close.call(listener, done);
}

/** Ends the process where that cannot be. */
async function listen(listener: NetServer, port: number, variable: string): Promise<void> {
  const { host } = config;
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    listener.once("error", resolve);
    listener.listen(port, host, () => resolve(undefined));
  });
  if (error === undefined) return;
  process.stderr.write(`${listenProblem(error, port, host, variable)}\n`);
  await Promise.all([service.close(), feedback?.close(), jobs?.close()]);
  process.exit(1);
}

/** Where it can be reached, with its port. */
function hostOf(listener: NetServer): string {
  const { address, port, family } = listener.address() as AddressInfo;
  if (address === "0.0.0.0" || address === "::") return `127.0.0.1:${port}`;
  return `${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function orExit<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    return endWith(error);
  }
}

function endWith(error: unknown): never {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
