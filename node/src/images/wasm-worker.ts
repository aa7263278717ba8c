/**
 * What runs in a worker thread: the WebAssembly function, one call at a time. Between two calls a thread knows nothing of
 * an image, so any thread can answer what another one prepared.
 */
import { createHash } from "node:crypto";
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { getHeapStatistics } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { collectGarbage, GROWTH_BYTES_MIN, QUIET_MS } from "../collect-garbage.js";
import type { ErrorCode } from "../generated/contract.js";
import type { DecodedPhoto, JsonValue, PhotoLook } from "../ports.js";
import { codeOf, loadWasm, reloadWasm, type WasmModel } from "../wasm-module.js";
import { CompiledModels, type ModelParts } from "./compiled-models.js";
import { readJson } from "./read-json.js";

/** A model by its key, and what it is compiled from; that is sent once a thread has said that it does not know the key. */
export interface ModelRef {
  readonly key: string;
  readonly parts?: ModelParts;
}

/**
 * Image bytes, those of a tensor, or a photo to a frame for an engine; room is given away, and so are the photo and, where
 * its memory is not shared, the image.
 */
export interface PrepareCall {
  readonly kind: "prepare";
  readonly model: ModelRef;
  readonly image: Uint8Array<ArrayBuffer>;
  /** `ClientTensor`, where the bytes are one; null where they are an image. */
  readonly tensorJson: string | null;
  /** What the image was decoded to before, in its place; null where there is none. It comes back with the reply. */
  readonly photo: DecodedPhoto | null;
  /** What the photo is wanted for, as `decodePhoto` has it; null where it is not wanted. */
  readonly shrink: number | null;
  /** Whether the image comes back with the reply. */
  readonly isWantedBack: boolean;
  /** A frame that is not needed any more: memory for the new one. */
  readonly room: Uint8Array<ArrayBuffer>;
  /** `InferOptions`. */
  readonly optionsJson: string;
  /** Bytes that the instance may keep; past them this thread takes a fresh one. */
  readonly memoryBytesKeptMax: number;
}

/** An engine's reply to an `Answer` as JSON, and to what the graph gave where that is wanted. */
export interface AnswerCall {
  readonly kind: "answer";
  readonly model: ModelRef;
  /** From the reply to the image's `PrepareCall`, as are the options. */
  readonly seenJson: string;
  readonly optionsJson: string;
  readonly reply: Uint8Array;
  readonly scores: boolean;
}

/** Pixels to a frame with some of the masked photos of a map; the frame that they come in is copied. */
export interface MaskedCall {
  readonly kind: "masked";
  readonly model: ModelRef;
  /** From the reply to the image's `PrepareCall`. */
  readonly frame: Uint8Array;
  /** `ExplainOptions`. */
  readonly explainJson: string;
  readonly from: number;
  readonly countMax: number;
}

/** An engine's replies to the frames of a map, one after the other, to an `Explanation` as JSON. */
export interface ExplainCall extends Omit<MaskedCall, "kind" | "from" | "countMax"> {
  readonly kind: "explain";
  readonly seenJson: string;
  /** `InferOptions`. */
  readonly optionsJson: string;
  readonly replies: readonly Uint8Array[];
}

/** A photo to its views; it is given away. */
export interface ExampleViewsCall {
  readonly kind: "exampleViews";
  readonly model: ModelRef;
  readonly image: Uint8Array<ArrayBuffer>;
  readonly label: string | null;
  /** `InferOptions`. */
  readonly optionsJson: string;
  readonly memoryBytesKeptMax: number;
}

/** Some of those to a frame, each in its way of scaling. */
export interface ExampleFrameCall {
  readonly kind: "exampleFrame";
  readonly model: ModelRef;
  readonly pixels: Uint8Array;
  readonly scalings: Uint32Array;
}

/** An engine's reply to that frame to what the photo's label, where it has one, got in each answer, a list of `Try` as JSON. */
export interface ExampleTriesCall {
  readonly kind: "exampleTries";
  readonly model: ModelRef;
  readonly reply: Uint8Array;
  readonly label: string | null;
  readonly scalings: Uint32Array;
  readonly views: Uint32Array;
}

/** What was tried on photos to what comes next, a `NextStep` as JSON. */
export interface ExampleStepCall {
  readonly kind: "exampleStep";
  readonly model: ModelRef;
  /** A list of `Example`. */
  readonly examplesJson: string;
}

/** A model to its spec as JSON. */
export interface DescribeCall {
  readonly kind: "describe";
  readonly model: ModelRef;
}

/** Image bytes to a photo as it is decoded for most models, and to a copy of their own length. */
export interface DecodeCall {
  readonly kind: "decode";
  readonly image: Uint8Array<ArrayBuffer>;
  readonly optionsJson: string;
  readonly memoryBytesKeptMax: number;
}

/** Image bytes to what the photo looks like from afar. */
export interface LookCall {
  readonly kind: "look";
  readonly image: Uint8Array<ArrayBuffer>;
  readonly optionsJson: string;
  readonly memoryBytesKeptMax: number;
}

/** A label file to JSON of what it holds. */
export interface DescribeLabelsCall {
  readonly kind: "describeLabels";
  readonly labels: Uint8Array;
}

/** JSON to what it says, as `readJson` gives it. */
export interface ReadJsonCall {
  readonly kind: "readJson";
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A call that needs a model. */
export type ModelCall =
  | PrepareCall
  | AnswerCall
  | MaskedCall
  | ExplainCall
  | ExampleViewsCall
  | ExampleFrameCall
  | ExampleTriesCall
  | ExampleStepCall
  | DescribeCall;

export type Call = ModelCall | DecodeCall | LookCall | DescribeLabelsCall | ReadJsonCall;

/**
 * What came of a call. `modelUnknown`: it has to come again with the model's parts; the image is given back.
 */
export type Reply =
  | {
      readonly kind: "prepared";
      readonly frame: Uint8Array<ArrayBuffer>;
      readonly seenJson: string;
      readonly photo: DecodedPhoto | null;
      readonly image?: Uint8Array<ArrayBuffer>;
    }
  | {
      readonly kind: "decoded";
      readonly photo: DecodedPhoto;
      readonly imageJson: string;
      readonly shrink: number;
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: "looked"; readonly look: PhotoLook }
  | { readonly kind: "masked"; readonly frame: Uint8Array<ArrayBuffer>; readonly maskCount: number }
  | { readonly kind: "json"; readonly json: string }
  | { readonly kind: "viewed"; readonly pixels: Uint8Array<ArrayBuffer>; readonly views: Uint32Array }
  | { readonly kind: "fed"; readonly frame: Uint8Array<ArrayBuffer> }
  | { readonly kind: "answered"; readonly json: string; readonly scores: Float32Array<ArrayBuffer> | null }
  | { readonly kind: "read"; readonly value: JsonValue; readonly buffers: readonly ArrayBuffer[] }
  | {
      readonly kind: "refused";
      readonly code: ErrorCode;
      readonly message: string;
      readonly image?: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: "modelUnknown"; readonly given?: Pick<PrepareCall, "image" | "photo"> };

/** A thread that had no image for so long gives back what is more than it may keep. */
const REST_MS = 250;
/**
 * One that had no call for so long collects its garbage, and gives back whatever it has taken where none comes for `QUIET_MS` more:
 * whoever asks about one large photo after another has the memory for the next one meanwhile.
 */
const LONG_REST_MS = 1000;

let resting: NodeJS.Timeout | null = null;

stepBack((workerData as { niceness?: number } | null)?.niceness ?? 0);

let wasm = loadWasm();
/** What this thread holds while it rests. */
let atRestBytes = heldBytes();
/** Of what is to come after a long rest, unless a call comes before. */
let settling: NodeJS.Timeout | null = null;
const models = new CompiledModels();

parentPort?.on("message", (call: Call) => {
  // A trap leaves the instance's memory in an unknown state: what `replyTo` throws ends this thread, and the call with it.
  const reply = replyTo(call);
  parentPort?.postMessage(reply, given(reply));
  if (settling !== null) clearTimeout(settling);
  settling = null;
  longRest.refresh();
});

const longRest = setTimeout(() => {
  if (heldBytes() < atRestBytes + GROWTH_BYTES_MIN) {
    atRestBytes = Math.min(atRestBytes, heldBytes());
    return;
  }
  collectGarbage();
  settling = setTimeout(() => {
    giveBack();
    // V8 frees buffers on a thread of its own.
    settling = setTimeout(() => {
      atRestBytes = heldBytes();
    }, LONG_REST_MS).unref();
  }, QUIET_MS).unref();
}, LONG_REST_MS).unref();

/** Linux has a niceness for each thread, and names this one in /proc. Other systems keep the process' own. */
function stepBack(niceness: number): void {
  if (niceness === 0 || process.platform !== "linux") return;
  try {
    const [, thread] = /\/task\/(\d+)$/.exec(readlinkSync("/proc/thread-self")) ?? [];
    if (thread !== undefined) setPriority(Number(thread), niceness);
  } catch {
    // Without /proc, or with a niceness that is higher already, shares are as the system gives them.
  }
}

function replyTo(call: Call): Reply {
  try {
    if (call.kind === "describeLabels") return { kind: "json", json: wasm.describeLabels(call.labels) };
    if (call.kind === "decode") {
      const { image, optionsJson } = call;
      return { kind: "decoded", ...decode(image, optionsJson, null), bytes: image.slice() };
    }
    if (call.kind === "look") return { kind: "looked", look: wasm.photoLook(call.image, call.optionsJson) };
    if (call.kind === "readJson") {
      const buffers: ArrayBuffer[] = [];
      return { kind: "read", value: readJson(call.bytes, buffers), buffers };
    }
    const model = compiled(call.model);
    if (model !== undefined) return make(call, model);
    if (call.kind === "exampleViews") return { kind: "modelUnknown", given: { image: call.image, photo: null } };
    if (call.kind !== "prepare") return { kind: "modelUnknown" };
    const { image, photo } = call;
    return { kind: "modelUnknown", given: { image, photo } };
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || !(error instanceof Error)) throw error;
    return { kind: "refused", code, message: error.message, ...(call.kind === "prepare" ? back(call) : {}) };
  } finally {
    if ("memoryBytesKeptMax" in call) recycle(call.memoryBytesKeptMax);
  }
}

function make(call: ModelCall, model: WasmModel): Reply {
  switch (call.kind) {
    case "prepare":
      return { kind: "prepared", ...prepare(call, model), ...back(call) };
    case "answer": {
      const json = wasm.answer(model, call.seenJson, call.optionsJson, call.reply);
      return { kind: "answered", json, scores: call.scores ? wasm.scores(model, call.reply) : null };
    }
    case "masked":
      return { kind: "masked", ...wasm.masked(model, call.frame, call.explainJson, call.from, call.countMax) };
    case "explain": {
      const { frame, seenJson, optionsJson, explainJson, replies } = call;
      return {
        kind: "json",
        json: wasm.explain(model, frame, seenJson, optionsJson, explainJson, Buffer.concat(replies)),
      };
    }
    case "exampleViews":
      return { kind: "viewed", ...wasm.exampleViews(model, call.image, call.label, call.optionsJson) };
    case "exampleFrame":
      return { kind: "fed", frame: wasm.exampleFrame(model, call.pixels, call.scalings) };
    case "exampleTries": {
      const { reply, label, scalings, views } = call;
      return { kind: "json", json: wasm.exampleTries(model, reply, label, scalings, views) };
    }
    case "exampleStep":
      return { kind: "json", json: wasm.exampleStep(model, call.examplesJson) };
    case "describe":
      return { kind: "json", json: model.specJson() };
  }
}

function prepare({ image, tensorJson, photo, shrink, optionsJson, room }: PrepareCall, model: WasmModel) {
  if (shrink !== null) return preparePhoto(photo, image, shrink, optionsJson, room, model);
  const prepared =
    tensorJson === null
      ? wasm.prepare(model, image, optionsJson, { sha256 }, room)
      : wasm.prepareTensor(model, image, tensorJson, optionsJson, { sha256 }, room);
  return { ...prepared, photo: null };
}

function preparePhoto(
  known: DecodedPhoto | null,
  image: Uint8Array,
  shrink: number,
  optionsJson: string,
  room: Uint8Array<ArrayBuffer>,
  model: WasmModel,
) {
  const began = performance.now();
  const photo = known ?? decode(image, optionsJson, shrink).photo;
  const decodeMs = known === null ? performance.now() - began : 0;
  const { json, rgb } = photo;
  return { ...wasm.preparePhoto(model, json, rgb, optionsJson, decodeMs, { sha256 }, room), photo };
}

function decode(image: Uint8Array, optionsJson: string, asked: number | null) {
  const { rgb, photoJson, imageJson, shrink } = wasm.decodePhoto(image, optionsJson, asked);
  return { photo: { json: photoJson, rgb }, imageJson, shrink };
}

/** The memory that goes along with a reply. */
function given(reply: Reply): ArrayBuffer[] {
  switch (reply.kind) {
    case "prepared":
      return [reply.frame.buffer, ...(reply.photo === null ? [] : [reply.photo.rgb.buffer]), ...memoryOf(reply)];
    case "refused":
      return memoryOf(reply);
    case "decoded":
      return [reply.photo.rgb.buffer, reply.bytes.buffer];
    case "masked":
    case "fed":
      return [reply.frame.buffer];
    case "viewed":
      return [reply.pixels.buffer];
    case "answered":
      return reply.scores === null ? [] : [reply.scores.buffer];
    case "read":
      return [...reply.buffers];
    case "modelUnknown":
      return reply.given === undefined ? [] : givenBack(reply.given);
    default:
      return [];
  }
}

function back({ image, isWantedBack }: PrepareCall): { image?: Uint8Array<ArrayBuffer> } {
  return isWantedBack ? { image } : {};
}

function memoryOf({ image }: { readonly image?: Uint8Array<ArrayBuffer> }): ArrayBuffer[] {
  return image === undefined ? [] : [image.buffer];
}

function givenBack({ image, photo }: Pick<PrepareCall, "image" | "photo">): ArrayBuffer[] {
  const memory = photo === null ? image.buffer : photo.rgb.buffer;
  return memory instanceof ArrayBuffer ? [memory] : [];
}

/** In Node: processors have instructions for it that WebAssembly does not reach. */
function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Memory of WebAssembly never shrinks: after an image that took much of it, only a fresh instance gives it back. While one
 * such image follows another the memory stays: to give back and take hundreds of megabytes holds up the whole process.
 */
function recycle(memoryBytesKeptMax: number): void {
  if (resting !== null) clearTimeout(resting);
  resting = null;
  if (wasm.memoryBytes() <= memoryBytesKeptMax) return;
  resting = setTimeout(giveBack, REST_MS).unref();
}

function giveBack(): void {
  wasm = reloadWasm();
  models.clear();
  collectGarbage();
}

/** Of this thread: its heap, its buffers, and the memory of its instance. */
function heldBytes(): number {
  const { total_physical_size: heap, external_memory: buffers } = getHeapStatistics();
  return heap + buffers + wasm.memoryBytes();
}

function compiled({ key, parts }: ModelRef): WasmModel | undefined {
  return models.find(key) ?? (parts && models.compile(wasm, key, parts));
}
