/** The folder of a model that was taught: measured, calibrated, with answers that it must go on giving. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Calibration, Finding, Manifest } from "../generated/contract.js";
import { flushFolder, writeDurably } from "../models/durable-file.js";
import { MANIFEST_FILE } from "../models/file-zoo.js";
import { openModel, writeGolden } from "../zoo/answers.js";
import { calibrate, openUncalibrated } from "../zoo/calibrate.js";
import { writeCalibration } from "../zoo/calibration-card.js";
import { CARD_FILE } from "../zoo/card.js";
import { draftModel, SCHEMA_FILE, type Statement, writeDraft } from "../zoo/draft.js";
import { judgeModel } from "../zoo/judge.js";
import { differences } from "../zoo/settings.js";
import type { Workbench } from "../zoo/workbench.js";
import type { Album, AlbumPhoto } from "./album.js";
import type { Base } from "./base.js";
import { writtenCard } from "./card.js";
import type { Lanes } from "./lanes.js";
import type { Head } from "./training.js";

/** Photos of each class whose answers are kept, and of all. */
const GOLDEN_OF_CLASS = 2;
const GOLDEN_MAX = 20;
const SAMPLES_FOLDER = "samples";
const UNSURE_BELOW = 0.5;

export interface ModelParts {
  readonly statement: Statement;
  readonly base: Base;
  readonly licenceText: Uint8Array;
  readonly album: Album;
  readonly head: Head;
  readonly data: string;
  readonly seed: number;
}

export interface WrittenModel {
  /** The features' graph with the class layer, as the manifest in the folder says. */
  readonly manifest: Manifest;
  readonly calibration: Calibration;
  readonly findings: readonly Finding[];
  readonly untold: readonly string[];
}

/** Writes the folder `entry` of `dir`, which is of this run alone, and judges it as `menagerie check` does. */
export async function writeModel(
  workbench: Workbench,
  dir: string,
  entry: string,
  parts: ModelParts,
  lanes: Lanes,
): Promise<WrittenModel> {
  const { statement, base, album, head, data, seed } = parts;
  const folder = join(dir, entry);
  const graph = base.withHead(head.weights, head.biases);
  const labels = Buffer.from(album.labels.map((label) => `${label}\n`).join(""));
  const drafted = await draftModel(statement, { ending: ".pb", bytes: graph }, { ending: ".txt", bytes: labels });
  const { report } = head;
  const manifest: Manifest = {
    ...drafted.manifest,
    input: base.input,
    features: { tensor: "features", size: base.found.size },
    accuracy: { top1: report.right / report.held_out, photos: report.held_out, split: "held out", data },
  };
  const untold = differences(manifest, drafted.spec).map(({ field }) => field);
  const draft = { ...drafted, manifest, unsure: [] };
  await writeDraft(dir, entry, draft, parts.licenceText, new Map());
  const card = join(folder, CARD_FILE);
  const text = writtenCard(await readFile(card, "utf8"), { base, album, report, data, seed, untold });
  await writeDurably(card, text);

  const heldOut = album.photos.filter((_, place) => album.heldOut[place] === 1);
  const about = {
    data: `${data}, held out`,
    date: new Date().toISOString().slice(0, "YYYY-MM-DD".length),
    unsure_below: UNSURE_BELOW,
  };
  let done = 0;
  const step = () => {
    lanes.signal.throwIfAborted();
    done += 1;
    lanes.told(done / heldOut.length);
  };
  const uncalibrated = await openUncalibrated(folder);
  const calibration = await calibrate(workbench, uncalibrated, heldOut, { about, lanes: lanes.count, step });
  await writeCalibration(folder, calibration);
  await keepAnswers(workbench, folder, goldenOf(heldOut));
  const place = { id: statement.id, version: null, entry };
  const { findings } = await judgeModel(dir, place, workbench);
  return { manifest: JSON.parse(await readFile(join(folder, MANIFEST_FILE), "utf8")), calibration, findings, untold };
}

/** Puts a written folder where it is served from. */
export async function moveModel(work: string, entry: string, dir: string, folder: string): Promise<void> {
  await rename(join(work, SCHEMA_FILE), join(dir, SCHEMA_FILE));
  await mkdir(join(dir, folder, ".."), { recursive: true });
  await rename(join(work, entry), join(dir, folder));
  await flushFolder(dir);
}

function goldenOf(photos: readonly AlbumPhoto[]): AlbumPhoto[] {
  const counts = new Map<string, number>();
  const isWanted = ({ label }: AlbumPhoto) => {
    const count = (counts.get(label) ?? 0) + 1;
    counts.set(label, count);
    return count <= GOLDEN_OF_CLASS;
  };
  return photos.filter(isWanted).slice(0, GOLDEN_MAX);
}

async function keepAnswers(workbench: Workbench, folder: string, photos: readonly AlbumPhoto[]): Promise<void> {
  const model = await openModel(folder);
  const cases = [];
  await mkdir(join(folder, SAMPLES_FOLDER), { recursive: true });
  for (const [place, { path, read }] of photos.entries()) {
    const bytes = await read();
    // Names of photos may be the same in several folders, and say whose they are.
    const image = `${SAMPLES_FOLDER}/${place + 1}${extname(path).toLowerCase()}`;
    await writeFile(join(folder, image), bytes);
    cases.push({ image, answer: await workbench.classify(model, bytes) });
  }
  await writeGolden(folder, cases);
}
