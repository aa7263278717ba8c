/** What runs graphs, as the settings say: a process for each, the addon, either runtime or both, another server. */
import type { Logger } from "pino";
import type { Config } from "../config.js";
import { createAddonEngine } from "../engines/addon.js";
import { createAutoEngine } from "../engines/auto.js";
import { openEngineCgroups } from "../engines/cgroups.js";
import type { LogLine } from "../engines/child.js";
import { PROBABILITY_DIFFERENCE_MAX } from "../engines/compare.js";
import { createExporter } from "../engines/exporter.js";
import { loadNativeStart } from "../engines/native-child.js";
import { createProcessEngine } from "../engines/process.js";
import { remoteAddressOf } from "../engines/remote/address.js";
import { openRemoteServer } from "../engines/remote/open.js";
import { createRemoteEngine } from "../engines/remote/remote.js";
import { AppError, messageOf } from "../errors.js";
import { Company } from "../fair-queue.js";
import type { LoadRequest } from "../generated/contract.js";
import type { FileZoo } from "../models/file-zoo.js";
import { manifestConfidence } from "../models/manifest.js";
import { bringRuntime, ENGINE } from "../places.js";
import type {
  Classifier,
  ExportModel,
  GoldenComparison,
  InferenceEngine,
  LoadedModel,
  ModelIdentity,
  Observer,
} from "../ports.js";
import { sha256 } from "../sha256.js";
import type { ProcessCommand } from "../start-child.js";
import { decodeReply, loadWasm } from "../wasm-module.js";
import { compareGolden } from "../zoo/compare-golden.js";
import { onOwnBehalf } from "./own-behalf.js";

export { EXPORT_ENDINGS } from "../ports.js";

/** Threads of one engine process, far above what libtensorflow starts. */
const ENGINE_THREADS_MAX = 1024;

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
function confinement(config: Config): ProcessCommand["environment"] {
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

export async function openEngine(
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
export function logEngineLine(logger: Logger, pid: number, line: string): void {
  try {
    const { level, ...facts } = JSON.parse(line) as Record<string, unknown>;
    if (level === "error") logger.error({ engine: facts, engine_pid: pid }, "engine");
    else logger.debug({ engine: facts, engine_pid: pid }, "engine");
  } catch {
    logger.debug({ engine: line, engine_pid: pid }, "engine");
  }
}
