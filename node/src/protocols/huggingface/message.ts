/**
 * The JSON of Hugging Face's image classification.
 * https://huggingface.co/docs/inference-providers/tasks/image-classification
 */
import { AppError } from "../../errors.js";
import type { JsonValue } from "../../ports.js";
import { bytesOfBase64 } from "../base64.js";

export interface HubRequest {
  /** Encoded. */
  readonly image: Uint8Array;
  readonly topK: number;
}

export const TOP_K_DEFAULT = 5;
export const TOP_K_MAX = 100;

/** Parameters that it does not know are passed over, but for the one that would change the scores. @throws AppError. */
export function readHubRequest(message: JsonValue): HubRequest {
  const { inputs, parameters } = objectOf("The request", message);
  if (inputs === undefined)
    throw new AppError("image_missing", "The request has no inputs; send the image, in base64.");
  const image = bytesOfBase64(inputs);
  if (image === null) throw new AppError("field_invalid", "inputs is no base64; the image is sent so.");
  const { top_k: topK, function_to_apply: applied } = objectOf("parameters", parameters ?? {});
  if (applied !== undefined && applied !== null) {
    const detail = `function_to_apply=${JSON.stringify(applied)}: the model says how its scores are read; leave it out.`;
    throw new AppError("field_invalid", detail);
  }
  return { image, topK: topKOf(topK ?? TOP_K_DEFAULT) };
}

function topKOf(value: JsonValue): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= TOP_K_MAX) return value;
  throw new AppError(
    "field_invalid",
    `top_k=${JSON.stringify(value)}: it must be a whole number from 1 to ${TOP_K_MAX}.`,
  );
}

function objectOf(what: string, value: JsonValue): Readonly<Record<string, JsonValue>> {
  const isObject =
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  if (isObject) return value as Readonly<Record<string, JsonValue>>;
  throw new AppError("field_invalid", `${what} must be a JSON object.`);
}
