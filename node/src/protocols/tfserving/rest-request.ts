/**
 * Messages as TensorFlow Serving's REST API carries them, read. Numbers are what the graph is fed, or pixels where the
 * request says so by a name.
 * https://www.tensorflow.org/tfx/serving/api_rest
 */
import { AppError } from "../../errors.js";
import type { JsonValue, NumberArray } from "../../ports.js";
import { bytesOfBase64 } from "../base64.js";
import { OTHER_NAMES, UNNAMED } from "../oip/inputs.js";
import type { InputTensor } from "../oip/message.js";
import type { ClassifyRequest } from "./classify.js";
import type { PredictRequest } from "./predict.js";

type Asked<Request> = Omit<Request, "model" | "outputs">;
/** Of all images. */
type Content = { readonly images: readonly Uint8Array[] } | NumberArray;

/** `row`: `instances`, answered with `predictions`; `columnar`: `inputs`, answered with `outputs`. */
export type PredictFormat = "row" | "columnar";

type JsonObject = Readonly<Record<string, JsonValue>>;

const ENCODED = '{"b64": …}';

/** The JSON of a `:predict`. @throws AppError `field_invalid`. */
export function readPredict(message: JsonValue): {
  readonly request: Asked<PredictRequest>;
  readonly format: PredictFormat;
} {
  const body = bodyOf(message, ["signature_name", "instances", "inputs"]);
  const { instances, inputs } = body;
  if ((instances === undefined) === (inputs === undefined)) {
    throw new AppError(
      "field_invalid",
      "The request must have instances (the row format) or inputs (the columnar one).",
    );
  }
  const signature = signatureOf(body);
  const read = instances === undefined ? readColumns(inputs as JsonValue) : readRows(instances);
  const tensors = read.map(([name, content]) => tensorOf(name, content, signature));
  return { format: instances === undefined ? "columnar" : "row", request: { signature, inputs: tensors } };
}

/** The JSON of a `:classify`. @throws AppError `field_invalid`, `image_missing`. */
export function readClassify(message: JsonValue): Asked<ClassifyRequest> {
  const body = bodyOf(message, ["signature_name", "examples", "context"]);
  const context = body["context"] ?? {};
  const { examples } = body;
  if (!isObject(context)) throw new AppError("field_invalid", "context must be an object of features.");
  if (!isList(examples) || examples.length === 0) {
    throw new AppError("image_missing", "The request has no examples; send a list with one for each image.");
  }
  const images = examples.map((example, index) => {
    const features = isObject(example) ? { ...context, ...example } : {};
    const encoded = Object.values(features).flatMap((value) => imageOf(value) ?? []);
    const [image, ...more] = encoded;
    if (image !== undefined && more.length === 0) return image;
    const detail = `examples[${index}] has ${encoded.length} features that are images, as ${ENCODED}; it must have one.`;
    throw new AppError("field_invalid", detail);
  });
  return { signature: signatureOf(body), images };
}

function tensorOf(asked: string, content: Content, signature: string): InputTensor {
  if ("images" in content) {
    const { images } = content;
    const name = asked === UNNAMED ? OTHER_NAMES.BYTES : asked;
    return { name, datatype: "BYTES", shape: [images.length], content: { items: images } };
  }
  const { shape, values } = content;
  const name = asked === UNNAMED && signature === OTHER_NAMES.UINT8 ? signature : asked;
  return { name, datatype: name === OTHER_NAMES.UINT8 ? "UINT8" : "FP32", shape, content: { values } };
}

/** One value for each image, or an object that names it. */
function readRows(instances: JsonValue): [name: string, Content][] {
  if (isNumbers(instances)) return [[UNNAMED, instances]];
  if (!isList(instances)) throw new AppError("field_invalid", "instances must be a list with one item for each image.");
  if (instances.length === 0) throw new AppError("image_missing", "instances is empty; send one item for each image.");
  const rows = instances.map((instance, index) => {
    if (imageOf(instance) !== null || !isObject(instance)) return { name: UNNAMED, value: instance };
    return namedValue(instance, `instances[${index}]`);
  });
  const name = rows[0]?.name ?? UNNAMED;
  const other = rows.findIndex((row) => row.name !== name);
  if (other >= 0) {
    throw new AppError(
      "field_invalid",
      `instances[${other}] names another input than instances[0]; all must name one.`,
    );
  }
  return [[name, batchOf(rows.map(({ value }) => value))]];
}

/** All images at once, or an object that names them. */
function readColumns(inputs: JsonValue): [name: string, Content][] {
  if (imageOf(inputs) !== null || !isObject(inputs)) return [[UNNAMED, columnOf("inputs", inputs)]];
  return Object.entries(inputs).map(([name, value]) => [name, columnOf(`inputs.${name}`, value)]);
}

function columnOf(where: string, value: JsonValue): Content {
  if (isNumbers(value)) return value;
  const images = (isList(value) ? value : [value]).map(imageOf);
  if (images.length > 0 && images.every((image) => image !== null)) return { images };
  const detail = `${where} must be numbers, as many on each level, or images, each as ${ENCODED}.`;
  throw new AppError("field_invalid", detail);
}

/** Images, or numbers of the same shape, one after the other. */
function batchOf(values: readonly JsonValue[]): Content {
  const images = values.map(imageOf);
  if (images.every((image) => image !== null)) return { images };
  const numbers = values.map((value, index) => {
    if (isNumbers(value)) return value;
    const detail = `instances[${index}] must be numbers, as many on each level, or an image, as ${ENCODED}; and all of one kind.`;
    throw new AppError("field_invalid", detail);
  });
  const { shape = [] } = numbers[0] ?? {};
  const other = numbers.findIndex((array) => array.shape.join() !== shape.join());
  if (other >= 0) {
    const shapes = `[${numbers[other]?.shape.join(", ")}], and that of instances[0] is [${shape.join(", ")}]`;
    throw new AppError("field_invalid", `The shape of instances[${other}] is ${shapes}.`);
  }
  const count = shape.reduce((product, axis) => product * axis, 1);
  const all = new Float64Array(count * numbers.length);
  for (const [index, array] of numbers.entries()) all.set(array.values, index * count);
  return { shape: [numbers.length, ...shape], values: all };
}

function namedValue(instance: JsonObject, where: string): { name: string; value: JsonValue } {
  const [named, ...more] = Object.entries(instance);
  if (named === undefined || more.length > 0) {
    const names = Object.keys(instance).map((name) => JSON.stringify(name));
    throw new AppError("field_invalid", `${where} has ${names.length} inputs (${names.join(", ")}); it must have one.`);
  }
  return { name: named[0], value: named[1] };
}

/** The image of `{"b64": …}`; null for anything else. @throws AppError `field_invalid` where it is no base64. */
function imageOf(value: JsonValue): Uint8Array | null {
  if (!isObject(value) || Object.keys(value).join() !== "b64") return null;
  const bytes = bytesOfBase64(value["b64"]);
  if (bytes === null) throw new AppError("field_invalid", "The value of a b64 is no base64; images are sent so.");
  return bytes;
}

/** @throws AppError `field_invalid` for a field that the call does not have, and that would change nothing. */
function bodyOf(message: JsonValue, fields: readonly string[]): JsonObject {
  if (!isObject(message)) throw new AppError("field_invalid", "The request must be a JSON object.");
  const unknown = Object.keys(message).find((name) => !fields.includes(name));
  if (unknown === undefined) return message;
  const detail = `There is no field ${JSON.stringify(unknown.slice(0, 100))}; there are ${fields.join(", ")}.`;
  throw new AppError("field_invalid", detail);
}

function signatureOf({ signature_name: name = "" }: JsonObject): string {
  if (typeof name === "string") return name;
  throw new AppError("field_invalid", "signature_name must be a text.");
}

function isNumbers(value: JsonValue): value is NumberArray {
  return typeof value === "object" && value !== null && "values" in value && value.values instanceof Float64Array;
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !isNumbers(value as JsonValue)
  );
}
