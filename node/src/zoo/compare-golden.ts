/** Whether a model that was just loaded says what it said of its golden photos. */
import { basename } from "node:path";
import type { Answer } from "../generated/contract.js";
import type { FileZooModel } from "../models/file-zoo-model.js";
import type { GoldenComparison } from "../ports.js";
import { type GoldenCase, parseGolden } from "./golden.js";

/** Half of the last digit that is kept of a probability. */
const ROUNDING = 0.5e-6;

/**
 * `classify` gives the answer with every class. Photos that are gone, or that give other pixels now, are not compared: they say
 * nothing of what ran the model.
 * @param differenceMax largest difference of a probability
 */
export async function compareGolden(
  model: FileZooModel,
  differenceMax: number,
  classify: (photo: Uint8Array) => Promise<Answer>,
): Promise<GoldenComparison> {
  let photoCount = 0;
  for (const kept of casesOf(await model.readGolden())) {
    const photo = await model.readSample(basename(kept.image)).catch(() => null);
    if (photo === null) continue;
    const answer = await classify(photo);
    if (kept.input_sha256 !== null && kept.input_sha256 !== answer.input.sha256) continue;
    photoCount += 1;
    const difference = differenceOf(kept, answer, differenceMax);
    if (difference !== null) return { photoCount, difference: `${basename(kept.image)}: ${difference}` };
  }
  return { photoCount, difference: null };
}

/** None of a file that is not there, or is none: `menagerie check` says what is wrong with it. */
function casesOf(text: string | null): readonly GoldenCase[] {
  try {
    return text === null ? [] : parseGolden(text).cases;
  } catch {
    return [];
  }
}

function differenceOf({ top }: GoldenCase, answer: Answer, differenceMax: number): string | null {
  for (const { label, index, probability } of top) {
    const found = answer.top.find((entry) => entry.index === index)?.probability ?? Number.NaN;
    // Also where it is no number.
    if (!(Math.abs(found - probability) <= differenceMax + ROUNDING)) {
      return `${label} ${found.toFixed(6)} in place of ${probability.toFixed(6)}; a difference of ${differenceMax} is taken`;
    }
  }
  return null;
}
