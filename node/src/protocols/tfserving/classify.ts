/** One `Classify` of TensorFlow Serving, whatever carries it. */
import type { ModelIdentity, Visit } from "../../ports.js";
import { ask, type InferDeps, type NamedModel } from "../oip/infer.js";
import { checkSignature, ENCODED } from "./signatures.js";

export interface ClassifyRequest {
  readonly model: NamedModel;
  /** Empty for the usual one. */
  readonly signature: string;
  /** One of each example. */
  readonly images: readonly Uint8Array[];
}

export interface Classified {
  readonly identity: ModelIdentity;
  /** The best classes of each image. */
  readonly results: readonly (readonly { readonly label: string; readonly score: number }[])[];
}

const CLASSES = 5;

/** @throws AppError that of the first image that has no answer. */
export async function classifyExamples(
  deps: InferDeps,
  visit: Visit,
  { model, signature, images }: ClassifyRequest,
): Promise<Classified> {
  checkSignature(signature, "classify");
  const input = { name: ENCODED, datatype: "BYTES", shape: [images.length], content: { items: images } };
  let identity: ModelIdentity | undefined;
  const items = await ask(deps, visit, model, images.length === 0 ? [] : [input], { topK: CLASSES }, (open) => {
    identity = open.identity;
  });
  if (identity === undefined) throw new Error("a model that answered was open");
  return {
    identity,
    results: items.map(({ top }) => top.map(({ label, probability }) => ({ label, score: probability }))),
  };
}
