/** What judging a model needs of the service: its real engine, in its cell. */
import type { Answer, ModelSpec, SpecOverrides } from "../generated/contract.js";
import type { ZooModel } from "../ports.js";

export interface Workbench {
  /** How the model is fed and read, once it is loaded and its labels fit. Rejects with an `AppError`. */
  describe(model: ZooModel): Promise<ModelSpec>;
  /** The answer with every class; `settings` go before those of the manifest. Rejects with an `AppError`. */
  classify(model: ZooModel, photo: Uint8Array, settings?: SpecOverrides): Promise<Answer>;
  /** What the graph gives for a photo, untouched. Rejects with an `AppError`. */
  scores(model: ZooModel, photo: Uint8Array): Promise<Float32Array>;
  /** What a photo looks like from afar, for `splitPhotos`. Rejects with an `AppError` for one that cannot be read. */
  look(photo: Uint8Array): Promise<Uint8Array>;
  /** Bytes of memory of its engine, which it shares with no other process; null where none holds it. */
  memoryBytesOf(model: ZooModel): number | null;
  /** Most bytes of a graph that a service takes as it comes. */
  readonly graphBytesMax: number;
  close(): Promise<void>;
}
