/**
 * The messages of the Open Inference Protocol, version 2, whatever carries them.
 * https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
 */

/** What an input's values are: `FP32` and `UINT8` numbers, `BYTES` encoded images. */
export const DATATYPES = ["FP32", "UINT8", "BYTES"] as const;

export interface InputTensor {
  readonly name: string;
  /** As the client says; one of `DATATYPES`, or refused. */
  readonly datatype: string;
  /** The first axis is the batch. */
  readonly shape: readonly number[];
  readonly content: Content;
}

export type Content =
  /** Little-endian values in the order of the axes; of `BYTES` each with its length before it, as u32. */
  | { readonly raw: Uint8Array }
  | { readonly values: ArrayLike<number> }
  /** One of each image. */
  | { readonly items: readonly Uint8Array[] };

export interface RequestedOutput {
  readonly name: string;
  /** Of the classification extension: so many classes in place of the tensor; 0 for the tensor. */
  readonly classification: number;
}

export interface InferRequest {
  readonly id: string | null;
  readonly inputs: readonly InputTensor[];
  /** Empty for all of them. */
  readonly outputs: readonly RequestedOutput[];
}

export interface OutputTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Of datatype `FP32`, in the order of the axes; or of `BYTES`. */
  readonly values: Float32Array | readonly string[];
}

export interface InferResponse {
  readonly id: string | null;
  readonly model: { readonly name: string; readonly version: string };
  readonly outputs: readonly OutputTensor[];
}

export function datatypeOf({ values }: OutputTensor): "FP32" | "BYTES" {
  return values instanceof Float32Array ? "FP32" : "BYTES";
}

/** `BYTES` as they are in binary: each item with its length before it, as little-endian u32. */
export function packBytes(items: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    items.flatMap((item) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(item.length);
      return [length, item];
    }),
  );
}

/** The values as they are in binary. */
export function rawOf({ values }: OutputTensor): Uint8Array {
  if (values instanceof Float32Array) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return packBytes(values.map((text) => Buffer.from(text)));
}
