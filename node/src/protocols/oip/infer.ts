/** One inference of the Open Inference Protocol, whatever carries it. */
import type { AnsweredItem, Classify, Item } from "../../classify.js";
import { AppError } from "../../errors.js";
import { type ClassifyOptions, NO_SETTINGS, type OpenModel, type Visit } from "../../ports.js";
import { checkInputName, sourcesOf } from "./inputs.js";
import type { InferRequest, InferResponse, InputTensor, RequestedOutput } from "./message.js";
import { ANSWER, ANSWER_CLASSES, outputOf, requestedOf } from "./outputs.js";

export interface InferDeps {
  readonly classify: Classify;
  readonly imagesPerRequestMax: number;
}

/** A model as the protocol names it. */
export interface NamedModel {
  readonly id: string;
  /** Null for the one that is served. */
  readonly version: string | null;
}

/** What `top_k` may be. */
const TOP_K_MAX = 100;

/** Images, pixels or tensors with one model. @throws AppError that of the first image that has no answer. */
export async function ask(
  { classify, imagesPerRequestMax }: InferDeps,
  visit: Visit,
  model: NamedModel,
  inputs: readonly InputTensor[],
  options: Pick<ClassifyOptions, "topK" | "everyClass" | "scores">,
  check: (model: OpenModel) => void,
): Promise<AnsweredItem[]> {
  const images = sourcesOf(inputs, imagesPerRequestMax);
  const items = await classify(visit, {
    images,
    choices: [{ kind: "zoo", ...model }],
    settings: NO_SETTINGS,
    options: { scoreThreshold: 0, picture: false, ...options },
    check,
  });
  return items.map((item) => answeredOf(item, images.length));
}

/** @throws AppError that of the first image that has no answer. */
export async function infer(
  deps: InferDeps,
  visit: Visit,
  model: NamedModel,
  request: InferRequest,
): Promise<InferResponse> {
  const classes = Math.max(ANSWER_CLASSES, ...request.outputs.map(({ classification }) => classification));
  const options = { topK: Math.min(classes, TOP_K_MAX), everyClass: classes > TOP_K_MAX, scores: asksScores(request) };
  let asked: { readonly model: OpenModel; readonly outputs: readonly RequestedOutput[] } | undefined;
  const items = await ask(deps, visit, model, request.inputs, options, (open) => {
    const { spec } = open.target;
    for (const input of request.inputs) checkInputName(input, spec);
    asked = { model: open, outputs: requestedOf(request.outputs, spec) };
  });
  if (asked === undefined) throw new Error("a model that answered was open");
  const { identity, target } = asked.model;
  return {
    id: request.id,
    model: { name: identity.id, version: identity.version },
    outputs: asked.outputs.map((output) => outputOf(output, target.spec, items)),
  };
}

/** Whether any output holds what the graph gave. */
function asksScores({ outputs }: InferRequest): boolean {
  return outputs.length === 0 || outputs.some(({ name }) => name !== ANSWER);
}

/** @throws AppError that of an image without an answer; of several, with its name. */
export function answeredOf(item: Item, count: number): AnsweredItem {
  if (!("error" in item)) return item;
  const { error, image } = item;
  if (count === 1) throw error;
  throw new AppError(error.code, `${image.name}: ${error.message}`, { cause: error });
}
