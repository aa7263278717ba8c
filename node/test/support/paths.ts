/** Where the tests find what was built and the data that may lie beside the project. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT_DIR, readConfig } from "../../src/config.js";

export const WORKER_FILE = new URL("../../dist/images/wasm-worker.js", import.meta.url);
export const REMOTE_THREAD_FILE = new URL("../../dist/engines/remote/thread.js", import.meta.url);
export const DIST_DIR = join(ROOT_DIR, "node/dist");
export const SERVER_FILE = join(DIST_DIR, "server.js");
export const FEEDBACK_THREAD_FILE = new URL("../../dist/feedback/thread.js", import.meta.url);
export const FOLDER_LOCK_FILE = join(DIST_DIR, "teach/folder-lock.js");
export const COLLECT_GARBAGE_FILE = join(DIST_DIR, "collect-garbage.js");
export const CLI_FILE = join(ROOT_DIR, "node/bin/menagerie.mjs");
export const ENGINE_FILE = join(ROOT_DIR, "target/release/menagerie-engine");
export const LIBTENSORFLOW_DIR = readConfig().libtensorflowPath;

/** ONNX Runtime as set-up leaves it; undefined where it is not there. */
export const ONNXRUNTIME_DIR = readConfig().onnxruntimePath;

/** The runtimes that are there; says of ONNX Runtime that it is passed over where it is not. */
export function runtimes(): ("libtensorflow" | "onnxruntime")[] {
  if (ONNXRUNTIME_DIR !== undefined) return ["libtensorflow", "onnxruntime"];
  console.log("skipped: ONNX Runtime is not there; node scripts/setup.mjs brings it");
  return ["libtensorflow"];
}

const SHARED_DIR = process.env["MENAGERIE_SHARED"] ?? join(ROOT_DIR, "../shared");

/** A folder of the test data beside the project; null, with the reason printed, where it is not there. */
export function sharedFolder(name: string): string | null {
  const folder = join(SHARED_DIR, name);
  if (existsSync(folder)) return folder;
  process.stderr.write(`skipped: the test data ${name}/ is not beside the project (set MENAGERIE_SHARED)\n`);
  return null;
}
