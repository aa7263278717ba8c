/**
 * The classifier on worker threads: one makes the frame for the engine, and an answer of its reply that takes long. None
 * waits for the engine. Short answers, as those of nearly all photos are, are made here: to ask a thread would take as long,
 * and two more waits for a processor where others want it too.
 */

import { AppError, messageOf, sentence } from "../errors.js";
import type { Company } from "../fair-queue.js";
import type {
  Answer,
  Decision,
  ExplainOptions,
  Explanation,
  ImageFacts,
  ImageLimits,
  InferOptions,
  LabelsSpec,
  ModelSpec,
} from "../generated/contract.js";
import { joinInTurns } from "../join-chunks.js";
import type {
  Classifier,
  ClassifyOptions,
  ClassifyTarget,
  ExamplePhoto,
  ExplainQuestion,
  FirstLook,
  GivenImage,
  JsonValue,
  KeptImage,
  Party,
  PhotoLook,
  ScoredAnswer,
  Stages,
  Visit,
} from "../ports.js";
import { codeOf, loadWasm, reloadWasm, type WasmModule } from "../wasm-module.js";
import { type CallOptions, TooLongError, WorkerPool } from "../worker-pool.js";
import { CompiledModels, type ModelParts } from "./compiled-models.js";
import { Decisions } from "./decide.js";
import { readJson } from "./read-json.js";
import { transferable } from "./transferable.js";
import type { AnswerCall, Call, ModelCall, PrepareCall, Reply } from "./wasm-worker.js";

/** More than an image of 512x512 takes. */
const FRAME_BYTES_KEPT_MAX = 1024 * 1024;

/** Images of so many bytes and pixels, and label files, take a thread for a few milliseconds. */
const LIGHT_BYTES_MAX = 256 * 1024;
const LIGHT_PIXELS_MAX = 1024 * 1024;
const RGB_BYTES = 3;

/** Take the event loop for less than it takes to ask a thread: a reply with the scores of 4,000 classes, and so many of them. */
const REPLY_BYTES_ANSWERED_HERE_MAX = 16 * 1024;
const TOP_K_ANSWERED_HERE_MAX = 20;
/** Of a model that is compiled here, once; that of ImageNet's labels takes a millisecond. */
const LABELS_BYTES_COMPILED_HERE_MAX = 64 * 1024;

/** Takes the event loop for less than it takes to ask a thread. */
const JSON_BYTES_READ_HERE_MAX = 8 * 1024;
/** What JSON takes while it is read, at worst: empty arrays of three characters, and its text once more. */
const JSON_BYTES_PER_BYTE = 12;

/**
 * Masked photos of one exchange. A run cannot be taken back, so others wait for no more than this; and on the MobileNets
 * of the zoo larger batches take longer for each photo, since what lies between the layers leaves the core's cache.
 */
const MASKED_COUNT_MAX = 2;
/** Exchanges of one map at once: photos are masked while others run. */
const MASKED_EXCHANGES = 2;

/** What there is of an image or a tensor. */
type Given = Pick<PrepareCall, "image" | "tensorJson" | "photo" | "shrink"> & {
  /** Takes the image back; absent where nobody wants it. */
  readonly giveBack?: ((image: Uint8Array) => void) | undefined;
};

export interface WasmClassifierOptions {
  readonly threadCount: number;
  readonly imageLimits: ImageLimits;
  /** Bytes of WebAssembly memory that a thread keeps from one image to the next. */
  readonly memoryBytesKeptMax: number;
  /** Longest that a thread may work on one image, in ms; far above what the limits of images allow. */
  readonly imageMsMax: number;
  /** Bytes of one message of JSON. */
  readonly jsonBytesMax: number;
  /** Most masks of one map. */
  readonly explainMasksMax: number;
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
  readonly #decisions = new Decisions();
  #wasm = loadWasm();
  readonly #models = new CompiledModels();
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

  get waitingCount(): number {
    return this.#pool.waitingCount;
  }

  async classify(
    target: ClassifyTarget,
    image: GivenImage,
    options: ClassifyOptions,
    told?: (stages: Stages) => void,
  ): Promise<ScoredAnswer> {
    const length = lengthOf(image);
    const frameBytes = options.tensor === undefined ? frameBytesOf(target) : length;
    const release = target.party.hold(length + frameBytes);
    try {
      const { frame, answer, stages } = await this.#ask(target, image, this.#inferJson(options), options);
      this.#keep(frame);
      told?.(stages);
      return answer;
    } finally {
      release();
    }
  }

  async explain(
    target: ClassifyTarget,
    image: Uint8Array | KeptImage,
    options: ClassifyOptions,
    question: ExplainQuestion,
    told?: (stages: Stages) => void,
  ): Promise<{ answer: Answer; explanation: Explanation }> {
    const { party } = target;
    const explainOptions: ExplainOptions = {
      method: question.method,
      detail: question.detail,
      ...(question.class === null ? {} : { class: question.class }),
      ...(question.masks === null ? {} : { masks: question.masks }),
      masks_max: this.#options.explainMasksMax,
    };
    const optionsJson = this.#inferJson(options);
    const given = { model: { key: target.key }, explainJson: JSON.stringify(explainOptions) };
    const framesMax = 1 + MASKED_EXCHANGES * MASKED_COUNT_MAX;
    const release = party.hold(lengthOf(image) + framesMax * frameBytesOf(target));
    try {
      const { frame, seenJson, reply, answer, stages } = await this.#ask(target, image, optionsJson);
      const countMax = Math.min(MASKED_COUNT_MAX, target.imagesMax);
      const replies = [reply];
      let next = 0;
      let maskCount = 1;
      const askNext = async () => {
        const from = next;
        next += countMax;
        const call = { kind: "masked", ...given, frame, from, countMax } as const;
        const masked = only("masked", await this.#callWith(target, call, { party, heavy: true }));
        maskCount = masked.maskCount;
        replies[1 + from / countMax] = await exchange(target, masked.frame);
      };
      // The first one says how many masks there are, and whether there are any.
      await askNext();
      await together(MASKED_EXCHANGES, async (hasFailed) => {
        while (next < maskCount && !hasFailed()) await askNext();
      });
      const call = { kind: "explain", ...given, frame, seenJson, optionsJson, replies } as const;
      const { json } = only("json", await this.#callWith(target, call, { party, heavy: true }));
      told?.(stages);
      return { answer, explanation: JSON.parse(json) as Explanation };
    } finally {
      release();
    }
  }

  async decide(target: ClassifyTarget, examples: readonly ExamplePhoto[]): Promise<Decision> {
    return await this.#decisions.of(target, examples, {
      optionsJson: this.#inferJson({ topK: 1, scoreThreshold: 0, picture: false }),
      memoryBytesKeptMax: this.#options.memoryBytesKeptMax,
      call: async (kind, call) => only(kind, await this.#callWith(target, call, { party: target.party, heavy: true })),
      exchange: (frame) => exchange(target, frame),
    });
  }

  async decode(image: Uint8Array, party: Party): Promise<FirstLook> {
    const { memoryBytesKeptMax } = this.#options;
    const optionsJson = this.#inferJson({ topK: 1, scoreThreshold: 0, picture: false });
    const release = party.hold(image.length);
    try {
      const given = await transferable(image);
      const call = { kind: "decode", image: given, optionsJson, memoryBytesKeptMax } as const;
      const heavy = isHeavy(this.#wasm, { image: given, photo: null });
      const { photo, imageJson, shrink, bytes } = only("decoded", await this.#call(call, { party, heavy }));
      return { bytes, image: JSON.parse(imageJson) as ImageFacts, photo, shrink };
    } finally {
      release();
    }
  }

  async look(image: Uint8Array, party: Party): Promise<PhotoLook> {
    const { memoryBytesKeptMax } = this.#options;
    const optionsJson = this.#inferJson({ topK: 1, scoreThreshold: 0, picture: false });
    const release = party.hold(image.length);
    try {
      const given = await transferable(image);
      const heavy = isHeavy(this.#wasm, { image: given, photo: null });
      const call = { kind: "look", image: given, optionsJson, memoryBytesKeptMax } as const;
      return only("looked", await this.#call(call, { party, heavy })).look;
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

  async readJson(bytes: Uint8Array, visit: Visit): Promise<JsonValue> {
    const { jsonBytesMax } = this.#options;
    if (bytes.length > jsonBytesMax) {
      const detail = `The JSON is larger than ${jsonBytesMax} bytes; the values of tensors, and images, may be sent as they are.`;
      throw new AppError("upload_too_large", detail);
    }
    if (bytes.length <= JSON_BYTES_READ_HERE_MAX) return readJson(bytes);
    const release = visit.hold(JSON_BYTES_PER_BYTE * bytes.length);
    try {
      const heavy = bytes.length > LIGHT_BYTES_MAX;
      const call = { kind: "readJson", bytes: await transferable(bytes) } as const;
      const { value, buffers } = only("read", await this.#call(call, { party: visit, heavy }));
      visit.charge(buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0));
      return value;
    } finally {
      release();
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** The way of one image, or tensor, through an engine. Its frame is the caller's again. */
  async #ask(
    target: ClassifyTarget,
    image: GivenImage,
    optionsJson: string,
    { tensor, scores = false, ...options }: Partial<ClassifyOptions> = {},
  ) {
    const model = { key: target.key };
    const { party } = target;
    const began = performance.now();
    const tensorJson = tensor === undefined ? null : JSON.stringify(tensor);
    const { frame, seenJson } = await this.#prepareAny(target, image, tensorJson, optionsJson);
    const reply = await exchange(target, frame);
    const replied = performance.now();
    const call = { kind: "answer", model, seenJson, optionsJson, reply, scores } as const;
    const answered = isShort(target, call, options)
      ? this.#answerHere(target, call)
      : only("answered", await this.#callWith(target, call, { party, urgent: true }));
    const answer = JSON.parse(answered.json) as Answer;
    return {
      frame,
      seenJson,
      reply,
      answer: answered.scores === null ? answer : { ...answer, scores: answered.scores },
      stages: stagesOf(answer, began, replied, performance.now()),
    };
  }

  #answerHere(target: ClassifyTarget, { seenJson, optionsJson, reply }: AnswerCall) {
    const { key } = target;
    try {
      const model = this.#models.find(key) ?? this.#models.compile(this.#wasm, key, partsOf(target));
      return { json: this.#wasm.answer(model, seenJson, optionsJson, reply), scores: null };
    } catch (error) {
      const code = codeOf(error);
      if (code !== undefined) throw new AppError(code, sentence(messageOf(error)));
      // A trap leaves the instance's memory in an unknown state.
      this.#wasm = reloadWasm();
      this.#models.clear();
      throw failed(error);
    }
  }

  async #prepareAny(target: ClassifyTarget, image: GivenImage, tensorJson: string | null, optionsJson: string) {
    if ("withPhoto" in image) return await this.#prepareKept(target, image, optionsJson);
    const prepare = async (bytes: Uint8Array, giveBack?: (bytes: Uint8Array) => void) => {
      const given = { image: await transferable(bytes), tensorJson, photo: null, shrink: null, giveBack };
      return await this.#prepare(target, given, optionsJson);
    };
    return await (image instanceof Uint8Array ? prepare(image) : image.withBytes(prepare));
  }

  async #prepare(target: ClassifyTarget, { giveBack, ...given }: Given, optionsJson: string) {
    const { memoryBytesKeptMax } = this.#options;
    const { key, party, stranger } = target;
    const room = this.#frames.pop() ?? new Uint8Array();
    const isWantedBack = giveBack !== undefined;
    const call = {
      kind: "prepare",
      model: { key },
      ...given,
      isWantedBack,
      room,
      optionsJson,
      memoryBytesKeptMax,
    } as const;
    const heavy = stranger || (given.tensorJson === null && isHeavy(this.#wasm, given));
    const reply = await this.#callWith(target, call, { party, heavy });
    if ("image" in reply && reply.image !== undefined) giveBack?.(reply.image);
    return only("prepared", reply);
  }

  /** Its photo is decoded where none is kept that serves this model and part of it. */
  async #prepareKept(target: ClassifyTarget, image: KeptImage, optionsJson: string) {
    const shrink = this.#shrinkOf(image, target, optionsJson);
    return await image.withPhoto(shrink, target.party.signal, async (photo) => {
      const bytes = photo === null ? await joinInTurns([image.bytes]) : new Uint8Array();
      const prepared = await this.#prepare(target, { image: bytes, tensorJson: null, photo, shrink }, optionsJson);
      return { photo: prepared.photo, value: prepared };
    });
  }

  #shrinkOf({ photoJson }: KeptImage, { spec }: ClassifyTarget, optionsJson: string): number {
    try {
      return this.#wasm.shrinkOf(photoJson, JSON.stringify(spec.input), optionsJson);
    } catch (error) {
      const code = codeOf(error);
      throw code === undefined ? failed(error) : new AppError(code, sentence(messageOf(error)));
    }
  }

  #inferJson(options: ClassifyOptions): string {
    const inferOptions: InferOptions = {
      top_k: options.topK,
      score_threshold: options.scoreThreshold,
      ...(options.crop === undefined ? {} : { crop: options.crop }),
      picture: options.picture,
      every_class: options.everyClass ?? false,
      limits: this.#options.imageLimits,
    };
    return JSON.stringify(inferOptions);
  }

  /** Makes a call, and once more with the whole model where the thread does not know it yet. */
  async #callWith(target: ClassifyTarget, call: ModelCall, options: CallOptions): Promise<Reply> {
    const reply = await this.#call(call, options);
    if (reply.kind !== "modelUnknown") return reply;
    const model = { key: target.key, parts: partsOf(target) };
    const given = reply.given === undefined ? {} : { ...reply.given, room: new Uint8Array() };
    return await this.#call({ ...call, ...given, model }, options);
  }

  async #call(call: Call, options: CallOptions): Promise<Reply> {
    const transfer = memoryOf(call);
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

/** What is given away with a call. */
function memoryOf(call: Call): ArrayBuffer[] {
  if (call.kind === "prepare") {
    return [call.image.buffer, call.room.buffer, ...(call.photo === null ? [] : [call.photo.rgb.buffer])];
  }
  if (call.kind === "decode" || call.kind === "exampleViews" || call.kind === "look") return [call.image.buffer];
  return call.kind === "readJson" ? [call.bytes.buffer] : [];
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

function lengthOf(image: GivenImage): number {
  return "withPhoto" in image ? image.bytes.length : image.byteLength;
}

/** Whether an answer takes less than to ask a thread for it. The graphs of strangers have names and scores of their own. */
function isShort(
  target: ClassifyTarget,
  { reply, scores }: AnswerCall,
  { topK, picture, everyClass = false }: Partial<ClassifyOptions>,
): boolean {
  const isPlain = !target.stranger && !scores && !everyClass && picture === false;
  return (
    isPlain &&
    reply.length <= REPLY_BYTES_ANSWERED_HERE_MAX &&
    (topK ?? Number.POSITIVE_INFINITY) <= TOP_K_ANSWERED_HERE_MAX &&
    (target.labels?.length ?? 0) <= LABELS_BYTES_COMPILED_HERE_MAX
  );
}

function partsOf({ spec, labels, labelOffset, confidence }: ClassifyTarget): ModelParts {
  const confidenceJson = confidence === null ? null : JSON.stringify(confidence);
  return { specJson: JSON.stringify(spec), labels, labelOffset, confidenceJson };
}

/** Of an image from the header alone. Where that cannot be read there is nothing to decode. */
function isHeavy(wasm: WasmModule, { image, photo }: Pick<Given, "image" | "photo">): boolean {
  if (photo !== null) return photo.rgb.length > RGB_BYTES * LIGHT_PIXELS_MAX;
  return image.length > LIGHT_BYTES_MAX || wasm.declaredPixels(image) > LIGHT_PIXELS_MAX;
}

/** What neither the thread nor the engine was busy with is waiting. */
function stagesOf(
  { timings_ms: { decode, resize, run } }: Answer,
  began: number,
  replied: number,
  end: number,
): Stages {
  const queue = Math.max(0, replied - began - decode - resize - run);
  return { end, decode, resize, queue, run, interpret: end - replied };
}

/** Of the pixels at the model's size. */
function frameBytesOf({ spec: { input } }: ClassifyTarget): number {
  return input.width * input.height * input.channels;
}

/** Does the work so many times at once. Rejects with the first failure, after all have ended; they are told of it. */
async function together(count: number, work: (hasFailed: () => boolean) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  const note = (error: unknown) => void failures.push(error);
  await Promise.all(Array.from({ length: count }, () => work(() => failures.length > 0).catch(note)));
  if (failures.length > 0) throw failures[0];
}
