/** The thread of `training.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { sentence } from "../errors.js";
import { codeOf, loadWasm } from "../wasm-module.js";
import type { FromThread, Lesson } from "./training.js";

const say = (message: FromThread) => parentPort?.postMessage(message);

const { features, size, classes, classCount, heldOut, groups, seed } = workerData as Lesson;
try {
  const told = (share: number) => say({ kind: "share", share });
  const trained = loadWasm().trainHead(features, size, classes, classCount, heldOut, groups, seed, told);
  const { reportJson, ...layers } = trained;
  say({ kind: "done", head: { ...layers, report: JSON.parse(reportJson) } });
} catch (error) {
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error)) throw error;
  say({ kind: "refused", code, message: sentence(error.message) });
}
