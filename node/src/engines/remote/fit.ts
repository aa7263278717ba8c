/** Whether a model of the remote server is the one that was resolved here, as far as its tensors tell. */
import type { ModelSpec } from "../../generated/contract.js";
import { printable } from "../../printable.js";
import { ANY, fedShape, valuesPerImage } from "../../tensors.js";
import type { ToldModel, ToldTensor } from "./server.js";
import { SCORE_DATATYPES } from "./values.js";

/** Images of one run: as many as one frame may have of any engine. */
const BATCH_MAX = 64;
/** Tensors that a sentence names, and characters of each name. */
const SHOWN_MAX = 4;
const CHARACTERS_MAX = 100;

/** How it is fed and read there. */
export interface Fit {
  readonly input: { readonly name: string; readonly datatype: string };
  /** Null for the only output. */
  readonly output: string | null;
  /** Images that each run has to have; null for any number. */
  readonly batch: number | null;
}

/** What does not fit, in a sentence that names both sides. */
export class MisfitError extends Error {}

/**
 * What is named alike belongs together; of one input, or of one output that could hold the scores, the name may differ.
 * @throws MisfitError.
 */
export function fitOf(spec: ModelSpec, told: ToldModel): Fit {
  const datatype = spec.input.dtype === "uint8" ? "UINT8" : "FP32";
  const wanted = { name: spec.input.tensor, datatype, shape: [ANY, ...fedShape(spec)] };
  if (told.inputs.length === 0) return { input: wanted, output: outputOf(spec, told), batch: null };
  const named = told.inputs.find(({ name }) => name === wanted.name);
  const input = named ?? (told.inputs.length === 1 ? told.inputs[0] : undefined);
  if (input === undefined || input.datatype !== datatype || !isAlike(input.shape, wanted.shape)) {
    throw new MisfitError(`the graph here takes ${shown(wanted)}, and the one there ${listed(told.inputs)}`);
  }
  const [batch = ANY] = input.shape ?? [];
  if (batch !== ANY && (batch < 1 || batch > BATCH_MAX)) {
    throw new MisfitError(`the one there runs ${batch} images at once, and 1 to ${BATCH_MAX} can be given`);
  }
  return {
    input: { name: input.name, datatype },
    output: outputOf(spec, told),
    batch: batch === ANY ? null : batch,
  };
}

function outputOf(spec: ModelSpec, { outputs }: ToldModel): string | null {
  if (outputs.length === 0) return null;
  const values = valuesPerImage(spec);
  const holds = ({ datatype, shape }: ToldTensor) =>
    SCORE_DATATYPES.includes(datatype) &&
    (shape === null || isAlike(shape, [ANY, values]) || (values === 1 && isAlike(shape, [ANY])));
  const able = outputs.filter(holds);
  const found = able.find(({ name }) => name === spec.output.tensor) ?? (able.length === 1 ? able[0] : undefined);
  if (found !== undefined) return found.name;
  const wanted = shown({ name: spec.output.tensor, datatype: "FP32", shape: [ANY, values] });
  throw new MisfitError(`the graph here gives ${wanted}, and the one there ${listed(outputs)}`);
}

/** Whether there is a shape of both; the batch is not compared. */
function isAlike(told: readonly number[] | null, wanted: readonly number[]): boolean {
  if (told === null) return true;
  return told.length === wanted.length && told.every((axis, at) => at === 0 || axis === ANY || axis === wanted[at]);
}

function listed(tensors: readonly ToldTensor[]): string {
  const more = tensors.length > SHOWN_MAX ? " and others" : "";
  return `${tensors.slice(0, SHOWN_MAX).map(shown).join(", ")}${more}`;
}

function shown({ name, datatype, shape }: ToldTensor): string {
  const [shortName, shortType] = [name, datatype].map((text) => printable(text.slice(0, CHARACTERS_MAX)));
  return `${JSON.stringify(shortName)} ${shortType} ${shape === null ? "of any shape" : `[${shape.join(", ")}]`}`;
}
