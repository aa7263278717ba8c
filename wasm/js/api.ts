/**
 * What the WebAssembly module does, with objects in place of JSON and frames. Every failure is an `Error` with the `code` of
 * docs/http-api.md; after any other, such as a trap, the module is not to be used again.
 */
import type {
  Answer,
  Confidence,
  ImageFacts,
  ImageLimits,
  InferOptions,
  InputSpec,
  LabelsSpec,
  ModelSpec,
} from "../../node/src/generated/contract.js";

export type {
  Answer,
  Band,
  Confidence,
  ImageFacts,
  ImageLimits,
  InputSpec,
  ModelSpec,
  TopEntry,
} from "../../node/src/generated/contract.js";

/** The module as wasm-bindgen exports it. */
export interface Raw {
  readonly Model: new (
    specJson: string,
    labels?: Uint8Array | null,
    labelOffset?: number | null,
    confidenceJson?: string | null,
  ) => RawModel;
  prepare(
    model: RawModel,
    image: Uint8Array,
    optionsJson: string,
    host: Host,
    room: Uint8Array,
  ): { frame: Uint8Array; seenJson: string };
  answer(model: RawModel, seenJson: string, optionsJson: string, reply: Uint8Array): string;
  preprocess(image: Uint8Array, inputSpecJson: string, optionsJson: string): { pixels: Uint8Array; imageJson: string };
  describeLabels(labels: Uint8Array): string;
  inspect(graph: Uint8Array, labels?: Uint8Array | null): string;
}

export interface RawModel {
  specJson(): string;
  free(): void;
}

interface Host {
  /** Lower-case hex. */
  sha256(bytes: Uint8Array): string;
}

/** Rows from the top, channels interleaved: `height x width x channels` bytes. */
export interface Pixels {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 3 (R, G, B), or 1 (grey). */
  readonly channels: 1 | 3;
  /** Of the file, after its orientation. */
  readonly image: ImageFacts;
}

/** The size that pixels are wanted at, and how a photo is fitted to it. */
export interface Fitting extends Partial<Pick<InputSpec, "resize" | "crop_fraction" | "resize_filter">> {
  /** 1–4096. */
  readonly width: number;
  readonly height: number;
  readonly channels?: 1 | 3;
}

export interface AnswerOptions {
  /** Number of answers, 1–100; 5 where it is absent. */
  readonly topK?: number;
  /** Answers below this probability are left out of `top`; 0 where it is absent. */
  readonly scoreThreshold?: number;
}

/** A model whose scores come from elsewhere: any runtime that takes `pixels`. */
export interface Model {
  /** With its labels filled in. */
  readonly spec: ModelSpec;
  /** The pixels that the model wants of an image file, and what `answer` needs beside the scores. */
  prepare(image: Uint8Array): { readonly pixels: Uint8Array; readonly seen: string };
  /** Label, probability, band and the best classes of one score a class, in the order of the classes. */
  answer(seen: string, scores: ArrayLike<number>, options?: AnswerOptions): Answer;
  /** Gives its memory back; it is not to be used again. */
  free(): void;
}

export interface Images {
  /** A JPEG, PNG, WebP, GIF or BMP file as upright RGB pixels of its own size; sides of at most 4096 pixels. */
  decode(image: Uint8Array): Pixels;
  /** The same at another size, exactly as a model of that size sees it. */
  resize(image: Uint8Array, fitting: Fitting): Pixels;
  /** What a label file in any of the known forms holds. */
  describeLabels(labels: Uint8Array): Pick<LabelsSpec, "count" | "format">;
  /** How a frozen graph is fed and read, with the evidence for each field; it is read, not run. */
  inspect(graph: Uint8Array, labels?: Uint8Array): ModelSpec;
  /**
   * @param labels file with the names of the classes, which are numbered without.
   * @param confidence where bands begin and what they are worth, of a model that was measured.
   */
  model(spec: ModelSpec, labels?: Uint8Array, labelOffset?: number, confidence?: Confidence): Model;
}

export interface ImagesOptions {
  /** What an image may cost; 50 million pixels, 20,000 a side, where it is absent. */
  readonly limits?: ImageLimits;
}

const LIMITS: ImageLimits = { pixels_max: 50_000_000, side_pixels_max: 20_000 };
/** Bytes of an infer frame before its pixels: length, kind, request id, number of images. */
const INFER_HEAD_BYTES = 13;
/** Bytes of a scores frame before its scores: length, kind, request id; images, classes, µs waited, µs run. */
const SCORES_HEAD_BYTES = 25;
const SCORES_KIND = 5;

export function imagesOf(raw: Raw, host: Host, { limits = LIMITS }: ImagesOptions): Images {
  const optionsOf = ({ topK = 5, scoreThreshold = 0 }: AnswerOptions = {}): string => {
    const options: InferOptions = { top_k: topK, score_threshold: scoreThreshold, picture: false, limits };
    return JSON.stringify(options);
  };

  function resize(image: Uint8Array, fitting: Fitting): Pixels {
    const { width, height, channels = 3 } = fitting;
    const { pixels, imageJson } = raw.preprocess(image, JSON.stringify(inputOf(fitting)), optionsOf());
    return { pixels, width, height, channels, image: JSON.parse(imageJson) as ImageFacts };
  }

  return {
    resize,
    decode(image) {
      const { width, height } = resize(image, { width: 1, height: 1, resize_filter: "nearest" }).image;
      return resize(image, { width, height, resize_filter: "nearest" });
    },
    describeLabels: (labels) => JSON.parse(raw.describeLabels(labels)) as Pick<LabelsSpec, "count" | "format">,
    inspect: (graph, labels) => JSON.parse(raw.inspect(graph, labels ?? null)) as ModelSpec,
    model(spec, labels, labelOffset, confidence) {
      const confidenceJson = confidence === undefined ? null : JSON.stringify(confidence);
      const model = new raw.Model(JSON.stringify(spec), labels ?? null, labelOffset ?? null, confidenceJson);
      return {
        spec: JSON.parse(model.specJson()) as ModelSpec,
        prepare(image) {
          const { frame, seenJson } = raw.prepare(model, image, optionsOf(), host, new Uint8Array());
          return { pixels: frame.subarray(INFER_HEAD_BYTES), seen: seenJson };
        },
        answer: (seen, scores, options) =>
          JSON.parse(raw.answer(model, seen, optionsOf(options), scoresFrame(scores))) as Answer,
        free: () => model.free(),
      };
    },
  };
}

function inputOf({ width, height, channels = 3, ...fitted }: Fitting): InputSpec {
  return {
    tensor: "pixels",
    dtype: "uint8",
    layout: "NHWC",
    width,
    height,
    channels,
    channel_order: channels === 1 ? "GRAY" : "RGB",
    mean: Array(channels).fill(0),
    std: Array(channels).fill(1),
    resize: "stretch",
    crop_fraction: 1,
    resize_filter: "antialias",
    ...fitted,
  };
}

/** The reply of an engine to one image, as docs/engine-protocol.md has it. */
function scoresFrame(scores: ArrayLike<number>): Uint8Array {
  const frame = new Uint8Array(SCORES_HEAD_BYTES + 4 * scores.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - 4, true);
  view.setUint8(4, SCORES_KIND);
  view.setUint32(9, 1, true);
  view.setUint32(13, scores.length, true);
  for (const [index, score] of Array.from(scores).entries()) {
    view.setFloat32(SCORES_HEAD_BYTES + 4 * index, score, true);
  }
  return frame;
}
