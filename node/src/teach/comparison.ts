/** Two models on the same photos. */
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { Comparison } from "../generated/api.js";
import { nameOf } from "../label-name.js";
import type { ZooModel } from "../ports.js";
import { labelsOf } from "../zoo/calibrate.js";
import { share } from "../zoo/calibration-card.js";
import type { Workbench } from "../zoo/workbench.js";
import type { AlbumPhoto } from "./album.js";
import { inLanes, type Lanes } from "./lanes.js";

/** Below this a difference is no chance. */
const SIGNIFICANT = 0.05;

/** The old model. */
export interface Compared {
  /** `id@version`. */
  readonly name: string;
  readonly model: ZooModel;
  /** Its labels as `nameOf` gives them. */
  readonly known: ReadonlySet<string>;
}

/**
 * Opens the old model for `compare`.
 * @throws AppError `field_invalid` where it has none of the labels.
 */
export async function openCompared(
  workbench: Workbench,
  model: ZooModel,
  labels: readonly string[],
): Promise<Compared> {
  const own = await labelsOf(workbench, model);
  const { id, version } = model.manifest;
  const name = `${id}@${version}`;
  const known = new Set(own.map(nameOf));
  if (labels.every((label) => !known.has(nameOf(label)))) {
    const shown = own.slice(0, 5).map((label) => JSON.stringify(label));
    throw new AppError(
      "field_invalid",
      `${name} has none of the labels ${labels.map((label) => JSON.stringify(label)).join(", ")}; it has ${shown.join(", ")}${own.length > shown.length ? " and others" : ""}. Compare with a model that tells the same things apart.`,
    );
  }
  return { name, model, known };
}

/** Asks both models about each photo. */
export async function compare(
  workbench: Workbench,
  fresh: ZooModel,
  { name, model, known }: Compared,
  photos: readonly AlbumPhoto[],
  lanes: Lanes,
): Promise<Comparison> {
  const isRight = async (asked: ZooModel, { label }: AlbumPhoto, bytes: Uint8Array) =>
    nameOf((await workbench.classify(asked, bytes)).label) === nameOf(label);
  const both = photos.filter(({ label }) => known.has(nameOf(label)));
  const answers = await inLanes(both, lanes, async (photo) => {
    const bytes = await photo.read();
    return { fresh: await isRight(fresh, photo, bytes), old: await isRight(model, photo, bytes) };
  });
  const count = (wanted: { readonly fresh: boolean; readonly old: boolean }) =>
    answers.filter((answer) => answer.fresh === wanted.fresh && answer.old === wanted.old).length;
  const others = photos.filter((photo) => !both.includes(photo)).map(({ label }) => label);
  const unknown = [...new Set(others)].sort().map((label) => ({
    label,
    photos: others.filter((other) => other === label).length,
  }));
  const [onlyNew, onlyOld] = [count({ fresh: true, old: false }), count({ fresh: false, old: true })];
  const counts = {
    old: name,
    photos: both.length,
    both: count({ fresh: true, old: true }),
    only_new: onlyNew,
    only_old: onlyOld,
    neither: count({ fresh: false, old: false }),
    p: mcnemar(onlyNew, onlyOld),
    unknown,
  };
  return { ...counts, words: inWords(counts) };
}

/**
 * The exact test of McNemar, two-sided: how likely it is that of the photos which one model alone is right for so few, or
 * fewer, are the same one's, where each has them with probability 1/2 (Q. McNemar, Note on the sampling error of the difference
 * between correlated proportions or percentages, Psychometrika 12, 1947; exact by the binomial distribution as in
 * A. Agresti, Categorical Data Analysis, 3rd edition, 2013, section 11.1).
 */
export function mcnemar(one: number, other: number): number {
  const n = one + other;
  // The logarithm of n over k, from k = 0 on: for thousands of photos the terms themselves leave the range of numbers.
  let term = -n * Math.LN2;
  let sum = 0;
  for (let k = 0; k <= Math.min(one, other); k += 1) {
    sum += Math.exp(term);
    term += Math.log(n - k) - Math.log(k + 1);
  }
  return Math.min(1, 2 * sum);
}

function inWords({ old, photos, both, only_new: onlyNew, only_old: onlyOld, p, unknown }: Omit<Comparison, "words">) {
  const found = `Of ${counted(photos, "photo")} set aside, of classes that both know, the new model is right for ${share((both + onlyNew) / photos)} and ${old} for ${share((both + onlyOld) / photos)}: ${onlyNew} the new one alone, ${onlyOld} the old one alone.`;
  const better = onlyNew > onlyOld ? "The new one is better" : "The old one is better";
  const chance = `were both as good, chance alone would make such a difference, or a larger one, ${p < 0.001 ? "less than once in 1000 times" : `${share(p)} of the time`} (McNemar's exact test, p = ${p.toPrecision(2)})`;
  const judged =
    onlyNew === onlyOld
      ? "Neither is better on these."
      : p < SIGNIFICANT
        ? `${better}: ${chance}.`
        : `Which one is better cannot be told from so few: ${chance}.`;
  const missing = unknown.map(({ label, photos: n }) => `${JSON.stringify(label)} (${n})`).join(", ");
  const rest = unknown.length === 0 ? "" : ` Left out are photos of what ${old} has no label for: ${missing}.`;
  return `${found} ${judged} The old one may have been trained on some of these photos; that would speak for it.${rest}`;
}
