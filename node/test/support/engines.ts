/** Engines as the tests start them. */
import { fileURLToPath } from "node:url";
import { readConfig } from "../../src/config.js";
import { createAddonEngine } from "../../src/engines/addon.js";
import type { LogLine } from "../../src/engines/child.js";
import type { FrameCodec } from "../../src/engines/connection.js";
import { loadNativeStart } from "../../src/engines/native-child.js";
import { createProcessEngine, type ProcessEngineOptions } from "../../src/engines/process.js";
import { remoteAddressOf } from "../../src/engines/remote/address.js";
import { openRemoteServer } from "../../src/engines/remote/open.js";
import { createRemoteEngine, type RemoteEngineOptions } from "../../src/engines/remote/remote.js";
import type { InferenceEngine } from "../../src/ports.js";
import { decodeReply, loadWasm } from "../../src/wasm-module.js";
import { ENGINE_FILE, LIBTENSORFLOW_DIR, ONNXRUNTIME_DIR, REMOTE_THREAD_FILE } from "./paths.js";

const FIXTURE = fileURLToPath(new URL("../fixtures/engine.mjs", import.meta.url));

/** The real codec, compiled from native/contract. */
export function codec(): FrameCodec {
  const wasm = loadWasm();
  return {
    encodeLoadHead: (id, json, graphBytes) => wasm.encodeLoadHead(id, json, graphBytes),
    decodeReply: (frame) => decodeReply(wasm, frame),
  };
}

export function fixtureCommand(behaviour: string) {
  return { path: process.execPath, args: [FIXTURE, behaviour], environment: {} };
}

export const startChild = await loadNativeStart();

export function processEngine(
  overrides: Partial<ProcessEngineOptions> = {},
  runtime: "libtensorflow" | "onnxruntime" = "libtensorflow",
): InferenceEngine {
  const environment = {
    RUNTIME: runtime,
    ...(ONNXRUNTIME_DIR === undefined ? {} : { ONNXRUNTIME_PATH: ONNXRUNTIME_DIR }),
    TF_ENABLE_ONEDNN_OPTS: readConfig().tfEnableOnednnOpts,
    ...(LIBTENSORFLOW_DIR === undefined ? {} : { LIBTENSORFLOW_PATH: LIBTENSORFLOW_DIR }),
  };
  return createProcessEngine({
    command: { path: ENGINE_FILE, args: ["serve"], environment },
    programReadPaths: readConfig().programReadPaths,
    codec: codec(),
    log: ignoreLog,
    spareCount: 1,
    startMsMax: 60_000,
    loadMsMax: 60_000,
    firstRunMsMax: 60_000,
    runMsMax: 60_000,
    closeMsMax: 20_000,
    sandboxRequired: false,
    startChild,
    cgroups: { problem: "none in tests", add() {}, remove() {} },
    ...overrides,
  });
}

export function addonEngine(
  isTrusted: (graph: Uint8Array) => Promise<boolean> = async () => true,
  runtime: "libtensorflow" | "onnxruntime" = "libtensorflow",
): Promise<InferenceEngine> {
  return createAddonEngine({
    runtime,
    ...(ONNXRUNTIME_DIR === undefined ? {} : { onnxruntimePath: ONNXRUNTIME_DIR }),
    ...(LIBTENSORFLOW_DIR === undefined ? {} : { libtensorflowPath: LIBTENSORFLOW_DIR }),
    tfEnableOnednnOpts: readConfig().tfEnableOnednnOpts,
    isTrusted,
  });
}

/** The engine that another server is; `address` is as in `ENGINE`. */
export async function remoteEngine(
  address: string,
  overrides: Partial<RemoteEngineOptions> = {},
): Promise<InferenceEngine> {
  const parsed = remoteAddressOf(address);
  if (parsed === null) throw new Error(`${address} is no address`);
  return createRemoteEngine({
    server: await openRemoteServer(parsed, 4, null),
    names: [],
    requestsMax: 4,
    imagesMax: 16,
    threadCount: 2,
    threadMsMax: 60_000,
    describeMsMax: 60_000,
    firstRunMsMax: 60_000,
    runMsMax: 60_000,
    log: () => {},
    logLoad: () => {},
    threadFile: REMOTE_THREAD_FILE,
    ...overrides,
  });
}

export const ignoreLog: LogLine = () => {};
