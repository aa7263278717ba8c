/** The class of everything that is none of the others. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../errors.js";
import { nameOf } from "../label-name.js";
import { placesIn } from "../models/file-zoo.js";
import { GOLDEN_FILE } from "../models/file-zoo-model.js";
import { sizeOf } from "../models/folder-blobs.js";
import type { LabelledPhoto } from "../zoo/calibrate.js";
import { parseGolden } from "../zoo/golden.js";
import { PHOTOS_OF_CLASS_MIN } from "./given.js";

/** What it is called. */
export const OTHER_LABEL = "other";

/**
 * The sample photos of the models in `dir`, but for those that show one of `labels`; each is called by its place below `dir`.
 * @throws AppError `field_invalid` where there are too few.
 */
export async function photosOfOthers(dir: string, labels: readonly string[]): Promise<LabelledPhoto[]> {
  const taught = new Set(labels.map(nameOf));
  const paths = new Map<string, string>();
  for (const { entry } of await placesIn(dir)) {
    const folder = join(dir, entry);
    const golden = await readFile(join(folder, GOLDEN_FILE), "utf8").then(parseGolden, () => null);
    for (const { image, top } of golden?.cases ?? []) {
      const path = join(folder, image);
      if (!taught.has(nameOf(top[0]?.label ?? "")) && (await sizeOf(path)) !== null)
        paths.set(path, join(entry, image));
    }
  }
  if (paths.size < PHOTOS_OF_CLASS_MIN)
    throw new AppError(
      "field_invalid",
      `The models here have ${paths.size} sample photos of other things, and the class ${OTHER_LABEL} needs at least ${PHOTOS_OF_CLASS_MIN}; give photos of other things yourself, under the label ${OTHER_LABEL} or by --other DIR of the command.`,
    );
  // Whoever asks a service is not told where its models lie.
  return [...paths].sort().map(([file, path]) => ({ path, label: OTHER_LABEL, read: () => readFile(file) }));
}
