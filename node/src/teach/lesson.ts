/** What a run does in its process: the one place where a job becomes a call of `teach`. */
import { readFile, rm } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { AppError } from "../errors.js";
import type { TaughtModel } from "../generated/api.js";
import { asStorageProblem, writeDurably } from "../models/durable-file.js";
import { openModel } from "../zoo/answers.js";
import type { LabelledPhoto } from "../zoo/calibrate.js";
import type { Workbench } from "../zoo/workbench.js";
import { photosOfFeedback, type ToldAnswer } from "./feedback-photos.js";
import { photosOfOthers } from "./other.js";
import { RUN_PLACES, type RunOrder, type RunPhoto } from "./run.js";
import { forgetOwner, type TeachOptions, teach } from "./teach.js";
import { zipFolder } from "./zip-folder.js";

/** Endings that may be those of a file's name here. */
const ENDING = /^\.[a-z0-9]{1,8}$/i;

/** What photos come from beside those of the job. */
export interface LessonSources {
  /** Where other models are. */
  readonly modelsDir: string;
  /** What is remembered of answers; null where nothing is. */
  readonly feedback: {
    exported(model: { readonly id: string; readonly version: null }): AsyncIterable<ToldAnswer>;
    image(sha256: string): Promise<Uint8Array | null>;
  } | null;
}

/** Teaches, and leaves the model, its archive and what came of it in the job's folder; the last one says that all are there. */
export async function runLesson(
  workbench: Workbench,
  order: RunOrder,
  { modelsDir, feedback }: LessonSources,
  { lanes, signal, told, remark }: Pick<TeachOptions, "lanes" | "signal" | "told" | "remark">,
): Promise<void> {
  const { dir, photos, statement, data, mirror, seed, fromFeedback } = order;
  const baseFolder = join(dir, RUN_PLACES.base);
  const models = join(dir, RUN_PLACES.models);
  try {
    await rm(join(models, statement.id), { recursive: true, force: true });
    await forgetOwner(models, statement.id);
    const own: LabelledPhoto[] = inOrder(photos).map((photo) => ({
      ...{ path: pathOf(photo), label: photo.label },
      read: () => readKept(photo.file),
    }));
    if (fromFeedback !== null && feedback === null) remark(`Nothing is remembered of answers of ${fromFeedback}.`);
    if (fromFeedback !== null && feedback !== null) {
      const answers = feedback.exported({ id: fromFeedback, version: null });
      const countMax = order.photosMax - own.length;
      const corrected = await photosOfFeedback(answers, feedback, fromFeedback, own, countMax);
      for (const sentence of corrected.remarks) remark(sentence);
      own.push(...corrected.photos);
    }
    const labels = [...new Set(own.map(({ label }) => label))].sort();
    const lesson = await teach(workbench, {
      dir: models,
      base: await openModel(baseFolder),
      compare: order.compare ? await openModel(join(dir, RUN_PLACES.compare)) : null,
      baseFolder,
      photos: [...own, ...(order.other ? await photosOfOthers(modelsDir, labels) : [])],
      statement: {
        id: statement.id,
        version: "1",
        title: statement.title ?? statement.id,
        description: statement.description ?? `Tells ${labels.join(", ")} apart.`,
      },
      ...{ data, features: null, mirror, seed, lanes, signal, told, remark },
    });
    const archive = await zipFolder(join(models, lesson.folder), statement.id);
    await writeDurably(join(dir, RUN_PLACES.zip), archive);
    const { report, calibration, features, findings, untold } = lesson;
    const names = new Map(photos.map(({ sha256, name }) => [sha256, name]));
    const wrong = lesson.wrong.map(({ path, sha256, label, answered, probability }) => ({
      ...{ sha256, name: names.get(sha256) ?? basename(path), label, answered, probability },
    }));
    const { tensor, size, evidence } = features;
    const taught: TaughtModel = {
      labels: calibration.classes.map(({ label }) => label),
      ...{ bytes: archive.length, report, calibration, wrong },
      features: { tensor, size, evidence: [...evidence] },
      findings: [...findings],
      untold: [...untold],
      ...(lesson.other !== null && { other: lesson.other }),
      ...(lesson.comparison !== null && { comparison: lesson.comparison }),
    };
    await writeDurably(join(dir, RUN_PLACES.lesson), JSON.stringify(taught));
  } catch (error) {
    throw asStorageProblem(error, "jobs", "TEACH_DIR");
  }
}

/** Whoever has it taught is not told where. */
async function readKept(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new AppError("image_missing", "The service cannot read its file any more; send it again.", { cause });
  }
}

/** As a folder has them, whatever order they came in: another one would set others aside, and train to other weights. */
function inOrder(photos: readonly RunPhoto[]): RunPhoto[] {
  const keyOf = ({ label, name, sha256 }: RunPhoto) => [label, name, sha256].join("\n");
  return photos
    .map((photo) => ({ photo, key: keyOf(photo) }))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1))
    .map(({ photo }) => photo);
}

/** As sentences name a photo; its ending becomes that of a file. */
function pathOf({ name, sha256 }: RunPhoto): string {
  return ENDING.test(extname(name)) || extname(name) === "" ? name : `${name} (${sha256.slice(0, 8)})`;
}
