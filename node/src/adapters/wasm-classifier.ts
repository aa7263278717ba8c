/**
 * The classifier on worker threads: each runs the WebAssembly function for one image at a time. There are more threads
 * than cores, so that those that wait for the engine leave none idle.
 */

import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { AppError, sentence } from "../errors.js";
import type { Answer, ImageLimits, InferOptions, LabelsSpec, ModelSpec } from "../generated/contract.js";
import type { Classifier, ClassifyOptions, ClassifyTarget } from "../ports.js";
import type { ClassifyTask, DescribeTask, ExchangeReply, ModelParts, Question, TaskReply } from "./wasm-worker.js";

export interface WasmClassifierOptions {
  readonly threadCount: number;
  readonly imageLimits: ImageLimits;
  /** Bytes of WebAssembly memory that a thread keeps from one image to the next. */
  readonly memoryBytesKeptMax: number;
  /** Deadline for one task, waiting for a thread and for the engine included. */
  readonly classifyMsMax: number;
  /** The built worker, where it does not lie beside this file. */
  readonly workerFile?: URL;
}

export function createWasmClassifier(options: WasmClassifierOptions): Classifier {
  return new WasmClassifier(options);
}

class WasmClassifier implements Classifier {
  readonly #pool: Piscina;
  readonly #options: WasmClassifierOptions;

  constructor(options: WasmClassifierOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      filename: fileURLToPath(options.workerFile ?? new URL("./wasm-worker.js", import.meta.url)),
      minThreads: options.threadCount,
      maxThreads: options.threadCount,
      concurrentTasksPerWorker: 1,
      stricterFIFO: true,
      env: {},
    });
    // A thread that dies between two tasks is replaced by the pool; without a listener the event would end the process.
    this.#pool.on("error", () => {});
  }

  async classify(target: ClassifyTarget, image: Uint8Array, options: ClassifyOptions): Promise<Answer> {
    const inferOptions: InferOptions = {
      top_k: options.topK,
      score_threshold: options.scoreThreshold,
      ...(options.crop === undefined ? {} : { crop: options.crop }),
      picture: options.picture,
      limits: this.#options.imageLimits,
    };
    const bytes = transferable(image);
    return await this.#withPort<Answer>(target, (port) => {
      const task: ClassifyTask = {
        key: target.key,
        image: bytes,
        optionsJson: JSON.stringify(inferOptions),
        memoryBytesKeptMax: this.#options.memoryBytesKeptMax,
        port,
      };
      return this.#run("classify", task, [port, bytes.buffer]);
    });
  }

  async describe(target: ClassifyTarget): Promise<ModelSpec> {
    return await this.#withPort<ModelSpec>(target, (port) => {
      const task: DescribeTask = { key: target.key, port };
      return this.#run("describe", task, [port]);
    });
  }

  async describeLabels(labels: Uint8Array): Promise<Pick<LabelsSpec, "count" | "format">> {
    return parse(await this.#run("describeLabels", labels, []));
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  /** Runs a task that may ask back for its target. A failed exchange counts more than what the thread makes of it. */
  async #withPort<T>(target: ClassifyTarget, run: (port: MessagePort) => Promise<TaskReply>): Promise<T> {
    const { port1: port, port2 } = new MessageChannel();
    let exchangeFailure: AppError | undefined;
    port.on("message", async (question: Question) => {
      if (question.kind === "model") {
        const parts: ModelParts = {
          specJson: JSON.stringify(target.spec),
          labels: target.labels,
          labelOffset: target.labelOffset,
        };
        port.postMessage(parts);
        return;
      }
      try {
        const frame = transferable(await target.exchange(question.frame));
        port.postMessage({ frame } satisfies ExchangeReply, [frame.buffer]);
      } catch (error) {
        exchangeFailure = asAppError(error);
        const { code, message } = exchangeFailure;
        port.postMessage({ problem: { code, message } } satisfies ExchangeReply);
      }
    });
    try {
      return parse<T>(await run(port2));
    } catch (error) {
      throw exchangeFailure ?? error;
    } finally {
      port.close();
    }
  }

  async #run(
    name: keyof typeof import("./wasm-worker.js"),
    task: unknown,
    transferList: (ArrayBuffer | MessagePort)[],
  ) {
    const signal = AbortSignal.timeout(this.#options.classifyMsMax);
    try {
      return (await this.#pool.run(task, { name, transferList, signal })) as TaskReply;
    } catch (error) {
      if (signal.aborted) {
        const detail = `The image was not classified within ${this.#options.classifyMsMax} ms.`;
        throw new AppError("engine_timeout", detail, { cause: error });
      }
      throw new AppError("internal", "The image could not be classified.", { cause: error });
    }
  }
}

function parse<T>(reply: TaskReply): T {
  if ("json" in reply) return JSON.parse(reply.json) as T;
  throw new AppError(reply.code, sentence(reply.message));
}

function asAppError(error: unknown): AppError {
  return error instanceof AppError
    ? error
    : new AppError("internal", "The engine could not be asked.", { cause: error });
}

/** Bytes in an ArrayBuffer of their own, copied only where they share one (small Buffers lie in Node's pool). */
function transferable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const own = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
  return own ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}
