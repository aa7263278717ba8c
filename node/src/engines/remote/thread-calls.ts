/** What the threads of a remote engine are asked for, and what they answer. */
import type { ErrorCode } from "../../generated/contract.js";

/** How a tensor is written: little-endian, or as JSON in one list or in lists nested by its axes. */
export type Form = "raw" | "flat" | "nested";

/** A graph to its `ModelSpec` as JSON. */
export interface ResolveCall {
  readonly kind: "resolve";
  readonly graph: readonly Uint8Array[];
  /** `LoadRequest`. */
  readonly requestJson: string;
}

/** An infer or a tensors frame to the tensor that the graph is fed. */
export interface FeedCall {
  readonly kind: "feed";
  /** `InputSpec`. */
  readonly inputJson: string;
  readonly frame: Uint8Array;
  readonly form: Form;
}

/** What the server answered to the frame's reply. */
export interface ReplyCall {
  readonly kind: "reply";
  readonly fetched:
    | { readonly raw: Uint8Array; readonly datatype: string }
    /** An answer of the Open Inference Protocol, or of TensorFlow Serving; `output` is as in `Run`. */
    | { readonly json: Uint8Array; readonly speech: "v2" | "tfs"; readonly output: string | null };
  readonly imageCount: number;
  /** Images that were run; those beyond `imageCount` only filled the batch up. */
  readonly batch: number;
  readonly valuesPerImage: number;
  readonly runMs: number;
}

export type Call = ResolveCall | FeedCall | ReplyCall;

export type Reply =
  | { readonly kind: "spec"; readonly json: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** A reply frame: the scores, or why there are none. */
  | { readonly kind: "frame"; readonly frame: Uint8Array<ArrayBuffer> }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string };
