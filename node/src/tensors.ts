/** The tensors of a graph as the protocols of inference servers tell of them. */
import type { ModelSpec } from "./generated/contract.js";

/** Of an axis: any length. */
export const ANY = -1;

export interface TensorMetadata {
  readonly name: string;
  /** As the Open Inference Protocol names it, such as `FP32`. */
  readonly datatype: string;
  /** Lengths of its axes, the batch first; `ANY` is any length. */
  readonly shape: readonly number[];
}

/** Axes of one image, as the graph is fed it. */
export function fedShape({ input: { layout, width, height, channels } }: ModelSpec): number[] {
  switch (layout) {
    case "NHWC":
      return [height, width, channels];
    case "NCHW":
      return [channels, height, width];
    case "NHW":
      return [height, width];
    case "FLAT":
      return [height * width * channels];
  }
}

/** Values of the graph's output for one image. */
export function valuesPerImage({ output }: ModelSpec): number {
  return output.kind === "index" ? 1 : output.classes;
}
