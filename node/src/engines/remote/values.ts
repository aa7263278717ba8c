/** The values that a remote server answered. Nothing of them is believed before it was counted and looked at. */
import { counted } from "../../counted.js";

/** Bytes of one value of each datatype that scores may have, and how it is read. */
const READERS: Readonly<Record<string, readonly [number, (view: DataView, at: number) => number]>> = {
  FP32: [4, (view, at) => view.getFloat32(at, true)],
  FP64: [8, (view, at) => view.getFloat64(at, true)],
  INT32: [4, (view, at) => view.getInt32(at, true)],
  INT64: [8, (view, at) => Number(view.getBigInt64(at, true))],
};

/** Datatypes that scores may have. */
export const SCORE_DATATYPES: readonly string[] = Object.keys(READERS);

/** Lists within lists of an answer. */
const DEPTH_MAX = 16;

/** @throws Error that says what is wrong, in words that go on after "The remote server". */
export function valuesOfRaw(raw: Uint8Array, datatype: string, count: number): Float32Array<ArrayBuffer> {
  const reader = READERS[datatype];
  if (reader === undefined) {
    throw new Error(`answered values of datatype ${datatype}; scores are ${SCORE_DATATYPES.join(", ")}`);
  }
  const [bytes, read] = reader;
  if (raw.length !== count * bytes) {
    throw new Error(
      `answered ${counted(raw.length, "byte")}, and ${counted(count, "value")} of ${datatype} ${count === 1 ? "takes" : "take"} ${count * bytes}`,
    );
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  return checked(Float32Array.from({ length: count }, (_, at) => read(view, at * bytes)));
}

/** @throws Error as `valuesOfRaw`. */
export function valuesOfJson(json: Uint8Array, speech: "v2" | "tfs", output: string | null, count: number) {
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch {
    throw new Error("answered what is no JSON");
  }
  const values: number[] = [];
  flatten(speech === "v2" ? outputOfV2(message, output) : outputOfTfs(message, output), values, count, 0);
  if (values.length !== count) throw new Error(`answered ${counted(values.length, "value")}, not ${count}`);
  return checked(Float32Array.from(values));
}

function outputOfV2(message: unknown, output: string | null): unknown {
  const outputs = fieldOf(message, "outputs");
  if (!Array.isArray(outputs)) throw new Error("answered no outputs");
  const found = output === null ? outputs[0] : outputs.find((one) => fieldOf(one, "name") === output);
  return fieldOf(found, "data");
}

function outputOfTfs(message: unknown, output: string | null): unknown {
  const outputs = fieldOf(message, "outputs");
  if (Array.isArray(outputs) || outputs === undefined) return outputs;
  return output === null ? Object.values(outputs as object)[0] : fieldOf(outputs, output);
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function flatten(part: unknown, values: number[], countMax: number, depth: number): void {
  if (typeof part === "number") values.push(part);
  else if (Array.isArray(part) && depth < DEPTH_MAX) {
    for (const item of part) flatten(item, values, countMax, depth + 1);
  } else throw new Error("answered no numbers where scores have to be");
  if (values.length > countMax) throw new Error(`answered more values than the ${countMax} that were asked for`);
}

function checked(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw new Error(`answered ${values[at]} as value ${at}: no class can be named`);
  return values;
}
