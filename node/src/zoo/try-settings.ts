/** What photos say of settings that a graph does not tell. */

import { basename, dirname } from "node:path";
import { counted } from "../counted.js";
import type { Answer, SpecOverrides } from "../generated/contract.js";
import type { ZooModel } from "../ports.js";
import { inWords, nameOf, type Unsure } from "./draft.js";
import type { Workbench } from "./workbench.js";

export interface NamedPhoto {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The most frequent answers, where no folder of a label's name tells what is right. */
const LABELS_SHOWN = 4;

/** Of unsure settings, by their fields, a sentence on what the photos are answered with each of its values. */
export async function trySettings(
  workbench: Workbench,
  model: ZooModel,
  unsure: readonly Unsure[],
  photos: readonly NamedPhoto[],
  step: () => void,
): Promise<Map<string, string>> {
  const classify = async (overrides: SpecOverrides) => {
    const answers: Answer[] = [];
    for (const { bytes } of photos) answers.push(await workbench.classify(model, bytes, overrides));
    step();
    return answers;
  };
  const detected = await classify({});
  const said = new Map<string, string>();
  for (const one of unsure) {
    const tried = [{ value: one.value, answers: detected }];
    for (const { value, overrides } of one.others) tried.push({ value, answers: await classify(overrides) });
    said.set(nameOf(one), compared(tried, photos));
  }
  return said;
}

/** How many times everything is answered. */
export function roundsOf(unsure: readonly Unsure[]): number {
  return 1 + unsure.reduce((sum, { others }) => sum + others.length, 0);
}

function compared(
  tried: readonly { readonly value: readonly unknown[]; readonly answers: readonly Answer[] }[],
  photos: readonly NamedPhoto[],
): string {
  const labels = new Set(tried.flatMap(({ answers }) => answers.flatMap(({ top }) => top.map(({ label }) => label))));
  // A folder of a label's name says what is in its photos.
  const truths = photos.map(({ path }) => basename(dirname(path))).map((name) => (labels.has(name) ? name : null));
  const of = truths.filter((truth) => truth !== null).length;
  const counts = tried.map(({ value, answers }) => {
    if (of > 0) {
      const right = answers.filter(({ label }, index) => label === truths[index]).length;
      return `${inWords(value)}: ${right} of ${of} right`;
    }
    const counts = new Map<string, number>();
    for (const { label } of answers) counts.set(label, (counts.get(label) ?? 0) + 1);
    const said = [...counts].toSorted(([, a], [, b]) => b - a).map(([label, count]) => `${count} ${label}`);
    return `${inWords(value)}: ${said.slice(0, LABELS_SHOWN).join(", ")}`;
  });
  return `On ${counted(photos.length, "photo")}: ${counts.join("; ")}`;
}
