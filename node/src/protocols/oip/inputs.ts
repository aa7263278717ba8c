/** The one input of a request to what is classified: encoded images, pixels, or what the graph is fed. */

import type { Question } from "../../classify.js";
import { counted } from "../../counted.js";
import { AppError } from "../../errors.js";
import type { ModelSpec } from "../../generated/contract.js";
import { type Content, DATATYPES, type InputTensor } from "./message.js";

type Source = Question["images"][number];

/** Other names than that of the graph's input, by datatype: what they stand for is in the metadata. */
export const OTHER_NAMES = { UINT8: "pixels", BYTES: "image" } as const;

const LENGTH_BYTES = 4;

/** @throws AppError `field_invalid`, `image_missing` where there is no input at all. */
export function sourcesOf(inputs: readonly InputTensor[], imagesMax: number): Source[] {
  const [input] = inputs;
  if (input === undefined) throw new AppError("image_missing", "The request has no inputs; send one.");
  if (inputs.length > 1) {
    const names = inputs.map(({ name }) => JSON.stringify(name)).join(", ");
    throw new AppError("field_invalid", `The request has ${inputs.length} inputs (${names}); send one of them.`);
  }
  const count = countOf(input);
  if (count > imagesMax) {
    throw new AppError("field_invalid", `The request names ${count} images; it may name ${imagesMax} at most.`);
  }
  const name = (index: number) => `${input.name}[${index}]`;
  if (input.datatype === "BYTES") {
    return imagesOf(input, count).map((bytes, index) => ({ name: name(index), bytes, sha256: "" }));
  }
  const dtype = input.datatype === "FP32" ? "float32" : "uint8";
  const shape = input.shape.slice(1);
  const bytes = bytesOf(input);
  const length = bytes.length / count;
  return Array.from({ length: count }, (_, index) => ({
    name: name(index),
    bytes: bytes.subarray(index * length, (index + 1) * length),
    tensor: { dtype, shape },
  }));
}

/** The name of an input where a protocol lets a request leave it out: that which its datatype stands for. */
export const UNNAMED = "";

/** @throws AppError `field_invalid` for a name that the model's metadata does not have. */
export function checkInputName({ name, datatype }: InputTensor, { input }: ModelSpec): void {
  if (name === UNNAMED) return;
  const names = [input.tensor, ...(isOtherDatatype(datatype) ? [OTHER_NAMES[datatype]] : [])];
  if (names.includes(name)) return;
  const known = names.map((known) => JSON.stringify(known)).join(" or ");
  throw new AppError("field_invalid", `There is no ${datatype} input ${JSON.stringify(name)}; it is ${known}.`);
}

function isOtherDatatype(datatype: string): datatype is keyof typeof OTHER_NAMES {
  return datatype in OTHER_NAMES;
}

/** Images in the batch. */
function countOf({ name, datatype, shape }: InputTensor): number {
  const what = `input ${JSON.stringify(name)}`;
  if (!DATATYPES.some((known) => known === datatype)) {
    const detail = `The datatype of ${what} is ${datatype}; it must be FP32 (what the graph is fed), UINT8 (pixels) or BYTES (encoded images).`;
    throw new AppError("field_invalid", detail);
  }
  const shown = `The shape of ${what} is [${shape.join(", ")}]`;
  if (!shape.every((axis) => Number.isSafeInteger(axis) && axis >= 0)) {
    throw new AppError("field_invalid", `${shown}; each axis must be a number of values.`);
  }
  const [first = 0] = shape;
  const count = datatype === "BYTES" ? elementsOf(shape) : first;
  if (count === 0 || shape.length === 0) {
    throw new AppError("field_invalid", `${shown}; the first axis is the batch, and at least 1.`);
  }
  return count;
}

function elementsOf(shape: readonly number[]): number {
  return shape.length === 0 ? 0 : shape.reduce((product, axis) => product * axis, 1);
}

/** The values of numbers, little-endian. */
function bytesOf(input: InputTensor): Uint8Array {
  const { name, datatype, shape, content } = input;
  const valueBytes = datatype === "FP32" ? Float32Array.BYTES_PER_ELEMENT : 1;
  const bytes = "raw" in content ? content.raw : bytesOfValues(input, content);
  const expected = elementsOf(shape);
  if (bytes.length !== expected * valueBytes) {
    const detail = `Input ${JSON.stringify(name)} has ${bytes.length / valueBytes} ${datatype} values; its shape [${shape.join(", ")}] takes ${expected}.`;
    throw new AppError("field_invalid", detail);
  }
  return bytes;
}

function bytesOfValues({ name, datatype }: InputTensor, content: Exclude<Content, { raw: Uint8Array }>): Uint8Array {
  if (!("values" in content)) {
    throw new AppError("field_invalid", `The data of input ${JSON.stringify(name)} must be numbers.`);
  }
  if (datatype === "FP32") return new Uint8Array(Float32Array.from(content.values).buffer);
  const bytes = Uint8Array.from(content.values);
  // Not by `findIndex`, whose calls take a main thread four times as long: there may be millions.
  let wrong = 0;
  while (wrong < bytes.length && bytes[wrong] === content.values[wrong]) wrong += 1;
  if (wrong === bytes.length) return bytes;
  const detail = `Value ${wrong} of input ${JSON.stringify(name)} is ${content.values[wrong]}; a UINT8 is a whole number, 0 to 255.`;
  throw new AppError("field_invalid", detail);
}

function imagesOf({ name, shape, content }: InputTensor, count: number): readonly Uint8Array[] {
  if ("values" in content) {
    throw new AppError("field_invalid", `The data of input ${JSON.stringify(name)} must be images, in base64.`);
  }
  const items = "raw" in content ? unpackBytes(name, content.raw, count) : content.items;
  if (items.length === count) return items;
  const detail = `Input ${JSON.stringify(name)} has ${counted(items.length, "image")}; its shape [${shape.join(", ")}] takes ${count}.`;
  throw new AppError("field_invalid", detail);
}

/** At most one item more than `count`. */
function unpackBytes(name: string, raw: Uint8Array, count: number): Uint8Array[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const items: Uint8Array[] = [];
  for (let at = 0; at < raw.length && items.length <= count; ) {
    const begin = at + LENGTH_BYTES;
    const length = begin <= raw.length ? view.getUint32(at, true) : 0;
    if (begin + length > raw.length) {
      const detail = `Input ${JSON.stringify(name)} ends within image ${items.length}; each needs its length before it, as 4 bytes, little-endian.`;
      throw new AppError("field_invalid", detail);
    }
    items.push(raw.subarray(begin, begin + length));
    at = begin + length;
  }
  return items;
}
