/** JSON of clients: what is large in it comes as typed arrays. */
import { expect, it, test } from "vitest";
import { readJson } from "../src/images/read-json.js";

const read = (value: unknown) => readJson(Buffer.from(JSON.stringify(value)));
const numbers = (shape: readonly number[], ...values: number[]) => ({ shape, values: Float64Array.from(values) });

it("gives arrays of numbers as their shape and their values, however they are nested", () => {
  expect(read([1, 2.5, -3])).toEqual(numbers([3], 1, 2.5, -3));
  expect(read({ data: [[[1, 2]], [[3, 4]], [[5, 6]]] })).toEqual({ data: numbers([3, 1, 2], 1, 2, 3, 4, 5, 6) });
});

it("leaves everything else as it is", () => {
  const value = { a: null, b: [true, "x", {}], c: [], d: [[]], e: "text", f: 7 };
  expect(read(value)).toEqual(value);
  expect(Object.keys(readJson(Buffer.from('{"__proto__": {"a": "b"}}')) as object)).toEqual(["__proto__"]);
});

it("leaves an array that is not regular to whoever asked for it, with the numbers of each part", () => {
  expect(read([[1, 2], [3]])).toEqual([numbers([2], 1, 2), numbers([1], 3)]);
  expect(read([[1, 2], "x"])).toEqual([numbers([2], 1, 2), "x"]);
  expect(read([1, null])).toEqual([1, null]);
});

it("gives long texts of base64 as their bytes, and others as they are", () => {
  const bytes = Buffer.alloc(1000, "photo");
  const buffers: ArrayBuffer[] = [];
  const image = readJson(Buffer.from(JSON.stringify({ b64: bytes.toString("base64") })), buffers);
  expect(image).toEqual({ b64: new Uint8Array(bytes) });
  expect(buffers).toHaveLength(1);
  expect(read(["short", "ä".repeat(2000)])).toEqual(["short", "ä".repeat(2000)]);
});

test.each([
  ["text", Buffer.from("no json")],
  ["a cut text", Buffer.from('{"a": [1, 2')],
  ["bytes that are no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
  ["nothing", Buffer.alloc(0)],
  ["many objects", Buffer.from(`[${Array(20_000).fill("{}").join()}]`)],
  ["a deep nest", Buffer.from("[".repeat(100_000) + "]".repeat(100_000))],
])("%s is field_invalid", (_what, bytes) => {
  expect(() => readJson(bytes)).toThrow(expect.objectContaining({ code: "field_invalid" }));
});
