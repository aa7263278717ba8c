/** What judging a model needs of the service: its real engine, in its cell. */
import type { Answer, Crop, ModelSpec, SpecOverrides } from "../generated/contract.js";
import type { PhotoLook, ZooModel } from "../ports.js";

export interface Workbench {
  /** How the model is fed and read, once it is loaded and its labels fit. Rejects with an `AppError`. */
  describe(model: ZooModel): Promise<ModelSpec>;
  /** The answer with every class; `settings` go before those of the manifest. Rejects with an `AppError`. */
  classify(model: ZooModel, photo: Uint8Array, settings?: SpecOverrides): Promise<Answer>;
  /** What the graph gives for a photo, or for a part of it, untouched. Rejects with an `AppError`. */
  scores(model: ZooModel, photo: Uint8Array, crop?: Crop): Promise<Float32Array>;
  /** Rejects with an `AppError` for a photo that cannot be read. */
  look(photo: Uint8Array): Promise<PhotoLook>;
  /** Bytes of memory of its engine, which it shares with no other process; null where none holds it. */
  memoryBytesOf(model: ZooModel): number | null;
  /** Most bytes of a graph that a service takes as it comes. */
  readonly graphBytesMax: number;
  close(): Promise<void>;
}
