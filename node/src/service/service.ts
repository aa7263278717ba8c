/** Puts the adapters together: what the server, the library and the command line stand on. */
import type { Logger } from "pino";
import type { Config } from "../config.js";
import { decided } from "../decide.js";
import { AppError } from "../errors.js";
import { Company } from "../fair-queue.js";
import type { ErrorCode } from "../generated/contract.js";
import { createImageFetcher } from "../images/fetch-image.js";
import { createImageStore } from "../images/image-store.js";
import { createPathReader } from "../images/read-path.js";
import { createWasmClassifier } from "../images/wasm-classifier.js";
import { openFileZoo } from "../models/file-zoo.js";
import { folderBlobs } from "../models/folder-blobs.js";
import { createFollower } from "../models/follower.js";
import { createRegistrar } from "../models/registrar.js";
import { createModelRegistry } from "../models/registry.js";
import { openModelStore } from "../models/store.js";
import { watchZoo, type ZooWatch } from "../models/watch-zoo.js";
import {
  type Classifier,
  type FetchImage,
  type ImageStore,
  type InferenceEngine,
  type ModelChoice,
  type ModelFetcher,
  type Models,
  type ModelsStoreStatus,
  type ModelZoo,
  NO_SETTINGS,
  type Observer,
  type ReadImagePath,
  type Registrar,
  UNOBSERVED,
  type ZooModel,
} from "../ports.js";
import { createModelFetcher } from "../zoo/fetcher.js";
import { logEngineLine, openEngine, openExporter } from "./engine.js";
import { onOwnBehalf } from "./own-behalf.js";
import { openShared } from "./shared.js";

export { openLogger } from "../observe/logger.js";
export { type Observing, openObserving } from "../observe/observer.js";

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
      const fetched = fetcher.close();
      await models.close();
      await Promise.all([engine.close(), classifier.close(), fetched.then(() => ownZoo.close())]);
    },
  };
}

/** Runs a picture of one pixel through every part, so that the first client does not wait for what is done once. */
export async function warmUp(service: Service, config: Config): Promise<void> {
  await askOfOnePixel(service, { kind: "zoo", id: null, version: null }, config.workerThreads, config);
}

/** Why a model of the zoo does not answer; null where it does. Rejects where that is not the model's fault. */
export async function judge(service: Answering, model: ZooModel, config: Config): Promise<string | null> {
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
