/** A server that runs tensors, whatever carries them there. */
import type { Runtime } from "../../generated/contract.js";
import type { RemoteName } from "./names.js";
import type { Form } from "./thread-calls.js";

/** A tensor as the server tells of it. */
export interface ToldTensor {
  readonly name: string;
  /** As the Open Inference Protocol names it, such as `FP32`. */
  readonly datatype: string;
  /** -1 is any length; null where it does not say. */
  readonly shape: readonly number[] | null;
}

/** A model as the server tells of it. */
export interface ToldModel {
  /** Empty where it does not say. */
  readonly versions: readonly string[];
  /** Empty where it does not say, as are the outputs. */
  readonly inputs: readonly ToldTensor[];
  readonly outputs: readonly ToldTensor[];
}

/** One run of a model. */
export interface Run {
  readonly model: RemoteName;
  readonly input: { readonly name: string; readonly datatype: string; readonly shape: readonly number[] };
  /** The input's values, in the form that `form` asked for. */
  readonly values: Uint8Array;
  readonly form: Form;
  /** Null for the only one. */
  readonly output: string | null;
  /** Of the answer. */
  readonly bytesMax: number;
  readonly msMax: number;
}

/** The values of an output: little-endian, or in the JSON of a whole answer. */
export type Fetched = { readonly raw: Uint8Array; readonly datatype: string } | { readonly json: Uint8Array };

/** Each call rejects with an `AppError`; with an `EngineError` where the server may not be the same when it answers again. */
export interface RemoteServer {
  /** How the values of a run are to be written, as far as the server said what it takes. */
  readonly form: Form;
  /** Resolves where it is ready, with what it says of itself. */
  probe(msMax: number): Promise<Runtime>;
  describe(model: RemoteName, msMax: number): Promise<ToldModel>;
  run(run: Run): Promise<Fetched>;
  close(): void;
}
