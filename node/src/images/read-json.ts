/**
 * JSON of clients, as other rooms get it from a thread: what may be large in it, arrays of numbers and base64, comes as typed
 * arrays, which cross from one thread to another without being copied.
 */
import { AppError, messageOf } from "../errors.js";
import { BASE64_CHARACTERS_MIN, type JsonValue } from "../ports.js";

/** Objects cost 18 times their text, `{}` and a comma; a message of any protocol has a few for each image. */
const OBJECTS_MAX = 10_000;
const DEPTH_MAX = 16;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
const OPEN_BRACE = 0x7b;

/** `buffers` gets the memory of all typed arrays. @throws AppError `field_invalid`. */
export function readJson(bytes: Uint8Array, buffers: ArrayBuffer[] = []): JsonValue {
  checkObjects(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new AppError("field_invalid", `The JSON cannot be read: ${messageOf(error)}.`);
  }
  return compact(value, 0, buffers);
}

function checkObjects(text: Buffer): void {
  let count = 0;
  for (let at = text.indexOf(OPEN_BRACE); at >= 0; at = text.indexOf(OPEN_BRACE, at + 1)) {
    count += 1;
    if (count > OBJECTS_MAX) throw new AppError("field_invalid", `The JSON has more than ${OBJECTS_MAX} objects.`);
  }
}

function compact(value: unknown, depth: number, buffers: ArrayBuffer[]): JsonValue {
  if (depth > DEPTH_MAX) throw new AppError("field_invalid", `The JSON is nested deeper than ${DEPTH_MAX}.`);
  if (typeof value === "string") return compactText(value, buffers);
  if (typeof value !== "object" || value === null) return value as JsonValue;
  if (!Array.isArray(value)) {
    // Not by assignment: of a field named __proto__ that would be something else.
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, compact(field, depth + 1, buffers)]));
  }
  const shape = shapeOf(value);
  const values = shape === null ? null : new Float64Array(shape.reduce((count, axis) => count * axis, 1));
  if (shape === null || values === null || fill(value, shape, 0, values, 0) < 0) {
    return value.map((item) => compact(item, depth + 1, buffers));
  }
  buffers.push(values.buffer);
  return { shape, values };
}

function compactText(text: string, buffers: ArrayBuffer[]): string | Uint8Array {
  if (text.length < BASE64_CHARACTERS_MIN || !BASE64.test(text)) return text;
  // In memory of its own: Node's small Buffers share one.
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  buffers.push(bytes.buffer);
  return bytes;
}

/** As the first items say it; null where these hold no number. */
function shapeOf(array: readonly unknown[]): number[] | null {
  const shape: number[] = [];
  let item: unknown = array;
  for (; Array.isArray(item); item = item[0]) {
    if (shape.length === DEPTH_MAX) return null;
    shape.push(item.length);
  }
  return typeof item === "number" ? shape : null;
}

/** Where the next values go; -1 where the array is not of this shape, or holds anything but numbers. */
function fill(array: readonly unknown[], shape: readonly number[], axis: number, values: Float64Array, at: number) {
  if (array.length !== shape[axis]) return -1;
  let next = at;
  for (const item of array) {
    if (axis === shape.length - 1) {
      if (typeof item !== "number") return -1;
      values[next] = item;
      next += 1;
    } else {
      next = Array.isArray(item) ? fill(item, shape, axis + 1, values, next) : -1;
      if (next < 0) return -1;
    }
  }
  return next;
}
