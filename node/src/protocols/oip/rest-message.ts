/**
 * Messages as REST carries them: JSON, after which the values of tensors may follow as they are (the binary tensor data
 * extension). Fields that the protocol does not name are passed over: clients send some, such as `model_name`.
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { z } from "zod";
import { counted } from "../../counted.js";
import { AppError } from "../../errors.js";
import type { JsonValue, NumberArray } from "../../ports.js";
import { bytesOfBase64 } from "../base64.js";
import {
  type Content,
  datatypeOf,
  type InferRequest,
  type InferResponse,
  type InputTensor,
  type OutputTensor,
  type RequestedOutput,
  rawOf,
} from "./message.js";

export interface RestRequest {
  readonly request: InferRequest;
  /** Whether an output is to follow the JSON as it is. */
  isBinary(name: string): boolean;
}

export interface RestResponse {
  readonly body: Uint8Array;
  /** Of the JSON, where more follows; null where the body is JSON alone. */
  readonly jsonBytes: number | null;
}

type ReadJson = (bytes: Uint8Array) => Promise<JsonValue>;

/** Numbers that are written before others get their turn of the event loop. */
const NUMBERS_AT_ONCE = 8192;
const CLASSIFICATION_MAX = 65_536;

const numbers = z.custom<NumberArray>(isNumbers, "must be numbers");
const parameters = z.record(z.string(), z.unknown()).default({});
const wholeNumber = (max: number) => z.number().int().min(0).max(max);
/** A long one may come as the bytes that it is the base64 of. */
const text = (max: number) => {
  const message = `must be a text of at most ${max} characters`;
  return z.string(message).max(max, message);
};
const INPUT = z.object({
  name: text(1000),
  datatype: text(100),
  shape: z.union([numbers, z.tuple([])], "must be an array of numbers"),
  parameters: parameters.pipe(z.object({ binary_data_size: wholeNumber(2 ** 32).optional(), ...noSharedMemory() })),
  data: z.unknown().optional(),
});
const OUTPUT = z.object({
  name: text(1000),
  parameters: parameters.pipe(
    z.object({
      binary_data: z.boolean().optional(),
      classification: wholeNumber(CLASSIFICATION_MAX).default(0),
      ...noSharedMemory(),
    }),
  ),
});
const REQUEST = z.object({
  id: text(1000).nullish(),
  parameters: parameters.pipe(z.object({ binary_data_output: z.boolean().default(false) })),
  inputs: z.array(INPUT).max(16),
  outputs: z.array(OUTPUT).max(16).default([]),
});
const REPOSITORY = z.object({ ready: z.boolean().default(false), parameters });

/** `headerLength` is the `Inference-Header-Content-Length` of the request. @throws AppError `field_invalid`. */
export async function readInferRequest(
  body: Uint8Array,
  headerLength: string | undefined,
  readJson: ReadJson,
): Promise<RestRequest> {
  const jsonBytes = headerLength === undefined ? body.length : Number(headerLength);
  if (!/^\d+$/.test(headerLength ?? "0") || jsonBytes > body.length) {
    const detail = `Inference-Header-Content-Length=${headerLength}: it must be the bytes of the JSON, at most those of the body, ${body.length}.`;
    throw new AppError("field_invalid", detail);
  }
  // First, since the memory of the JSON is given away.
  const rest = body.subarray(jsonBytes);
  const message = parse(REQUEST, await readJson(body.subarray(0, jsonBytes)));
  const binary = new Map(message.outputs.map(({ name, parameters }) => [name, parameters.binary_data]));
  return {
    request: {
      id: message.id ?? null,
      inputs: withContents(message.inputs, rest),
      outputs: message.outputs.map(
        ({ name, parameters }): RequestedOutput => ({ name, classification: parameters.classification }),
      ),
    },
    isBinary: (name) => binary.get(name) ?? message.parameters.binary_data_output,
  };
}

/** The body of a call of the repository, which may be empty. @throws AppError `field_invalid`. */
export async function readRepositoryRequest(body: Uint8Array, readJson: ReadJson) {
  const { ready, parameters } = parse(REPOSITORY, body.length === 0 ? {} : await readJson(body));
  return { isReadyOnly: ready, parameters: parameters as Readonly<Record<string, JsonValue>> };
}

export async function writeInferResponse(
  { id, model, outputs }: InferResponse,
  isBinary: RestRequest["isBinary"],
): Promise<RestResponse> {
  const heads: string[] = [];
  const raws: Uint8Array[] = [];
  for (const output of outputs) {
    const { name, shape } = output;
    const head = JSON.stringify({ name, datatype: datatypeOf(output), shape });
    if (isBinary(name)) {
      const raw = rawOf(output);
      raws.push(raw);
      heads.push(`${head.slice(0, -1)},"parameters":{"binary_data_size":${raw.length}}}`);
    } else {
      heads.push(`${head.slice(0, -1)},"data":${await dataOf(output)}}`);
    }
  }
  const facts = { ...(id === null ? {} : { id }), model_name: model.name, model_version: model.version };
  const json = Buffer.from(`${JSON.stringify(facts).slice(0, -1)},"outputs":[${heads.join()}]}`);
  if (raws.length === 0) return { body: json, jsonBytes: null };
  return { body: Buffer.concat([json, ...raws]), jsonBytes: json.length };
}

async function dataOf({ values }: OutputTensor): Promise<string> {
  if (!(values instanceof Float32Array)) return JSON.stringify(values);
  const pieces: string[] = [];
  for (let at = 0; at < values.length; at += NUMBERS_AT_ONCE) {
    if (at > 0) await nextTurn();
    pieces.push(values.subarray(at, at + NUMBERS_AT_ONCE).join());
  }
  return `[${pieces.join()}]`;
}

/** Each input with its data, or with its part of the bytes after the JSON. */
function withContents(inputs: readonly z.infer<typeof INPUT>[], rest: Uint8Array): InputTensor[] {
  let at = 0;
  const tensors = inputs.map(({ name, datatype, shape, parameters, data }): InputTensor => {
    const tensor = { name, datatype, shape: isNumbers(shape) ? [...shape.values] : [] };
    const { binary_data_size: bytes } = parameters;
    if (bytes === undefined) return { ...tensor, content: contentOf(name, datatype, data as JsonValue | undefined) };
    if (data !== undefined) {
      throw new AppError("field_invalid", `Input ${JSON.stringify(name)} has data and binary_data_size; send one.`);
    }
    at += bytes;
    if (at <= rest.length) return { ...tensor, content: { raw: rest.subarray(at - bytes, at) } };
    const detail = `Input ${JSON.stringify(name)} has binary_data_size ${bytes}, and ${counted(rest.length, "byte")} ${rest.length === 1 ? "follows" : "follow"} the JSON; Inference-Header-Content-Length must be the bytes of the JSON alone.`;
    throw new AppError("field_invalid", detail);
  });
  if (at === rest.length) return tensors;
  const detail = `${counted(rest.length, "byte")} ${rest.length === 1 ? "follows" : "follow"} the JSON, of which the inputs name ${at} as their binary_data_size.`;
  throw new AppError("field_invalid", detail);
}

function contentOf(name: string, datatype: string, data: JsonValue | undefined): Content {
  if (isNumbers(data)) return { values: data.values };
  if (!Array.isArray(data)) {
    throw new AppError("field_invalid", `Input ${JSON.stringify(name)} has no data; it must be an array.`);
  }
  if (data.length === 0 && datatype !== "BYTES") return { values: [] };
  return { items: data.flat(Number.POSITIVE_INFINITY).map((item) => imageOf(name, item)) };
}

function imageOf(name: string, item: JsonValue): Uint8Array {
  const bytes = bytesOfBase64(item);
  if (bytes !== null) return bytes;
  if (typeof item !== "string") {
    const detail = `The data of input ${JSON.stringify(name)} must be numbers, as many on each level, or images in base64.`;
    throw new AppError("field_invalid", detail);
  }
  throw new AppError("field_invalid", `The data of input ${JSON.stringify(name)} is no base64; images are sent so.`);
}

function isNumbers(value: unknown): value is NumberArray {
  return typeof value === "object" && value !== null && "values" in value && value.values instanceof Float64Array;
}

function parse<T extends z.ZodType>(schema: T, value: JsonValue): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  const where = field === undefined || field === "" ? "The request" : field.replace(/^\./, "");
  throw new AppError("field_invalid", `${where}: ${issue?.message ?? "it cannot be read"}.`);
}

/** Fields of an extension that is not offered. */
function noSharedMemory() {
  const message = "shared memory is not offered; send the values";
  const none = z.undefined(message).optional();
  return { shared_memory_region: none, shared_memory_byte_size: none };
}
