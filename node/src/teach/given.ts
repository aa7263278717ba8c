/** What is refused of photos before any is read. */
import { AppError } from "../errors.js";
import { nameOf } from "../label-name.js";
import { loadWasm } from "../wasm-module.js";
import type { LabelledPhoto } from "../zoo/calibrate.js";
import { refusing } from "./refusing.js";

/** As `native/teach` has it of photos that can be read. */
export const PHOTOS_OF_CLASS_MIN = 5;

/**
 * The labels, sorted.
 * @throws AppError `field_invalid` for one class, for a class of too few photos and for labels that are the same to people,
 *   `labels_invalid` for labels that a label file would not give back.
 */
export function labelsOfGiven(given: readonly LabelledPhoto[]): string[] {
  const counts = new Map<string, number>();
  for (const { label } of given) counts.set(label, (counts.get(label) ?? 0) + 1);
  const labels = [...counts.keys()].sort();
  for (const label of labels) {
    const pathOf = () => given.find((photo) => photo.label === label)?.path;
    if (label.trim() !== label || label === "" || /\p{Cc}/u.test(label)) {
      const problem = "a label is one line, without white space around it";
      throw invalid(`The class ${JSON.stringify(label)} of ${pathOf()} cannot be called so: ${problem}.`);
    }
  }
  const names = new Map<string, string>();
  for (const label of labels) {
    const other = names.get(nameOf(label));
    if (other !== undefined)
      throw invalid(`The classes ${JSON.stringify(other)} and ${JSON.stringify(label)} have one name; make them one.`);
    names.set(nameOf(label), label);
  }
  if (labels.length < 2)
    throw invalid(
      `There is only one class, ${JSON.stringify(labels[0] ?? "")}; a classifier tells at least two apart, so add photos of something else.`,
    );
  const few = labels.filter((label) => (counts.get(label) ?? 0) < PHOTOS_OF_CLASS_MIN);
  if (few.length > 0) {
    const shown = few.map((label) => `${JSON.stringify(label)} (${counts.get(label)})`).join(", ");
    throw invalid(`${shown}: too few photos; each class needs at least ${PHOTOS_OF_CLASS_MIN}, better 100.`);
  }
  refusing(() => loadWasm().labelFile(JSON.stringify(labels)));
  return labels;
}

function invalid(detail: string): AppError {
  return new AppError("field_invalid", detail);
}
