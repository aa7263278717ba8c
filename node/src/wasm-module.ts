/**
 * The WebAssembly package as TypeScript sees it. wasm-pack builds it into wasm/pkg; the types stand here so that this
 * room compiles before it is built.
 */
import { createRequire } from "node:module";
import type { ErrorCode, Hello, Loaded, Problem } from "./generated/contract.js";
import { ERROR_CODES } from "./generated/contract.js";

/** A spec with its labels, compiled for classification. */
export interface WasmModel {
  /** The spec with its labels filled in. */
  specJson(): string;
  /** The labels of every class that it can answer, in their order, as a JSON list. */
  labelsJson(): string;
  /**
   * What its confidence is worth, a `Calibration` as JSON: of probabilities that were not tempered, photo by photo one of
   * each class, and the class of each photo. `aboutJson` has `data`, `date` and `unsure_below`.
   */
  calibrate(probabilities: Float32Array, truths: Uint32Array, aboutJson: string): string;
  free(): void;
}

/** What an engine answered, read from its frame. */
export type Reply = { requestId: number } & (
  | { kind: "hello"; hello: Hello }
  | { kind: "loaded"; loaded: Loaded }
  | { kind: "error"; problem: Problem }
  | { kind: "scores" }
  | { kind: "pong" }
);

/** The layers of a head; the hidden one is empty where there is none. */
export interface TrainedHead {
  readonly hiddenWeights: Float32Array<ArrayBuffer>;
  readonly hiddenBiases: Float32Array<ArrayBuffer>;
  readonly weights: Float32Array<ArrayBuffer>;
  readonly biases: Float32Array<ArrayBuffer>;
}

export interface WasmModule {
  readonly Model: new (
    specJson: string,
    labels?: Uint8Array | null,
    labelOffset?: number | null,
    confidenceJson?: string | null,
  ) => WasmModel;
  /**
   * Image bytes to the infer frame for an engine, and what `answer` has to be given beside the reply. The frame is `room`
   * where that has its length.
   */
  prepare(
    model: WasmModel,
    image: Uint8Array,
    optionsJson: string,
    host: { sha256(bytes: Uint8Array): string },
    room: Uint8Array<ArrayBuffer>,
  ): { frame: Uint8Array<ArrayBuffer>; seenJson: string };
  /** As `prepare`, of a tensor that a client made; `tensorJson` is its `ClientTensor`. */
  prepareTensor(
    model: WasmModel,
    tensor: Uint8Array,
    tensorJson: string,
    optionsJson: string,
    host: { sha256(bytes: Uint8Array): string },
    room: Uint8Array<ArrayBuffer>,
  ): { frame: Uint8Array<ArrayBuffer>; seenJson: string };
  /** The values of an engine's reply, as the graph gave them. */
  scores(model: WasmModel, reply: Uint8Array): Float32Array<ArrayBuffer>;
  /** As `prepare`, of a photo that `decodePhoto` gave, which took `decodeMs` of this request's time. */
  preparePhoto(
    model: WasmModel,
    photoJson: string,
    rgb: Uint8Array,
    optionsJson: string,
    decodeMs: number,
    host: { sha256(bytes: Uint8Array): string },
    room: Uint8Array<ArrayBuffer>,
  ): { frame: Uint8Array<ArrayBuffer>; seenJson: string };
  /** Decodes an image for `preparePhoto`; without `shrink` as for most models. `imageJson` is an `ImageFacts`. */
  decodePhoto(
    image: Uint8Array,
    optionsJson: string,
    shrink?: number | null,
  ): { rgb: Uint8Array<ArrayBuffer>; photoJson: string; imageJson: string; shrink: number };
  /** By what `prepare` shrinks the image of a photo for a model with this `InputSpec`. */
  shrinkOf(photoJson: string, inputSpecJson: string, optionsJson: string): number;
  /** An engine's reply to `Answer` JSON. */
  answer(model: WasmModel, seenJson: string, optionsJson: string, reply: Uint8Array): string;
  /** The frame with photos under masks, at most `countMax` from number `from` on, and how many masks there are in all. */
  masked(
    model: WasmModel,
    frame: Uint8Array,
    explainJson: string,
    from: number,
    countMax: number,
  ): { frame: Uint8Array<ArrayBuffer>; maskCount: number };
  /** What `prepare` gave, and an engine's replies to its frame and to the masked ones, to `Explanation` JSON. */
  explain(
    model: WasmModel,
    frame: Uint8Array,
    seenJson: string,
    optionsJson: string,
    explainJson: string,
    replies: Uint8Array,
  ): string;
  /** The views of a photo, one after the other, and which of them each way of fitting gives; its label has to be one. */
  exampleViews(
    model: WasmModel,
    image: Uint8Array,
    label: string | null,
    optionsJson: string,
  ): { pixels: Uint8Array<ArrayBuffer>; views: Uint32Array };
  /** The frame with these views of a photo, each in its way of scaling. */
  exampleFrame(model: WasmModel, pixels: Uint8Array, scalings: Uint32Array): Uint8Array<ArrayBuffer>;
  /** What a label, where there is one, got in each answer of a reply to `exampleFrame`, a JSON list of `Try`. */
  exampleTries(
    model: WasmModel,
    reply: Uint8Array,
    label: string | null,
    scalings: Uint32Array,
    views: Uint32Array,
  ): string;
  /** What is to be run next, a `NextStep` as JSON, after what a JSON list of `Example` has. */
  exampleStep(model: WasmModel, examplesJson: string): string;
  /**
   * How answers agree with what was said of them, an `Agreement` as JSON: of each its best probability, its class and the
   * class that was said, both places in a JSON list of labels.
   */
  agree(probabilities: Float32Array, answered: Uint32Array, truths: Uint32Array, labelsJson: string): string;
  /** The label file of a JSON list of labels, one a line; refused where it would be read as other labels. */
  labelFile(labelsJson: string): string;
  /** What a photo looks like from afar, for `splitPhotos`, and the size of the upright photo. */
  photoLook(image: Uint8Array, optionsJson: string): { look: Uint8Array<ArrayBuffer>; width: number; height: number };
  /**
   * Which photos are set aside (1), by their looks, one after the other, and by their classes, places in a JSON list of
   * labels; which are nearly the same: those of one group, and pairs of places, one after the other. Mirror images are the
   * same photo where `mirror`.
   */
  splitPhotos(
    looks: Uint8Array,
    classes: Uint32Array,
    labelsJson: string,
    mirror: boolean,
    seed: number,
  ): { heldOut: Uint8Array; groups: Uint32Array; pairs: Uint32Array };
  /**
   * Trains a head: `size` features of each photo, then of copies of those that are not set aside, none or some each, copy by
   * copy. `told` hears what share is done. Weights have a row for each value that comes in; those of the hidden layer are empty
   * where there is none. `reportJson` is a `TeachReport`.
   */
  trainHead(
    features: Float32Array,
    size: number,
    classes: Uint32Array,
    classCount: number,
    heldOut: Uint8Array,
    groups: Uint32Array,
    seed: number,
    told: (share: number) => void,
  ): TrainedHead & { reportJson: string };
  /**
   * A graph up to its features, or those of its mirror image, by the `SpecOverrides` that it is read with; `named` is their
   * tensor, where they are not to be found. `featuresJson` is `{tensor, size, evidence, has_mirror}`.
   */
  featuresGraph(
    graph: Uint8Array,
    overridesJson: string,
    mirrored: boolean,
    named?: string | null,
  ): { graph: Uint8Array<ArrayBuffer>; featuresJson: string };
  /** The same graph with a head of `trainHead` behind its features, and in front of it what it would not tell of its input. */
  taughtGraph(
    graph: Uint8Array,
    overridesJson: string,
    hiddenWeights: Float32Array,
    hiddenBiases: Float32Array,
    weights: Float32Array,
    biases: Float32Array,
    named?: string | null,
  ): Uint8Array<ArrayBuffer>;
  /** Width times height as an image's header declares them, with nothing decoded; 0 where no header can be read. */
  declaredPixels(image: Uint8Array): number;
  /** Label file to JSON `{count, format}`. */
  describeLabels(labels: Uint8Array): string;
  /** Bytes of memory that the instance holds: they grow with the largest image and never shrink. */
  memoryBytes(): number;
  /** A manifest as JSON to JSON of a `ManifestReading`; `SpecOverrides` as JSON go before what it says. */
  readManifest(manifestJson: string, overridesJson?: string | null): string;
  /** A part of a manifest as JSON to a JSON list of what is wrong with it. */
  complaintsOfPart(partJson: string): string;
  /** A manifest as JSON, and its `Place` as JSON, to a JSON list of `Finding`: what keeps it out of the zoo. */
  judgeManifest(manifestJson: string, placeJson: string): string;
  /** How a graph is read, with the labels of its file where there are any: a `ModelSpec` as JSON. */
  inspect(graph: Uint8Array, labels?: Uint8Array | null): string;
  /** How a graph is served, as an engine resolves it: a `ModelSpec` as JSON. */
  resolveGraph(graph: Uint8Array, loadRequestJson: string): string;
  /**
   * The tensor that a graph with this `InputSpec` is fed for an infer or a tensors frame: little-endian, or as JSON in one
   * list or in lists nested by its axes.
   */
  fedTensor(inputSpecJson: string, frame: Uint8Array, form: "raw" | "flat" | "nested"): Uint8Array<ArrayBuffer>;
  /** An engine's reply: the scores of some images, one image after the other. */
  batchReply(values: Float32Array, imageCount: number, runMs: number): Uint8Array<ArrayBuffer>;
  /** An engine's reply that refuses: a `Problem` as JSON. */
  problemReply(problemJson: string): Uint8Array<ArrayBuffer>;
  /** Everything of a load frame that stands before the graph. */
  encodeLoadHead(requestId: number, loadRequestJson: string, graphBytes: number): Uint8Array;
  /** Frame to `Reply` JSON. */
  decodeReply(frame: Uint8Array): string;
}

const PACKAGE = createRequire(import.meta.url).resolve("@menagerie/wasm/module");

/** Loads the package into this thread. V8 compiles the module once a process: threads share the code. */
export function loadWasm(): WasmModule {
  return createRequire(import.meta.url)(PACKAGE) as WasmModule;
}

/** Loads the package into this thread anew: an instance with memory of its own. The old one is garbage once unused. */
export function reloadWasm(): WasmModule {
  const require = createRequire(import.meta.url);
  delete require.cache[PACKAGE];
  return require(PACKAGE) as WasmModule;
}

/** Reads an engine's frame. */
export function decodeReply(wasm: WasmModule, frame: Uint8Array): Reply {
  return JSON.parse(wasm.decodeReply(frame)) as Reply;
}

/** The code that the WebAssembly function, or the addon, put on an error; undefined for anything else, such as a trap. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return ERROR_CODES.find((known) => known === code);
}
