/** What was answered to the tensors that a request asks for. */
import type { AnsweredItem } from "../../classify.js";
import { AppError } from "../../errors.js";
import type { ModelSpec } from "../../generated/contract.js";
import { valuesPerImage } from "../../tensors.js";
import type { OutputTensor, RequestedOutput } from "./message.js";

/** The second output of every model: of each image the text that `POST /infer` answers of it, as JSON. */
export const ANSWER = "answer";
/** Classes in that text. */
export const ANSWER_CLASSES = 5;
/** As `std::to_string` of C++, with which Triton writes scores. */
const SCORE_DIGITS = 6;

/** All outputs where the request names none. @throws AppError `field_invalid` for one that there is not. */
export function requestedOf(outputs: readonly RequestedOutput[], { output }: ModelSpec): readonly RequestedOutput[] {
  const names = [output.tensor, ANSWER];
  for (const { name, classification } of outputs) {
    if (!names.includes(name)) {
      const known = names.map((known) => JSON.stringify(known)).join(" and ");
      throw new AppError("field_invalid", `There is no output ${JSON.stringify(name)}; there are ${known}.`);
    }
    if (name !== output.tensor && classification > 0) {
      throw new AppError("field_invalid", `The output ${JSON.stringify(name)} has no classification.`);
    }
  }
  return outputs.length > 0 ? outputs : names.map((name) => ({ name, classification: 0 }));
}

export function outputOf(
  { name, classification }: RequestedOutput,
  spec: ModelSpec,
  items: readonly AnsweredItem[],
): OutputTensor {
  if (name !== spec.output.tensor) return { name, shape: [items.length], values: items.map(textOf) };
  if (classification > 0) {
    const texts = items.map((item) => classesOf(item, classification));
    return { name, shape: [items.length, texts[0]?.length ?? 0], values: texts.flat() };
  }
  const count = valuesPerImage(spec);
  const values = new Float32Array(items.length * count);
  for (const [index, { scores }] of items.entries()) values.set(scores ?? [], index * count);
  return { name, shape: [items.length, count], values };
}

/** `score:index:label` of the best classes; the score is the graph's own where it gives one for each class. */
function classesOf({ top, scores = new Float32Array() }: AnsweredItem, count: number): string[] {
  return top.slice(0, count).map(({ index, label, probability }) => {
    const score = scores.length > 1 ? (scores[index] ?? probability) : probability;
    return `${score.toFixed(SCORE_DIGITS)}:${index}:${label}`;
  });
}

function textOf({ scores: _, top, ...item }: AnsweredItem): string {
  return JSON.stringify({ ...item, top: top.slice(0, ANSWER_CLASSES) });
}
