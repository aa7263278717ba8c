/** The folder of a model that was taught: measured, calibrated, with answers that it must go on giving. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Comparison } from "../generated/api.js";
import type { Calibration, Finding, Manifest, ModelSpec } from "../generated/contract.js";
import { flushFolder, writeDurably } from "../models/durable-file.js";
import { MANIFEST_FILE } from "../models/file-zoo.js";
import type { FileZooModel } from "../models/file-zoo-model.js";
import { loadWasm } from "../wasm-module.js";
import { openModel, writeGolden } from "../zoo/answers.js";
import { calibrate, openUncalibrated } from "../zoo/calibrate.js";
import { writeCalibration } from "../zoo/calibration-card.js";
import { CARD_FILE, cell, withSection } from "../zoo/card.js";
import { draftModel, SCHEMA_FILE, type Statement, writeDraft } from "../zoo/draft.js";
import { judgeModel } from "../zoo/judge.js";
import { differences } from "../zoo/settings.js";
import type { Workbench } from "../zoo/workbench.js";
import type { Album, AlbumPhoto } from "./album.js";
import type { Base } from "./base.js";
import { writtenCard } from "./card.js";
import { type Compared, compare } from "./comparison.js";
import type { Lanes } from "./lanes.js";
import { refusing } from "./refusing.js";
import type { Head } from "./training.js";

/** Photos of each class whose answers are kept, and of all. */
const GOLDEN_OF_CLASS = 2;
const GOLDEN_MAX = 20;
const SAMPLES_FOLDER = "samples";
const UNSURE_BELOW = 0.5;
/** The card's section of what an older model answers. */
const COMPARED = "Beside another model";

export interface ModelParts {
  readonly statement: Statement;
  readonly base: Base;
  readonly licenceText: Uint8Array;
  readonly album: Album;
  readonly head: Head;
  readonly data: string;
  readonly seed: number;
  readonly compared: Compared | null;
}

export interface WrittenModel {
  /** The features' graph with the class layer, as the manifest in the folder says. */
  readonly manifest: Manifest;
  readonly calibration: Calibration;
  readonly findings: readonly Finding[];
  readonly untold: readonly string[];
  readonly comparison: Comparison | null;
}

/** Writes the folder `entry` of `dir`, which is of this run alone, and judges it as `menagerie check` does. */
export async function writeModel(
  workbench: Workbench,
  dir: string,
  entry: string,
  parts: ModelParts,
  lanes: Lanes,
): Promise<WrittenModel> {
  const { statement, base, album, head, data, seed, compared } = parts;
  const folder = join(dir, entry);
  const graph = base.withHead(head);
  const labels = Buffer.from(refusing(() => loadWasm().labelFile(JSON.stringify(album.labels))));
  const drafted = await draftModel(statement, { ending: ".pb", bytes: graph }, { ending: ".txt", bytes: labels });
  const { report } = head;
  const manifest: Manifest = {
    ...drafted.manifest,
    input: inputOf(base.input, drafted.spec.input),
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
  const passes = compared === null ? 1 : 2;
  let done = 0;
  const step = () => {
    lanes.signal.throwIfAborted();
    done += 1;
    lanes.told(done / heldOut.length / passes);
  };
  const uncalibrated = await openUncalibrated(folder);
  const calibration = await calibrate(workbench, uncalibrated, heldOut, { about, lanes: lanes.count, step });
  await writeCalibration(folder, calibration);
  const fresh = await openModel(folder);
  await keepAnswers(workbench, folder, fresh, goldenOf(heldOut));
  let comparison: Comparison | null = null;
  if (compared !== null) {
    const told = (share: number) => lanes.told((1 + share) / passes);
    comparison = await compare(workbench, fresh, compared, heldOut, { ...lanes, told });
    const calibrated = await readFile(card, "utf8");
    await writeDurably(card, withSection(calibrated, COMPARED, cell(comparison.words), "Accuracy"));
  }
  const place = { id: statement.id, version: null, entry };
  const { findings } = await judgeModel(dir, place, workbench);
  return {
    manifest: JSON.parse(await readFile(join(folder, MANIFEST_FILE), "utf8")),
    calibration,
    findings,
    untold,
    comparison,
  };
}

/** Of the new graph: where it has the scaling inside, it takes bytes in the order that it says. */
function inputOf(base: Manifest["input"], { dtype, mean, std, channel_order }: ModelSpec["input"]): Manifest["input"] {
  return dtype === base.dtype ? base : { ...base, dtype, mean, std, channel_order };
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

async function keepAnswers(
  workbench: Workbench,
  folder: string,
  model: FileZooModel,
  photos: readonly AlbumPhoto[],
): Promise<void> {
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
