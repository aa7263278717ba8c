/** Measures what a model's confidence is worth, on the way that the service answers. The numbers are native/contract's and wasm's. */
import { AppError } from "../errors.js";
import type { Calibration } from "../generated/contract.js";
import { manifestConfidence } from "../models/manifest.js";
import type { ZooModel } from "../ports.js";
import { loadWasm, type WasmModel } from "../wasm-module.js";
import { openModel } from "./answers.js";
import type { Workbench } from "./workbench.js";

/** Fewer cannot be halved. */
const PHOTOS_MIN = 2;

/** A photo and the label that it should be answered with. */
export interface LabelledPhoto {
  readonly path: string;
  readonly label: string;
  read(): Promise<Uint8Array>;
}

/** What is kept beside what is measured. */
export type About = Pick<Calibration, "data" | "date" | "unsure_below">;

export interface CalibrateOptions {
  readonly about: About;
  /** Photos that are worked on at once. */
  readonly lanes: number;
  /** Called after each photo. */
  readonly step: () => void;
}

/** The model in this folder as its graph answers: whatever was measured before is left out, the limits of its bands are not. */
export function openUncalibrated(folder: string): Promise<ZooModel> {
  return openModel(folder, (json) => {
    const { calibration: _, ...rest } = json as { calibration?: unknown };
    return rest;
  });
}

/**
 * Asks the model about every photo. `model` is one of `openUncalibrated`.
 * @throws AppError `field_invalid` for labels that the model has not, or twice, and where there are too few photos; whatever a
 *   photo is refused with, with its path.
 */
export async function calibrate(
  workbench: Workbench,
  model: ZooModel,
  photos: readonly LabelledPhoto[],
  { about, lanes, step }: CalibrateOptions,
): Promise<Calibration> {
  if (photos.length < PHOTOS_MIN)
    throw new AppError(
      "field_invalid",
      `There is ${photos.length} photo; at least ${PHOTOS_MIN} are needed, better hundreds.`,
    );
  const measured = await compile(workbench, model);
  try {
    const labels = JSON.parse(measured.labelsJson()) as string[];
    const truths = classesOf(photos, labels);
    const probabilities = new Float32Array(photos.length * labels.length);
    const queue = photos.entries();
    const work = async () => {
      for (const [place, photo] of queue) {
        for (const { index, probability } of await classesIn(workbench, model, photo))
          probabilities[place * labels.length + index] = probability;
        step();
      }
    };
    await Promise.all(Array.from({ length: lanes }, work));
    return JSON.parse(measured.calibrate(probabilities, truths, JSON.stringify(about))) as Calibration;
  } finally {
    measured.free();
  }
}

/** The labels of every class that a model can answer, in their order. */
export async function labelsOf(workbench: Workbench, model: ZooModel): Promise<string[]> {
  const compiled = await compile(workbench, model);
  try {
    return JSON.parse(compiled.labelsJson()) as string[];
  } finally {
    compiled.free();
  }
}

async function compile(workbench: Workbench, model: ZooModel): Promise<WasmModel> {
  const { manifest } = model;
  const [spec, labels] = await Promise.all([workbench.describe(model), model.readLabels()]);
  const confidence = manifestConfidence(manifest);
  const confidenceJson = confidence === null ? null : JSON.stringify(confidence);
  return new (loadWasm().Model)(JSON.stringify(spec), labels, manifest.labels?.offset ?? null, confidenceJson);
}

async function classesIn(workbench: Workbench, model: ZooModel, { path, read }: LabelledPhoto) {
  const photo = await read();
  try {
    return (await workbench.classify(model, photo)).top;
  } catch (error) {
    if (error instanceof AppError) throw new AppError(error.code, `${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The class of each photo. @throws AppError `field_invalid`. */
function classesOf(photos: readonly LabelledPhoto[], labels: readonly string[]): Uint32Array {
  const wanted = new Set(photos.map(({ label }) => label));
  const unknown = [...wanted].filter((label) => !labels.includes(label));
  if (unknown.length > 0) {
    const detail = `The model has no label ${unknown.map(quoted).join(", ")}; it has ${shownOf(labels)}.`;
    throw new AppError("field_invalid", detail);
  }
  const twice = [...wanted].find((label) => labels.indexOf(label) !== labels.lastIndexOf(label));
  if (twice !== undefined)
    throw new AppError(
      "field_invalid",
      `The label ${quoted(twice)} is that of several classes; give each its own name.`,
    );
  return Uint32Array.from(photos, ({ label }) => labels.indexOf(label));
}

const LABELS_SHOWN = 12;

function shownOf(labels: readonly string[]): string {
  const more = labels.length > LABELS_SHOWN ? ` and ${labels.length - LABELS_SHOWN} more` : "";
  return `${labels.slice(0, LABELS_SHOWN).map(quoted).join(", ") || "none"}${more}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
