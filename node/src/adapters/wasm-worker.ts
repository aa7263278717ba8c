/**
 * What runs in a worker thread: the WebAssembly function, one image at a time. Piscina calls the exported functions by
 * name.
 *
 * The port of a task is its way back to the main thread: it asks there for a model that this thread has not compiled
 * yet, and sends there the frame for the engine.
 */
import { once } from "node:events";
import type { MessagePort, Transferable } from "node:worker_threads";
import type { ErrorCode } from "../generated/contract.js";
import { codeOf, loadWasm, reloadWasm, type WasmModel } from "./wasm-module.js";

/** A classification, as the main thread hands it over. */
export interface ClassifyTask {
  readonly key: string;
  readonly image: Uint8Array;
  /** `InferOptions`. */
  readonly optionsJson: string;
  /** Bytes that the instance may keep; past them this thread takes a fresh one. */
  readonly memoryBytesKeptMax: number;
  readonly port: MessagePort;
}

/** A model's description, as the main thread asks for it. */
export type DescribeTask = Pick<ClassifyTask, "key" | "port">;

/** What this thread asks of the main thread. */
export type Question = { readonly kind: "model" } | { readonly kind: "exchange"; readonly frame: Uint8Array };

/** The answer to "model". */
export interface ModelParts {
  readonly specJson: string;
  readonly labels: Uint8Array | null;
  readonly labelOffset: number | null;
}

/** The answer to "exchange". */
export type ExchangeReply =
  | { readonly frame: Uint8Array }
  | { readonly problem: { readonly code: ErrorCode; readonly message: string } };

/** JSON of what was asked for, or why there is none. */
export type TaskReply = { readonly json: string } | { readonly code: ErrorCode; readonly message: string };

const MODELS_COMPILED_MAX = 16;

let wasm = loadWasm();
/** In the order of use: the first one is the one unused for longest. */
const models = new Map<string, WasmModel>();

export function classify(task: ClassifyTask): Promise<TaskReply> {
  return replyTo(async () => {
    const model = await compiled(task);
    try {
      return await wasm.infer(model, task.image, task.optionsJson, (frame) => exchange(task.port, frame));
    } finally {
      recycle(task.memoryBytesKeptMax);
    }
  }, task.port);
}

export function describe(task: DescribeTask): Promise<TaskReply> {
  return replyTo(async () => (await compiled(task)).specJson(), task.port);
}

export function describeLabels(labels: Uint8Array): Promise<TaskReply> {
  return replyTo(async () => wasm.describeLabels(labels));
}

/** Turns an error with a code into a reply. Anything else is a trap or a bug: see `poison`. */
async function replyTo(work: () => Promise<string>, port?: MessagePort): Promise<TaskReply> {
  try {
    return { json: await work() };
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || !(error instanceof Error)) return await poison(error);
    return { code, message: error.message };
  } finally {
    port?.close();
  }
}

/**
 * A trap leaves the instance's memory in an unknown state. The error is thrown outside of the task: that ends this
 * thread, fails this task alone, and makes the pool start a fresh thread.
 */
function poison(error: unknown): Promise<never> {
  setImmediate(() => {
    throw error;
  });
  return new Promise(() => {});
}

/** Memory of WebAssembly never shrinks: after an image that took much of it, only a fresh instance gives it back. */
function recycle(memoryBytesKeptMax: number): void {
  if (wasm.memoryBytes() <= memoryBytesKeptMax) return;
  wasm = reloadWasm();
  models.clear();
}

async function compiled(task: DescribeTask): Promise<WasmModel> {
  const known = models.get(task.key);
  if (known !== undefined) {
    models.delete(task.key);
    models.set(task.key, known);
    return known;
  }
  const parts = (await ask(task.port, { kind: "model" })) as ModelParts;
  const model = new wasm.Model(parts.specJson, parts.labels, parts.labelOffset);
  models.set(task.key, model);
  for (const [key, oldest] of models) {
    if (models.size <= MODELS_COMPILED_MAX) break;
    models.delete(key);
    oldest.free();
  }
  return model;
}

async function exchange(port: MessagePort, frame: Uint8Array): Promise<Uint8Array> {
  const reply = (await ask(port, { kind: "exchange", frame }, [frame.buffer as ArrayBuffer])) as ExchangeReply;
  if ("frame" in reply) return reply.frame;
  throw Object.assign(new Error(reply.problem.message), { code: reply.problem.code });
}

async function ask(port: MessagePort, question: Question, transfer: Transferable[] = []): Promise<unknown> {
  const answered = once(port, "message");
  port.postMessage(question, transfer);
  const [answer] = await answered;
  return answer;
}
