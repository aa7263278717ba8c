/** Photos of which somebody said what they show, as the folders that `calibrate` reads. */

import { appendFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.js";
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import { openWorkbench } from "../service/workbench.js";
import { openModel } from "../zoo/answers.js";
import { labelsOf } from "../zoo/calibrate.js";
import { findModel } from "../zoo/find-models.js";

/** What is needed of an answer. */
interface LabelledAnswer {
  readonly image_sha256: string | null;
  readonly image_format: string;
  readonly truth: string | null;
  /** Milliseconds since 1970. */
  readonly truth_at: number | null;
}

/** A folder's name has no other characters: what was said is a client's. */
const NO_NAME = /[^\p{L}\p{M}\p{N} ,.'()_-]|^\./gu;
const NAME_CHARACTERS_MAX = 60;
const LABELLED = "labelled";
const OTHER = "other";

/** The labels of a model of the zoo; null for a model that is none, whose photos are all taken. */
export async function knownLabels(config: Config, model: string): Promise<ReadonlySet<string> | null> {
  const found = await findModel(config.modelsDir, model).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "model_unknown") return null;
    throw error;
  });
  if (found === null) return null;
  const workbench = await openWorkbench(config);
  try {
    return new Set(await labelsOf(workbench, await openModel(join(config.modelsDir, found.entry))));
  } finally {
    await workbench.close();
  }
}

/**
 * Writes each kept photo once, under what was said of it last: `labelled/LABEL` for a label of the model, with the same as a
 * table in `labelled.csv`, `other/WORDS` for anything else. Resolves with what was written, in words.
 * @throws AppError `field_invalid` for a folder that is not empty.
 */
export async function exportImages(
  answers: AsyncIterable<LabelledAnswer>,
  images: { image(sha256: string): Promise<Uint8Array | null> },
  dir: string,
  labels: ReadonlySet<string> | null,
): Promise<string> {
  await mkdir(dir, { recursive: true });
  if ((await readdir(dir)).length > 0) throw new AppError("field_invalid", `${dir} is not empty; name another folder.`);
  const photos = new Map<string, { readonly format: string; readonly truth: string; readonly at: number }>();
  let imagelessCount = 0;
  for await (const { image_sha256, image_format, truth, truth_at } of answers) {
    const at = truth_at ?? 0;
    if (image_sha256 === null || truth === null) imagelessCount += 1;
    else if (at >= (photos.get(image_sha256)?.at ?? 0)) photos.set(image_sha256, { format: image_format, truth, at });
  }
  const counts = { [LABELLED]: 0, [OTHER]: 0 };
  await writeFile(join(dir, `${LABELLED}.csv`), "path,label\r\n");
  for (const [sha256, { format, truth }] of photos) {
    const bytes = await images.image(sha256);
    if (bytes === null) continue;
    const kind = labels === null || labels.has(truth) ? LABELLED : OTHER;
    const folder = join(kind, truth.replace(NO_NAME, "_").slice(0, NAME_CHARACTERS_MAX).trim() || "_");
    await mkdir(join(dir, folder), { recursive: true });
    const path = join(folder, `${sha256}.${format}`);
    await writeFile(join(dir, path), bytes);
    if (kind === LABELLED) await appendFile(join(dir, `${LABELLED}.csv`), `${quoted(path)},${quoted(truth)}\r\n`);
    counts[kind] += 1;
  }
  const lines = [
    `${join(dir, LABELLED)}: ${counted(counts[LABELLED], "photo")} by what they show; ${join(dir, `${LABELLED}.csv`)} names them`,
    ...(counts[OTHER] > 0
      ? [`${join(dir, OTHER)}: ${counted(counts[OTHER], "photo")} of what the model has no label for`]
      : []),
    ...(imagelessCount > 0 ? [`of ${counted(imagelessCount, "answer")} no photo is kept (KEEP_IMAGES)`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
