/** One `Predict` of TensorFlow Serving, whatever carries it: an inference whose outputs are named. */
import { AppError } from "../../errors.js";
import type { Visit } from "../../ports.js";
import { type InferDeps, infer, type NamedModel } from "../oip/infer.js";
import { OTHER_NAMES } from "../oip/inputs.js";
import type { InferResponse, InputTensor } from "../oip/message.js";
import { checkSignature, ENCODED } from "./signatures.js";

export interface PredictRequest {
  readonly model: NamedModel;
  /** Empty for the usual one. */
  readonly signature: string;
  readonly inputs: readonly InputTensor[];
  /** Names of the outputs that are wanted; empty for all of them. */
  readonly outputs: readonly string[];
}

/** @throws AppError that of the first image that has no answer. */
export async function predict(deps: InferDeps, visit: Visit, request: PredictRequest): Promise<InferResponse> {
  const { model, signature, inputs, outputs } = request;
  checkSignature(signature, "predict");
  if (inputs.length === 0) throw new AppError("image_missing", "The request has no inputs; send one.");
  return await infer(deps, visit, model, {
    id: null,
    inputs: inputs.map((input) => (isEncoded(input) ? { ...input, name: OTHER_NAMES.BYTES } : input)),
    outputs: outputs.map((name) => ({ name, classification: 0 })),
  });
}

function isEncoded({ name, datatype }: InputTensor): boolean {
  return datatype === "BYTES" && name === ENCODED;
}
