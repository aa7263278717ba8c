/** The photos that a model is taught with, from where they are. */
import type { Config } from "../config.js";
import { AppError } from "../errors.js";
import { openFeedbackStore } from "../service/feedback.js";
import { photosOfFeedback } from "../teach/feedback-photos.js";
import { OTHER_LABEL, photosOfOthers } from "../teach/other.js";
import type { LabelledPhoto } from "../zoo/calibrate.js";
import { findPhotos, readInput } from "./files.js";
import { findLabelledPhotos } from "./labelled-photos.js";

/** Where they are. */
export interface PhotoSources {
  /** A folder of folders, or a table. */
  readonly images?: string;
  /** Corrections of this model, id or id@version. */
  readonly fromFeedback?: string;
  /** A folder of what is none of the classes; true for the sample photos of the zoo. */
  readonly other?: string | true;
}

export interface FoundPhotos {
  readonly photos: readonly LabelledPhoto[];
  /** They are read until then. */
  close(): Promise<void>;
}

/** @throws AppError where there are none. */
export async function findTeachPhotos(
  config: Config,
  { images, fromFeedback, other }: PhotoSources,
  remark: (sentence: string) => void,
): Promise<FoundPhotos> {
  if (images === undefined && fromFeedback === undefined)
    throw new AppError("image_missing", "There are no photos; name --images, --from-feedback, or both.");
  const found = images === undefined ? [] : await findLabelledPhotos(images);
  const store = fromFeedback === undefined ? null : await openFeedbackStore(config);
  try {
    if (store !== null && fromFeedback !== undefined) {
      const [id = "", version = null] = fromFeedback.split("@");
      const told = await photosOfFeedback(store.exported({ id, version }), store, fromFeedback, found);
      for (const sentence of told.remarks) remark(sentence);
      found.push(...told.photos);
    }
    if (other !== undefined) found.push(...(await otherPhotos(config, other, found)));
    return { photos: found, close: async () => await store?.close() };
  } catch (error) {
    await store?.close();
    throw error;
  }
}

async function otherPhotos(config: Config, other: string | true, found: readonly LabelledPhoto[]) {
  const labels = [...new Set(found.map(({ label }) => label))];
  if (labels.includes(OTHER_LABEL))
    throw new AppError("field_invalid", `There are photos of a class ${OTHER_LABEL} already; leave --other out.`);
  if (other === true) return await photosOfOthers(config.modelsDir, labels);
  return (await findPhotos([other])).map(({ path, problem }) => {
    if (problem !== undefined) throw problem;
    return { path, label: OTHER_LABEL, read: () => readInput(path) };
  });
}
