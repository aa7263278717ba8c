/** Photos of which somebody said what they show, from what a service remembers of its answers. */
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { LabelledPhoto } from "../zoo/calibrate.js";
import { PHOTOS_OF_CLASS_MIN } from "./given.js";

/** What is needed of an answer. */
export interface ToldAnswer {
  readonly image_sha256: string | null;
  readonly truth: string | null;
  /** Milliseconds since 1970. */
  readonly truth_at: number | null;
}

export interface Told {
  readonly photos: readonly LabelledPhoto[];
  /** What is missing, a sentence each. */
  readonly remarks: readonly string[];
}

const KEEPING = "A service keeps the photos that it is asked about from then on where KEEP_IMAGES=1 is set.";

/**
 * Each kept photo once, under what was said of it last; of more than `countMax` those of which that was said last. A class that
 * has too few of them, and none of `others`, is left out: what askers say may be any words.
 * @throws AppError `field_invalid` where no photo is left.
 */
export async function photosOfFeedback(
  answers: AsyncIterable<ToldAnswer>,
  images: { image(sha256: string): Promise<Uint8Array | null> },
  model: string,
  others: readonly LabelledPhoto[],
  countMax = Number.POSITIVE_INFINITY,
): Promise<Told> {
  const said = new Map<string, { readonly label: string; readonly at: number }>();
  let withoutPhoto = 0;
  for await (const { image_sha256, truth, truth_at } of answers) {
    const at = truth_at ?? 0;
    if (truth === null) continue;
    if (image_sha256 === null) withoutPhoto += 1;
    else if (at >= (said.get(image_sha256)?.at ?? 0)) said.set(image_sha256, { label: truth.trim(), at });
  }
  const remarks: string[] = [];
  if (withoutPhoto > 0)
    remarks.push(
      `Of ${counted(withoutPhoto, "answer")} of ${model} it is known what was right, and no photo is kept. ${KEEPING}`,
    );
  const surplus = said.size - countMax;
  if (surplus > 0) {
    const byAge = [...said].toSorted(([a, one], [b, other]) => one.at - other.at || (a < b ? -1 : 1));
    for (const [sha256] of byAge.slice(0, surplus)) said.delete(sha256);
    remarks.push(
      `${counted(surplus, "photo")} of answers of ${model} ${surplus === 1 ? "is" : "are"} left out, of which it was said first what is right: a job has so many photos at most (TEACH_PHOTOS_MAX).`,
    );
  }
  const counts = new Map<string, number>();
  for (const { label } of [...others, ...said.values()]) counts.set(label, (counts.get(label) ?? 0) + 1);
  const isTaught = (label: string) => (counts.get(label) ?? 0) >= PHOTOS_OF_CLASS_MIN;
  const isOthers = new Set(others.map(({ label }) => label));
  const few = [...new Set([...said.values()].map(({ label }) => label))].filter(
    (label) => !isTaught(label) && !isOthers.has(label),
  );
  for (const label of few.sort())
    remarks.push(
      `${JSON.stringify(label)} is left out: feedback has ${counted(counts.get(label) ?? 0, "photo")} of it, and a class needs at least ${PHOTOS_OF_CLASS_MIN}.`,
    );
  const photos = [...said]
    .filter(([, { label }]) => !few.includes(label))
    .map(([sha256, { label }]) => ({ path: `feedback ${sha256}`, label, read: () => keptImage(images, sha256) }));
  if (photos.length === 0 && others.length === 0) {
    const nothing = `There is no photo of ${model} to be taught with: of none that is kept it is known, often enough, what is right.`;
    throw new AppError("field_invalid", [nothing, ...(remarks.length > 0 ? remarks : [KEEPING])].join(" "));
  }
  return { photos, remarks };
}

async function keptImage(
  images: { image(sha256: string): Promise<Uint8Array | null> },
  sha256: string,
): Promise<Uint8Array> {
  const bytes = await images.image(sha256);
  if (bytes === null) throw new AppError("image_unknown", "The photo is not kept any more (KEPT_IMAGES_BYTES_MAX).");
  return bytes;
}
