/**
 * The classifier on worker threads: one makes the frame for the engine, one makes the answer of its reply. None waits for
 * the engine.
 */

import { AppError, sentence } from "../errors.js";
import type { Company } from "../fair-queue.js";
import type { Answer, ImageLimits, InferOptions, LabelsSpec, ModelSpec } from "../generated/contract.js";
import { type Classifier, type ClassifyOptions, type ClassifyTarget, isShared, type Party } from "../ports.js";
import { loadWasm, type WasmModule } from "../wasm-module.js";
import type { Call, ModelCall, PrepareCall, Reply } from "./wasm-worker.js";
import { type CallOptions, TooLongError, WorkerPool } from "./worker-pool.js";

/** More than an image of 512x512 takes. */
const FRAME_BYTES_KEPT_MAX = 1024 * 1024;

/** Images of so many bytes and pixels, and label files, take a thread for a few milliseconds. */
const LIGHT_BYTES_MAX = 256 * 1024;
const LIGHT_PIXELS_MAX = 1024 * 1024;

export interface WasmClassifierOptions {
  readonly threadCount: number;
  readonly imageLimits: ImageLimits;
  /** Bytes of WebAssembly memory that a thread keeps from one image to the next. */
  readonly memoryBytesKeptMax: number;
  /** Longest that a thread may work on one image, in ms; far above what the limits of images allow. */
  readonly imageMsMax: number;
  /** Who asked lately, of this classifier and of whatever else shares the processor. */
  readonly company?: Company;
  /** The built worker, where it does not lie beside this file. */
  readonly workerFile?: URL;
}

export function createWasmClassifier(options: WasmClassifierOptions): Classifier {
  return new WasmClassifier(options);
}

class WasmClassifier implements Classifier {
  readonly #pool: WorkerPool<Call, Reply>;
  readonly #options: WasmClassifierOptions;
  readonly #wasm = loadWasm();
  /**
   * Frames whose exchange resolved, so that no engine reads them any more: their memory is used again, since V8 collects
   * garbage by how much was taken anew.
   */
  readonly #frames: Uint8Array<ArrayBuffer>[] = [];

  constructor(options: WasmClassifierOptions) {
    this.#options = options;
    this.#pool = new WorkerPool(
      options.workerFile ?? new URL("./wasm-worker.js", import.meta.url),
      options.threadCount,
      options.imageMsMax,
      options.company,
    );
  }

  async classify(target: ClassifyTarget, image: Uint8Array, options: ClassifyOptions): Promise<Answer> {
    const { imageLimits, memoryBytesKeptMax } = this.#options;
    const inferOptions: InferOptions = {
      top_k: options.topK,
      score_threshold: options.scoreThreshold,
      ...(options.crop === undefined ? {} : { crop: options.crop }),
      picture: options.picture,
      limits: imageLimits,
    };
    const optionsJson = JSON.stringify(inferOptions);
    const model = { key: target.key };
    const { party } = target;
    const release = party.hold(image.length + frameBytesOf(target));
    try {
      const given = { image: transferable(image), room: this.#frames.pop() ?? new Uint8Array() };
      const prepare = { kind: "prepare", model, ...given, optionsJson, memoryBytesKeptMax } as const;
      const heavy = target.stranger || isHeavy(this.#wasm, image);
      const { frame, seenJson } = only("prepared", await this.#callWith(target, prepare, { party, heavy }));
      const reply = await exchange(target, frame);
      this.#keep(frame);
      const answer = { kind: "answer", model, seenJson, optionsJson, reply } as const;
      return JSON.parse(only("json", await this.#callWith(target, answer, { party, urgent: true })).json) as Answer;
    } finally {
      release();
    }
  }

  async describe(target: ClassifyTarget): Promise<ModelSpec> {
    const call = { kind: "describe", model: { key: target.key } } as const;
    const options = { party: target.party, heavy: target.stranger };
    return JSON.parse(only("json", await this.#callWith(target, call, options)).json) as ModelSpec;
  }

  async describeLabels(labels: Uint8Array, party: Party): Promise<Pick<LabelsSpec, "count" | "format">> {
    const call = { kind: "describeLabels", labels } as const;
    return JSON.parse(only("json", await this.#call(call, { party, heavy: labels.length > LIGHT_BYTES_MAX })).json);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** Makes a call, and once more with the whole model where the thread does not know it yet. */
  async #callWith(target: ClassifyTarget, call: ModelCall, options: CallOptions): Promise<Reply> {
    const reply = await this.#call(call, options);
    if (reply.kind !== "modelUnknown") return reply;
    const { key, spec, labels, labelOffset } = target;
    const model = { key, parts: { specJson: JSON.stringify(spec), labels, labelOffset } };
    const given = reply.image === undefined ? {} : { image: reply.image, room: new Uint8Array() };
    return await this.#call({ ...call, ...given, model }, options);
  }

  async #call(call: Call, options: CallOptions): Promise<Reply> {
    const transfer = call.kind === "prepare" ? givenAway(call) : [];
    try {
      return await this.#pool.call(call, { ...options, transfer });
    } catch (error) {
      if (error instanceof TooLongError)
        throw new AppError("engine_timeout", `The image was given up: ${error.message}.`);
      throw error instanceof AppError ? error : failed(error);
    }
  }

  #keep(frame: Uint8Array<ArrayBuffer>): void {
    const fits = this.#frames.length < this.#options.threadCount && frame.length <= FRAME_BYTES_KEPT_MAX;
    if (fits) this.#frames.push(frame);
  }
}

/** The reply, which has to be of this kind; a refusal is thrown. */
function only<K extends Reply["kind"]>(kind: K, reply: Reply): Extract<Reply, { kind: K }> {
  if (reply.kind === "refused") throw new AppError(reply.code, sentence(reply.message));
  if (reply.kind === kind) return reply as Extract<Reply, { kind: K }>;
  throw failed(new Error(`a ${reply.kind} reply`));
}

function failed(cause: unknown): AppError {
  return new AppError("internal", "The image could not be classified.", { cause });
}

async function exchange(target: ClassifyTarget, frame: Uint8Array): Promise<Uint8Array> {
  try {
    return await target.exchange(frame);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("internal", "The engine could not be asked.", { cause: error });
  }
}

/**
 * Bytes in memory that threads share, or in an ArrayBuffer of their own: copied only where they share one (small Buffers
 * lie in Node's pool).
 */
function transferable(bytes: Uint8Array): Uint8Array {
  return isShared(bytes) || bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

/** From the header alone. Where that cannot be read there is nothing to decode. */
function isHeavy(wasm: WasmModule, image: Uint8Array): boolean {
  return image.length > LIGHT_BYTES_MAX || wasm.declaredPixels(image) > LIGHT_PIXELS_MAX;
}

/** Of the pixels at the model's size. */
function frameBytesOf({ spec: { input } }: ClassifyTarget): number {
  return input.width * input.height * input.channels;
}

/** Memory that is shared is not given away. */
function givenAway({ image, room }: PrepareCall): ArrayBuffer[] {
  return image.buffer instanceof ArrayBuffer ? [image.buffer, room.buffer] : [room.buffer];
}
