/**
 * Photos to a model: a new class layer on the features of a base, measured, calibrated, in a folder that is whole or not there.
 * Whoever calls it says where; doors only parse and show.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isSystemError } from "../errors.js";
import type { Comparison } from "../generated/api.js";
import type { Calibration, Finding, Manifest, TeachReport } from "../generated/contract.js";
import type { FileZooModel } from "../models/file-zoo-model.js";
import { folderBlobs } from "../models/folder-blobs.js";
import type { Stage } from "../teach-jobs.js";
import type { LabelledPhoto } from "../zoo/calibrate.js";
import { folderFor, type Statement } from "../zoo/draft.js";
import { LICENCE_FILE } from "../zoo/judge.js";
import type { Workbench } from "../zoo/workbench.js";
import { type AlbumPhoto, openAlbum } from "./album.js";
import { type Base, type FeaturesFound, openBase } from "./base.js";
import { openCompared } from "./comparison.js";
import { checkFeaturesFit, computeFeatures } from "./features.js";
import { labelsOfGiven } from "./given.js";
import { OTHER_LABEL } from "./other.js";
import { trainHead } from "./training.js";
import { moveModel, writeModel } from "./write-model.js";

export interface TeachOptions {
  /** The folder of models that the new one is put into. */
  readonly dir: string;
  /** What is said of the new model; its licence is the base's. */
  readonly statement: Omit<Statement, "licence">;
  readonly base: FileZooModel;
  /** The folder of the base. */
  readonly baseFolder: string;
  readonly photos: readonly LabelledPhoto[];
  /** What the photos are called. */
  readonly data: string;
  /** The tensor of the features; null where it is to be found. */
  readonly features: string | null;
  /** Whether mirror images are trained on too: not where left and right differ, as in letters. */
  readonly mirror: boolean;
  /** A model that answers the same photos that were set aside. */
  readonly compare?: FileZooModel | null;
  /** A whole number from 0 to 2³² - 1; another one sets other photos aside. */
  readonly seed: number;
  /** Photos that are worked on at once. */
  readonly lanes: number;
  readonly signal: AbortSignal;
  /** Hears how far each stage is: shares from 0 to 1. */
  readonly told: (stage: Stage, share: number) => void;
  /** Hears what is odd, a sentence each; what it hears before the stage `features` is of the photos. */
  readonly remark: (sentence: string) => void;
}

export interface Lesson {
  /** The folder, below `dir`. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly report: TeachReport;
  readonly calibration: Calibration;
  readonly features: FeaturesFound;
  /** Those photos that `report.wrong` names. */
  readonly wrong: readonly {
    readonly path: string;
    readonly sha256: string;
    readonly label: string;
    readonly answered: string;
    readonly probability: number;
  }[];
  /** What `menagerie check` says of it. */
  readonly findings: readonly Finding[];
  /** Settings that the graph alone does not tell. */
  readonly untold: readonly string[];
  /** Null where there was nothing to compare with. */
  readonly comparison: Comparison | null;
  /** Of the class `other`: photos that were set aside, and those of them that it was answered for. Null where there is none. */
  readonly other: { readonly n: number; readonly right: number } | null;
}

/** Of the work folder, where the model is written: deeper than a zoo looks for models. */
const NEW_FOLDER = "new";
const MODEL_FOLDER = "model";
/** Names the process that works in it. */
const OWNER_FILE = "owner";

/**
 * Teaches a model. What was computed of photos stays beside the models until it is done: a call with the same id that was
 * ended goes on. Rejects with the signal's reason.
 * What can be refused before a photo is read is refused then.
 * @throws AppError `field_invalid` for too few photos or classes, `labels_invalid`, `model_exists`, and whatever the base is
 *   refused with.
 */
export async function teach(workbench: Workbench, options: TeachOptions): Promise<Lesson> {
  const { dir, photos, data, seed, signal, remark } = options;
  const statement = { ...options.statement, licence: options.base.manifest.licence };
  const lanes = (stage: Stage) => ({
    count: options.lanes,
    signal,
    told: (share: number) => options.told(stage, share),
  });
  const folder = await folderFor(dir, statement);
  const labels = labelsOfGiven(photos);
  const found = await openBase(workbench, options.base, options.features);
  const base: Base = options.mirror ? found : { ...found, mirrored: null };
  checkFeaturesFit(base, photos.length);
  const compared = options.compare ? await openCompared(workbench, options.compare, labels) : null;
  const album = await openAlbum(workbench, photos, labels, options, remark, lanes("photos"));
  const licenceText = await licenceOf(options, remark);
  const work = workFolder(dir, statement.id);
  await mkdir(work, { recursive: true });
  await claim(work, statement.id);
  const rows = await computeFeatures(workbench, base, album, work, lanes("features"));
  const { classes, heldOut, groups } = album;
  const head = await trainHead(
    { features: rows, size: base.found.size, classes, classCount: labels.length, heldOut, groups, seed },
    signal,
    lanes("training").told,
  );
  const made = join(work, NEW_FOLDER);
  await rm(made, { recursive: true, force: true });
  const parts = { statement, base, licenceText, album, head, data, seed, compared };
  const written = await writeModel(workbench, made, MODEL_FOLDER, parts, lanes("measuring"));
  signal.throwIfAborted();
  await moveModel(made, MODEL_FOLDER, dir, folder);
  await rm(work, { recursive: true, force: true });
  const { report } = head;
  const wrong = report.wrong.map(({ photo, answered, probability }) => {
    const { path, sha256, label } = album.photos[photo] as AlbumPhoto;
    return { path, sha256, label, answered: labels[answered] ?? "", probability };
  });
  const other = written.calibration.classes.find(({ label }) => label === OTHER_LABEL);
  return {
    ...{ folder, report, features: base.found, wrong },
    ...written,
    other: other === undefined ? null : { n: other.n, right: other.right },
  };
}

function workFolder(dir: string, id: string): string {
  return join(dir, `.teach-${id}`);
}

/** Says that no process works at `id` any more: for who knows better than the number of a process, which may be another one's by now. */
export async function forgetOwner(dir: string, id: string): Promise<void> {
  await rm(join(workFolder(dir, id), OWNER_FILE), { force: true });
}

/**
 * Makes this process the one that works in a folder. What a process that ended left there is taken over.
 * @throws AppError `model_exists` while another process works in it
 */
async function claim(work: string, id: string): Promise<void> {
  const file = join(work, OWNER_FILE);
  try {
    await writeFile(file, String(process.pid), { flag: "wx" });
  } catch (error) {
    if (!isSystemError(error, "EEXIST")) throw error;
    const owner = Number(await readFile(file, "utf8"));
    if (owner !== process.pid && isAlive(owner)) {
      throw new AppError("model_exists", `Process ${owner} teaches ${id} already; wait for it, or name another id.`);
    }
    await writeFile(file, String(process.pid));
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return isSystemError(error, "EPERM");
  }
}

/** The text of the base's licence, or what it is called where the base comes without. */
async function licenceOf({ base, baseFolder }: TeachOptions, remark: (sentence: string) => void): Promise<Uint8Array> {
  const text = await folderBlobs(baseFolder).get(LICENCE_FILE);
  if (text !== null) return text;
  const { id, licence } = base.manifest;
  remark(
    `The base ${id} comes without the text of its licence, ${licence}; put it into ${LICENCE_FILE} of the new model.`,
  );
  return Buffer.from(
    `Everything but the class layer is from ${id}, under ${licence}: https://spdx.org/licenses/${licence}.html\n`,
  );
}
