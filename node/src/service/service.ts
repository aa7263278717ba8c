/** Puts the adapters together: what the server, the library and the command line stand on. */
import { setMaxListeners } from "node:events";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { type Config, isLoopback } from "./config.js";
import { decided } from "./decide.js";
import { createAddonEngine } from "./engines/addon.js";
import { createAutoEngine } from "./engines/auto.js";
import { openEngineCgroups } from "./engines/cgroups.js";
import type { EngineCommand, LogLine } from "./engines/child.js";
import { PROBABILITY_DIFFERENCE_MAX } from "./engines/compare.js";
import { createExporter } from "./engines/exporter.js";
import { loadNativeStart } from "./engines/native-child.js";
import { createProcessEngine } from "./engines/process.js";
import { remoteAddressOf } from "./engines/remote/address.js";
import { openRemoteServer } from "./engines/remote/open.js";
import { createRemoteEngine } from "./engines/remote/remote.js";
import { AppError, messageOf } from "./errors.js";
import { Company } from "./fair-queue.js";
import { isThere, openDatabase, type Place, probeDatabase, refuseLaterStore } from "./feedback/database.js";
import { createFeedback } from "./feedback/feedback.js";
import { FeedbackStore } from "./feedback/store.js";
import type { ErrorCode, LoadRequest, Runtime, SpecOverrides } from "./generated/contract.js";
import { createImageFetcher } from "./images/fetch-image.js";
import { createImageStore } from "./images/image-store.js";
import { createPathReader } from "./images/read-path.js";
import { createWasmClassifier } from "./images/wasm-classifier.js";
import { createKey, type KeptKeys, type NewKey, openApiKeys } from "./keys/api-keys.js";
import { addSharedKey, openSharedKeys, removeSharedKey } from "./keys/shared-keys.js";
import { type FileZoo, openFileZoo } from "./models/file-zoo.js";
import { folderBlobs } from "./models/folder-blobs.js";
import { createFollower } from "./models/follower.js";
import { manifestConfidence } from "./models/manifest.js";
import { keepsConditions as keepsConditionsOf } from "./models/objects.js";
import { createRegistrar } from "./models/registrar.js";
import { createModelRegistry } from "./models/registry.js";
import { openS3Objects } from "./models/s3-objects.js";
import { openSharedBlobs, type SharedBlobs } from "./models/shared-blobs.js";
import { openModelStore } from "./models/store.js";
import { watchZoo, type ZooWatch } from "./models/watch-zoo.js";
import { openLogger } from "./observe/logger.js";
import { type Observing, openObserving } from "./observe/observer.js";
import { bringRuntime, ENGINE } from "./places.js";
import {
  type Classifier,
  type ExportModel,
  type Feedback,
  type FetchImage,
  type GoldenComparison,
  type ImageStore,
  type InferenceEngine,
  type LoadedModel,
  type ModelChoice,
  type ModelFetcher,
  type ModelIdentity,
  type Models,
  type ModelsStoreStatus,
  type ModelZoo,
  NO_SETTINGS,
  type Observer,
  type OpenModel,
  type Party,
  type PeerCounts,
  type ReadImagePath,
  type Registrar,
  UNOBSERVED,
  type ZooModel,
} from "./ports.js";
import { openSharedCounts } from "./rates/shared-counts.js";
import { sha256 } from "./sha256.js";
import { openTeachJobs } from "./teach/jobs.js";
import type { TeachJobs } from "./teach-jobs.js";
import { unlessAborted } from "./unless-aborted.js";
import { decodeReply, loadWasm } from "./wasm-module.js";
import { compareGolden } from "./zoo/compare-golden.js";
import { createModelFetcher } from "./zoo/fetcher.js";
import { findModel } from "./zoo/find-models.js";
import { LICENCE_FILE } from "./zoo/judge.js";
import type { Workbench } from "./zoo/workbench.js";

export { EXPORT_ENDINGS } from "./ports.js";

/** Threads of one engine process, far above what libtensorflow starts. */
const ENGINE_THREADS_MAX = 1024;
/** What says nothing of a model: another time it may answer. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["engine_unavailable", "overloaded", "internal"]);

export interface Service {
  readonly classifier: Classifier;
  readonly engine: InferenceEngine;
  readonly zoo: ModelZoo;
  readonly models: Models;
  readonly fetchImage: FetchImage;
  readonly readImagePath: ReadImagePath;
  readonly imageStore: ImageStore;
  readonly registrar: Registrar;
  readonly fetcher: ModelFetcher;
  /** Removes what a stop in the middle of a change left among the registered models, for the one service that changes them. */
  tidy(): Promise<void>;
  /** Reads every registered model, so that a damaged one is listed as such before it is asked for. */
  verify(): Promise<void>;
  /** From now on changes of the zoo's folder are taken over, and those that other replicas make. */
  watch(): void;
  /** Looks for such changes now. */
  look(): void;
  /** How registered models are shared; null where they are this service's alone. */
  modelsStore(): ModelsStoreStatus | null;
  /** Ends models, engines and threads; requests in flight are finished first. */
  close(): Promise<void>;
}

/** What a question needs of it. */
type Answering = Pick<Service, "models" | "classifier">;

export async function openService(config: Config, logger: Logger, observer: Observer = UNOBSERVED): Promise<Service> {
  const reportDamage = (entry: string, reason: string) => {
    logger.warn({ entry, reason }, "a model of the zoo cannot be served");
  };
  const ownZoo = await openFileZoo(config.modelsDir, reportDamage, config.modelId ?? null);
  const reportStore = (error: unknown) => {
    if (error === null) logger.info("the store of models answers again");
    else logger.warn({ err: error }, "the store of models, or the copy of it, cannot be used");
  };
  const shared = await openShared(config, reportStore);
  const zoo = await openModelStore({
    blobs: shared ?? folderBlobs(config.registeredModelsDir),
    zoo: ownZoo,
    modelsMax: config.registeredModelsMax,
    bytesMax: config.registeredBytesMax,
    report: (entry, reason) => logger.warn({ entry, reason }, "a registered model cannot be served"),
  });
  const company = new Company();
  const classifier = createWasmClassifier({
    threadCount: config.workerThreads,
    imageLimits: { pixels_max: config.imagePixelsMax, side_pixels_max: config.imageSidePixelsMax },
    memoryBytesKeptMax: config.workerMemoryBytesKeptMax,
    imageMsMax: config.imageMsMax,
    explainMasksMax: config.explainMasksMax,
    jsonBytesMax: config.jsonBytesMax,
    company,
  });
  const engine = await openEngine(config, { zoo: ownZoo, classifier, company }, logger, observer);
  const models = createModelRegistry({
    engine,
    classifier,
    zoo,
    modelsLoadedMax: config.modelsLoadedMax,
    modelsMemoryBytesMax: config.modelsMemoryBytesMax,
    strangerLoadsMax: config.strangerLoadsMax,
    uploadedGraphsBytesMax: config.uploadedGraphsBytesMax,
    retryCount: config.engineRetries,
    threads: config.engineThreads,
    sandboxRequired: config.sandbox === "required",
    exportModel: await openExporter(config, (pid, line) => logEngineLine(logger, pid, line), company),
    observer,
  });
  ownZoo.serveWith({
    judge: (model) => judge({ models, classifier }, model, config),
    retire: (model) => models.retire(model),
  });
  const fetcher = createModelFetcher({
    zoo: ownZoo,
    dir: config.modelsDir,
    limits: config,
    report: ({ id, files }) => logger.info({ model: id, files }, "a listed model was fetched"),
    reportFailure: (id, error) => logger.error({ model: id, err: error }, "a listed model cannot be fetched"),
  });
  let zooWatch: ZooWatch | null = null;
  const follower = shared === null ? null : createFollower({ shared, store: zoo, models, report: reportStore });
  return {
    classifier,
    fetcher,
    engine,
    zoo,
    models,
    fetchImage: createImageFetcher({
      hosts: config.imageUrlHosts,
      bytesMax: config.imageBytesMax,
      msMax: config.imageUrlMsMax,
    }),
    readImagePath: createPathReader({ dir: config.imagesDir, bytesMax: config.imageBytesMax }),
    imageStore: createImageStore(config),
    registrar: createRegistrar({
      models,
      classifier,
      store: zoo,
      decide: (...asked) => decided({ models, classifier }, ...asked),
      report: (error) => logger.error({ err: error }, "files of a removed model stay until the next start"),
    }),
    tidy: () =>
      zoo.removeLeftovers().catch((error: unknown) => {
        logger.warn({ err: error }, "leftovers of registered models cannot be removed");
      }),
    verify: () => zoo.verify(),
    watch() {
      zooWatch = watchZoo({
        zoo: ownZoo,
        pollMs: 1000 * config.modelsPollSeconds,
        report: (error) => logger.warn({ err: error }, "changes of the zoo's folder may be noticed late"),
      });
      follower?.start();
    },
    look: () => zooWatch?.look(),
    modelsStore: () => follower?.status() ?? null,
    async close() {
      zooWatch?.stop();
      follower?.stop();
      fetcher.close();
      await models.close();
      await Promise.all([engine.close(), classifier.close(), ownZoo.close()]);
    },
  };
}

/** The store of registered models that replicas share; null where there is none. */
async function openShared(
  { modelsStore, registeredModelsDir, registeredBytesMax }: Config,
  report: (error: unknown) => void,
): Promise<SharedBlobs | null> {
  if (modelsStore === undefined) return null;
  return await openSharedBlobs({
    objects: await openS3Objects(modelsStore),
    // Apart from what a service without MODELS_STORE keeps there.
    cacheDir: join(registeredModelsDir, "copies"),
    blobBytesMax: registeredBytesMax,
    report,
  });
}

/**
 * Whether the store of models that replicas share keeps the conditions of a write; it is left with one object more.
 * @throws AwayError
 */
export async function keepsConditions(modelsStore: string): Promise<boolean> {
  const objects = await openS3Objects(modelsStore);
  try {
    return await keepsConditionsOf(objects);
  } finally {
    objects.close();
  }
}

/**
 * The API keys, null where the settings name no place of them.
 * @throws AppError `field_invalid` for a file that is wrong, and where nobody could do anything; `engine_unavailable` for a
 * database that cannot be reached.
 */
export async function openKeys(config: Config, logger: Logger): Promise<KeptKeys | null> {
  const { apiKeysFile, sharedKeys, anonymousRole, host, trustProxy } = config;
  const report = (error: unknown) => logger.error({ err: error }, "the API keys stay as they were");
  if (sharedKeys === "1") return await openSharedKeys(config.databaseUrl ?? "", report);
  if (apiKeysFile !== undefined) return openApiKeys(apiKeysFile, report);
  if (anonymousRole === "none") {
    const choices = [
      "API_KEYS_FILE for keys (`menagerie key` makes one)",
      "ANONYMOUS_ROLE=infer to let everyone classify",
      trustProxy === ""
        ? "HOST=127.0.0.1 to serve this machine alone"
        : "ANONYMOUS_ROLE=admin where the proxy lets in nobody else",
    ];
    throw new AppError(
      "unauthorized",
      `HOST=${host}${trustProxy === "" ? "" : ` with TRUST_PROXY=${trustProxy}`} is a public address, and there are no API keys. Set ${choices.join(", or ")}.`,
    );
  }
  if (!isLoopback(host)) {
    const hint = "without an API key, whoever reaches this port may do what ANONYMOUS_ROLE says";
    logger.warn({ host, anonymous_role: anonymousRole }, hint);
  }
  return null;
}

const DAY_MS = 86_400_000;

/** What replicas count together; null where each counts for itself, or nothing is counted. */
export function openPeerCounts(
  { databaseUrl, requestsPerWindowMax }: Pick<Config, "databaseUrl" | "requestsPerWindowMax">,
  logger: Logger,
): PeerCounts | null {
  if (databaseUrl === undefined || requestsPerWindowMax === 0) return null;
  return openSharedCounts({
    url: databaseUrl,
    report: (error) => {
      if (error === null) logger.info("rates are counted with other replicas again");
      else logger.warn({ err: error }, "rates are counted without other replicas now");
    },
  });
}

/** The store of answers and of what was right; null where the settings turn it off. */
export function openFeedback(config: Config, logger: Logger): Feedback | null {
  if (config.feedback === "off") return null;
  return createFeedback({
    place: placeOfFeedback(config),
    keep: {
      ageMsMax: DAY_MS * config.feedbackDaysMax,
      answersMax: config.feedbackAnswersMax,
      imagesBytesMax: config.keptImagesBytesMax,
    },
    keepImages: config.keepImages === "1",
    waitingMax: config.feedbackWaitingMax,
    waitingImagesBytesMax: config.keptImagesWaitingBytesMax,
    report: (problem, reason) => {
      if (problem === null) logger.info("answers are remembered again");
      else logger.warn({ problem, reason }, "answers cannot be remembered now");
    },
  });
}

/**
 * The same store for the command, also while a service uses it.
 * @throws AppError `not_found` where nothing was ever remembered.
 */
export async function openFeedbackStore(config: Config): Promise<Pick<FeedbackStore, "exported" | "image" | "close">> {
  if (!isFeedbackThere(config))
    throw new AppError(
      "not_found",
      `FEEDBACK_DIR=${config.feedbackDir} holds no store: nothing was remembered there yet.`,
    );
  return new FeedbackStore(await useOfFeedback(config, openDatabase));
}

/** Whether there is a store; one that is not is made at the start. */
export function isFeedbackThere(config: Config): boolean {
  return isThere(placeOfFeedback(config));
}

/** Rejects where a later version made the store. */
export async function refuseLaterFeedback(config: Config): Promise<void> {
  if (config.feedback === "on") await useOfFeedback(config, refuseLaterStore);
}

/** Rejects where the store, which is there, cannot be used. */
export function probeFeedback(config: Config): Promise<void> {
  return useOfFeedback(config, probeDatabase);
}

async function useOfFeedback<T>(config: Config, use: (place: Place) => Promise<T>): Promise<T> {
  const place = placeOfFeedback(config);
  try {
    return await use(place);
  } catch (error) {
    const where = place.url === null ? `FEEDBACK_DIR=${place.dir}` : "DATABASE_URL";
    throw new Error(`The store of ${where} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

function placeOfFeedback({ databaseUrl, feedbackDir }: Config): Place {
  return { url: databaseUrl ?? null, dir: feedbackDir };
}

/** Jobs of teaching, of which those that were at work go on; null where the settings turn it off. */
export async function openTeach(
  config: Config,
  { zoo }: Service,
  feedback: Feedback | null,
  logger: Logger,
): Promise<TeachJobs | null> {
  if (config.teach === "off") return null;
  // A run that takes no photos of feedback has no business with its store, whose password that is.
  const { databaseUrl: _, ...settings } = config;
  return await openTeachJobs({
    dir: config.teachDir,
    limits: config,
    zoo,
    async licenceOf(id, version) {
      const place = await findModel(config.modelsDir, `${id}@${version}`).catch(() => null);
      return place === null ? null : await folderBlobs(join(config.modelsDir, place.entry)).get(LICENCE_FILE);
    },
    program: { file: new URL("./teach-process.js", import.meta.url), settings, settingsWithFeedback: config },
    settleFeedback: async () => await feedback?.settle(),
    log: (facts, message) => logger.info(facts, message),
  });
}

/** Runs a picture of one pixel through every part, so that the first client does not wait for what is done once. */
export async function warmUp(service: Service, config: Config): Promise<void> {
  await askOfOnePixel(service, { kind: "zoo", id: null, version: null }, config.workerThreads, config);
}

/** Why a model of the zoo does not answer; null where it does. Rejects where that is not the model's fault. */
async function judge(service: Answering, model: ZooModel, config: Config): Promise<string | null> {
  try {
    await askOfOnePixel(service, { kind: "candidate", model }, 1, config);
    return null;
  } catch (error) {
    if (!(error instanceof AppError) || PASSING.has(error.code)) throw error;
    return error.message;
  }
}

/** Asks a model `count` times at once. @throws AppError where it does not answer. */
async function askOfOnePixel(
  { models, classifier }: Answering,
  choice: ModelChoice,
  count: number,
  { classifyMsMax }: Config,
): Promise<void> {
  const options = { topK: 1, scoreThreshold: 0, picture: false };
  await onOwnBehalf(classifyMsMax, (party) =>
    models.use(choice, NO_SETTINGS, party, ({ target }) =>
      Promise.all(Array.from({ length: count }, () => classifier.classify(target, onePixel(), options))),
    ),
  );
}

/** Work that this program does for itself, until its deadline. */
export async function onOwnBehalf<T>(msMax: number, work: (party: Party) => Promise<T>): Promise<T> {
  const deadline = new AbortController();
  setMaxListeners(0, deadline.signal);
  const timer = setTimeout(() => {
    deadline.abort(new AppError("engine_timeout", `It was not answered within ${msMax} ms.`));
  }, msMax);
  const party: Party = { caller: "this program", request: deadline, signal: deadline.signal, hold: () => () => {} };
  try {
    return await unlessAborted(party.signal, work(party));
  } finally {
    clearTimeout(timer);
  }
}

const sayOnStderr = (line: string) => void process.stderr.write(`${line}\n`);

/** What writes models for other programs. @throws AppError `engine_unavailable` where this platform has no engine. */
export async function openExporter(
  config: Config,
  log: LogLine = () => {},
  company = new Company(),
): Promise<ExportModel> {
  refuseWithoutEngine(config);
  return createExporter({
    command: { path: config.enginePath, args: ["export"], environment: confinement(config) },
    startChild: await loadNativeStart().catch(() => undefined),
    company,
    log,
  });
}

/** The settings of the cell of an engine's process. */
function confinement(config: Config): EngineCommand["environment"] {
  return {
    SANDBOX: config.sandbox,
    ENGINE_MEMORY_BYTES_MAX: String(config.engineMemoryBytesMax),
    ENGINE_CPU_SECONDS_MAX: String(config.engineCpuSecondsMax),
  };
}

/** @throws AppError `engine_unavailable`. */
function refuseWithoutEngine({ enginePath }: Config): void {
  if (enginePath === ENGINE.path && ENGINE.problem !== null) throw new AppError("engine_unavailable", ENGINE.problem);
}

async function openEngine(
  config: Config,
  { zoo, classifier, company }: { zoo: FileZoo; classifier: Classifier; company: Company },
  logger: Logger,
  observer: Observer,
): Promise<InferenceEngine> {
  const { tfEnableOnednnOpts } = config;
  const remote = await openRemoteEngine(config, logger);
  if (remote !== null) return remote;
  refuseWithoutEngine(config);
  const libtensorflowPath =
    config.libtensorflowPath ??
    (config.runtime === "onnxruntime" ? undefined : await bringRuntime("libtensorflow", sayOnStderr));
  const onnxruntimePath =
    config.onnxruntimePath ??
    (config.runtime === "libtensorflow" ? undefined : await bringRuntime("onnxruntime", sayOnStderr));
  if (config.engine === "addon") {
    return await createAddonEngine({
      runtime: config.runtime,
      tfEnableOnednnOpts,
      ...(libtensorflowPath === undefined ? {} : { libtensorflowPath }),
      ...(onnxruntimePath === undefined ? {} : { onnxruntimePath }),
      isTrusted: async (graph) => zoo.hasGraph(await sha256(graph)),
    });
  }
  const wasm = loadWasm();
  const cgroups = openEngineCgroups({ memoryBytesMax: config.engineMemoryBytesMax, threadsMax: ENGINE_THREADS_MAX });
  if (cgroups.problem !== null) logger.info({ reason: cgroups.problem }, "engines have no cgroups of their own");
  const startChild = await loadNativeStart().catch((error: unknown) => {
    logger.info({ reason: messageOf(error) }, "engines are started by a fork of the service, which takes its time");
    return undefined;
  });
  const open = (runtime: "libtensorflow" | "onnxruntime", spareCount: number) =>
    createProcessEngine({
      startChild,
      command: {
        path: config.enginePath,
        args: ["serve"],
        environment: {
          RUNTIME: runtime,
          ...confinement(config),
          TF_ENABLE_ONEDNN_OPTS: tfEnableOnednnOpts,
          ...(libtensorflowPath === undefined ? {} : { LIBTENSORFLOW_PATH: libtensorflowPath }),
          ...(onnxruntimePath === undefined ? {} : { ONNXRUNTIME_PATH: onnxruntimePath }),
        },
      },
      programReadPaths: config.programReadPaths,
      codec: {
        encodeLoadHead: (id, json, graphBytes) => wasm.encodeLoadHead(id, json, graphBytes),
        decodeReply: (frame) => decodeReply(wasm, frame),
      },
      log: (pid, line) => logEngineLine(logger, pid, line),
      spareCount,
      startMsMax: config.engineStartMsMax,
      loadMsMax: config.engineLoadMsMax,
      firstRunMsMax: config.engineFirstRunMsMax,
      runMsMax: config.engineRunMsMax,
      closeMsMax: config.shutdownMsMax,
      cgroups,
      company,
      sandboxRequired: config.sandbox === "required",
      onLost: () => observer.engineLost(),
    });
  if (config.runtime !== "auto") return open(config.runtime, config.engineSpares);
  return createAutoEngine({
    onnxruntime: open("onnxruntime", config.engineSpares),
    openLibtensorflow: () => open("libtensorflow", 0),
    compareGolden: (loaded, request, identity) =>
      compareWithGolden(loaded, request, identity, { zoo, classifier, classifyMsMax: config.classifyMsMax }),
    log: ({ runtime, reason, sha256: graph }) => {
      if (runtime === null) logger.warn({ graph, reason }, "a model is not served");
      else logger.info({ graph, reason }, `a graph runs on ${runtime}`);
    },
  });
}

/** Of a model with the settings of its manifest: others give other answers, of which nothing is kept. */
async function compareWithGolden(
  loaded: LoadedModel,
  { source }: LoadRequest,
  identity: ModelIdentity | undefined,
  { zoo, classifier, classifyMsMax }: { zoo: FileZoo; classifier: Classifier; classifyMsMax: number },
): Promise<GoldenComparison> {
  const model = identity === undefined || source !== "manifest" ? undefined : zoo.ofIdentity(identity);
  if (identity === undefined || model === undefined) return { photoCount: 0, difference: null };
  const { spec, imagesMax, tensors } = loaded;
  const [labels, confidence] = [await model.readLabels(), manifestConfidence(model.manifest)];
  const options = { topK: 1, scoreThreshold: 0, picture: false, everyClass: true };
  return await compareGolden(model, PROBABILITY_DIFFERENCE_MAX, (photo) =>
    onOwnBehalf(classifyMsMax, (party) => {
      const target = {
        ...{ key: `golden:${identity.id}:${identity.version}:${identity.sha256}`, stranger: false, party },
        ...{ spec, imagesMax, tensors, labels, labelOffset: model.manifest.labels?.offset ?? null, confidence },
        exchange: (frame: Uint8Array) => loaded.exchange(frame, party),
      };
      return classifier.classify(target, new Uint8Array(photo), options);
    }),
  );
}

/** Null where this service runs its graphs itself. */
async function openRemoteEngine(config: Config, logger: Logger): Promise<InferenceEngine | null> {
  const address = remoteAddressOf(config.engine);
  if (address === null) return null;
  return createRemoteEngine({
    server: await openRemoteServer(address, config.remoteRequestsMax, config.remoteTokenFile ?? null),
    names: config.remoteModels,
    requestsMax: config.remoteRequestsMax,
    imagesMax: config.remoteImagesMax,
    threadCount: Math.ceil(config.workerThreads / 2),
    threadMsMax: config.engineLoadMsMax,
    describeMsMax: config.engineLoadMsMax,
    firstRunMsMax: config.engineFirstRunMsMax,
    runMsMax: config.engineRunMsMax,
    log: (problem, error) => {
      if (problem === null) logger.info({ engine: config.engine }, "the remote server is ready");
      else logger.error({ engine: config.engine, err: error }, problem);
    },
    logLoad: ({ id, version }, answering) =>
      logger.info({ model: id, version, remote: answering }, "answered elsewhere"),
  });
}

/** The engine writes JSON lines; what libtensorflow itself writes is plain text. */
function logEngineLine(logger: Logger, pid: number, line: string): void {
  try {
    const { level, ...facts } = JSON.parse(line) as Record<string, unknown>;
    if (level === "error") logger.error({ engine: facts, engine_pid: pid }, "engine");
    else logger.debug({ engine: facts, engine_pid: pid }, "engine");
  } catch {
    logger.debug({ engine: line, engine_pid: pid }, "engine");
  }
}

/** What another server says of itself, and whether it answers for each model of the zoo whose files are here. */
export interface RemoteReport {
  /** Null where it is not reached. */
  readonly runtime: Runtime | null;
  /** Why nothing is served; null where it is ready. */
  readonly problem: string | null;
  readonly models: readonly { readonly id: string; readonly problem: string | null }[];
}

/** Null where the settings name no other server. */
export async function examineRemote(config: Config): Promise<RemoteReport | null> {
  if (remoteAddressOf(config.engine) === null) return null;
  const service = await openService(config, pino({ level: "silent" }));
  try {
    const models = service.zoo.list().filter(({ present, registered }) => present && !registered);
    const reports: { id: string; problem: string | null }[] = [];
    for (const model of models) {
      const problem = await judge(service, model, config).catch(messageOf);
      reports.push({ id: model.manifest.id, problem });
    }
    const { runtime, problem } = service.engine.status();
    return { runtime, problem, models: reports };
  } finally {
    await service.close();
  }
}

/** The engine, in its cell, for judging models of the zoo, or graphs that are clients' as `areStrangers` says. */
export async function openWorkbench(config: Config, areStrangers = false): Promise<Workbench> {
  // The addon has no cell.
  const settings: Config = { ...config, engine: "process", engineSpares: 0 };
  const service = await openService(settings, pino({ level: "silent" }));
  const strangers = new WeakMap<ZooModel, ZooModel>();
  const asked = (model: ZooModel) => {
    if (!areStrangers) return model;
    const stranger = strangers.get(model) ?? strangersModel(model);
    strangers.set(model, stranger);
    return stranger;
  };
  const use = <T>(model: ZooModel, overrides: SpecOverrides, work: (open: OpenModel) => Promise<T>) =>
    onOwnBehalf(settings.classifyMsMax, (party) =>
      service.models.use(
        { kind: "candidate", model: asked(model) },
        { overrides, labelOffset: overrides.label_offset ?? null },
        party,
        work,
      ),
    );
  return {
    describe: (model) => use(model, {}, ({ target }) => service.classifier.describe(target)),
    classify: (model, photo, overrides = {}) =>
      use(model, overrides, ({ target }) =>
        service.classifier.classify(target, new Uint8Array(photo), {
          topK: 1,
          scoreThreshold: 0,
          picture: false,
          everyClass: true,
        }),
      ),
    scores: (model, photo, crop) =>
      use(model, {}, async ({ target }) => {
        const part = crop === undefined ? {} : { crop };
        const options = { topK: 1, scoreThreshold: 0, picture: false, scores: true, ...part };
        const { scores } = await service.classifier.classify(target, new Uint8Array(photo), options);
        if (scores === undefined) throw new Error("scores were asked for");
        return scores;
      }),
    look: (photo) =>
      onOwnBehalf(settings.classifyMsMax, (party) => service.classifier.look(new Uint8Array(photo), party)),
    memoryBytesOf: (model) => service.models.memoryBytesOf(model),
    graphBytesMax: settings.graphBytesMax,
    close: () => service.close(),
  };
}

/** The same model as one that a client brought. */
function strangersModel(model: ZooModel): ZooModel {
  const { manifest, present, damage, rejected, program, samples } = model;
  return {
    ...{ manifest, present, damage, rejected, program, samples },
    registered: true,
    readGraph: () => model.readGraph(),
    readLabels: () => model.readLabels(),
    readSample: (name) => model.readSample(name),
  };
}

/** A white BMP of one pixel. */
function onePixel(): Uint8Array {
  const bytes = new Uint8Array(58);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x424d);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, 54, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, 1, true);
  view.setInt32(22, 1, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  bytes.fill(255, 54, 57);
  return bytes;
}

export { addSharedKey, createKey, type NewKey, type Observing, openLogger, openObserving, removeSharedKey };
