/** Reading `manifest.json`. What it holds, and what each field must be, is said by native/contract. */
import { type Confidence, MANIFEST_SCHEMA, type Manifest, type SpecOverrides } from "../generated/contract.js";
import { loadWasm } from "../wasm-module.js";

const NO_OVERRIDES: SpecOverrides = {};
/** Of manifests that were read: requests ask for them again and again. */
const readings = new WeakMap<Manifest, Reading>();

interface Reading {
  /** One text for each field that is wrong. */
  readonly complaints?: readonly string[];
  readonly manifest: Manifest;
  /** What it fixes, for the resolver. */
  readonly overrides: SpecOverrides;
  /** How its probabilities are put in words; null where it says nothing of that. */
  readonly confidence: Confidence | null;
}

/**
 * Reads a manifest; what a request says, where it is given, goes before it.
 * @throws Error whose message names every field that is wrong.
 */
export function parseManifest(json: unknown, overrides = NO_OVERRIDES): Manifest {
  const reading = read(json, overrides);
  readings.set(reading.manifest, reading);
  return reading.manifest;
}

/** Reads a list of manifests: `{"schema", "models"}`. @throws Error, as `parseManifest`. */
export function parseManifests(json: unknown): Manifest[] {
  if (!isList(json)) throw new Error(`it must be an object with schema ${MANIFEST_SCHEMA} and a list of models`);
  return json.models.map((manifest) => parseManifest(manifest));
}

/** What a manifest fixes, for the resolver; the label offset goes with the labels. */
export function manifestOverrides(manifest: Manifest): SpecOverrides {
  return readingOf(manifest).overrides;
}

/** How a manifest says that probabilities are put in words; null where it says nothing of that. */
export function manifestConfidence(manifest: Manifest): Confidence | null {
  return readingOf(manifest).confidence;
}

/** What a client may say of a model that it registers: any part of a manifest, so that a whole one can be sent too. */
export type ManifestPart = Partial<Omit<Manifest, "graph" | "labels">> & {
  readonly graph?: { readonly sha256?: string | null };
  readonly labels?: { readonly sha256?: string | null; readonly offset?: number };
};

/** Reads a part of a manifest. @throws Error, as `parseManifest`. */
export function parsePart(json: unknown): ManifestPart {
  const complaints = JSON.parse(loadWasm().complaintsOfPart(JSON.stringify(json))) as readonly string[];
  if (complaints.length > 0) throw new Error(complaints.join("; "));
  return json as ManifestPart;
}

function readingOf(manifest: Manifest): Reading {
  return readings.get(manifest) ?? read(manifest, NO_OVERRIDES);
}

function read(json: unknown, overrides: SpecOverrides): Reading {
  const reading = JSON.parse(loadWasm().readManifest(JSON.stringify(json), JSON.stringify(overrides))) as Reading;
  if (reading.complaints !== undefined) throw new Error(reading.complaints.join("; "));
  return reading;
}

function isList(json: unknown): json is { readonly models: readonly unknown[] } {
  const { schema, models } = Object(json) as { schema?: unknown; models?: unknown };
  return schema === MANIFEST_SCHEMA && Array.isArray(models);
}
