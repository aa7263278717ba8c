/** What the threads of a remote engine are asked for, and what they answer. */
import { setMaxListeners } from "node:events";
import { AppError } from "../../errors.js";
import type { ErrorCode } from "../../generated/contract.js";
import type { Party } from "../../ports.js";
import type { WorkerPool } from "../../worker-pool.js";

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

/** The service itself: whose turn it is was decided by the lanes. */
const PARTY: Party = {
  caller: "menagerie",
  request: {},
  signal: new AbortController().signal,
  hold: () => () => {},
};
setMaxListeners(0, PARTY.signal);

/** Reading an answer goes before making a tensor: it ends work that was begun. */
export async function askThread(threads: WorkerPool<Call, Reply>, call: Call): Promise<Reply> {
  try {
    return await threads.call(call, { party: PARTY, urgent: call.kind === "reply", heavy: call.kind === "resolve" });
  } catch (error) {
    throw new AppError("engine_failed", `A thread did not ${call.kind} what it was given.`, { cause: error });
  }
}
