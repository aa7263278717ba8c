/** A model's settings as its manifest declares them, beside those that are found in its graph. */
import { messageOf } from "../errors.js";
import type { Evidence, Manifest, ModelSpec, SpecOverrides } from "../generated/contract.js";
import { parsePart } from "../models/manifest.js";

/** Settings that are one: each says nothing without the others. */
const TOGETHER: readonly (readonly string[])[] = [
  ["input.mean", "input.std"],
  ["input.resize", "input.crop_fraction"],
];

/** How far two numbers may be apart to be the same, as a share of the larger: the digits that an f32 holds. */
const RELATIVE_TOLERANCE = 1e-5;

/** The names that requests have for fields, where they are others. Fields without one follow from the graph alone. */
const OVERRIDES: Readonly<Record<string, keyof SpecOverrides | null>> = {
  "input.tensor": "input_tensor",
  "input.dtype": null,
  "input.layout": "layout",
  "input.width": "width",
  "input.height": "height",
  "input.channels": null,
  "input.channel_order": "channel_order",
  "input.mean": "mean",
  "input.std": "std",
  "input.resize": "resize",
  "input.crop_fraction": "crop_fraction",
  "input.resize_filter": "resize_filter",
  "output.tensor": "output_tensor",
  "output.kind": "output_kind",
  "output.classes": null,
  "labels.offset": "label_offset",
};

/** A setting that is declared other than it is found. */
export interface Difference {
  /** The first of them where they are one. */
  readonly field: string;
  readonly declared: unknown;
  readonly found: unknown;
  /** What makes a request use what is found. */
  readonly overrides: SpecOverrides;
}

/** The name that a request has for a field of the manifest; null where it follows from the graph alone. */
export function overrideOf(field: string): keyof SpecOverrides | null {
  return OVERRIDES[field] ?? null;
}

/** The field of the manifest that a request calls `name`. */
export function fieldOf(name: string): string | undefined {
  return Object.keys(OVERRIDES).find((field) => OVERRIDES[field] === name);
}

/**
 * Settings as a request has them, judged as a manifest's are.
 * @throws Error whose message names every setting that is wrong, and what it may be.
 */
export function parseOverrides(json: object): SpecOverrides {
  const part: Record<string, Record<string, unknown>> = {};
  for (const [name, value] of Object.entries(json)) {
    const field = fieldOf(name);
    if (field === undefined) {
      const known = Object.values(OVERRIDES).filter((one) => one !== null);
      throw new Error(`${name}: there is no such setting; there are ${known.join(", ")}`);
    }
    const [room = "", inner = ""] = field.split(".");
    part[room] = { ...part[room], [inner]: value };
  }
  try {
    parsePart(part);
  } catch (error) {
    const paths = /\b(?:input|output|labels)\.\w+/g;
    throw new Error(messageOf(error).replace(paths, (path) => overrideOf(path) ?? path));
  }
  return json;
}

/** Each declared setting that `spec` has otherwise. */
export function differences(manifest: Manifest, spec: ModelSpec): Difference[] {
  const seen = new Set<string>();
  const found: Difference[] = [];
  for (const field of Object.keys(OVERRIDES)) {
    const declared = valueAt(manifest, field);
    if (declared === undefined || seen.has(field) || isSame(declared, valueAt(spec, field))) continue;
    // Without a cut, how much of it is kept says nothing.
    if (field === "input.crop_fraction" && spec.input.resize !== "center-crop") continue;
    const group = TOGETHER.find((fields) => fields.includes(field)) ?? [field];
    for (const member of group) seen.add(member);
    const overrides: Record<string, unknown> = {};
    for (const member of group) {
      const name = overrideOf(member);
      if (name !== null) overrides[name] = valueAt(spec, member);
    }
    found.push({ field, declared, found: valueAt(spec, field), overrides });
  }
  return found;
}

/** Why `spec` has a field as it has, in words. */
export function reasonOf(spec: ModelSpec, field: string): string {
  const evidence = spec.evidence.find((entry) => entry.field === field);
  return evidence === undefined ? "it is so in the graph" : surely(evidence);
}

function surely({ confidence, because }: Evidence): string {
  return `${Math.round(100 * confidence)} % sure: ${because}`;
}

/** A value of a setting, in JSON. Numbers are f32: of one that was made an f64, its own digits are shown. */
export function shown(value: unknown): string {
  const digits = (_name: string, inner: unknown) => (typeof inner === "number" ? Number(inner.toPrecision(7)) : inner);
  return JSON.stringify(value, digits) ?? "nothing";
}

function valueAt(object: object, path: string): unknown {
  const [part = "", name = ""] = path.split(".");
  const inner = (object as Record<string, unknown>)[part] as Record<string, unknown> | undefined;
  return inner?.[name];
}

function isSame(declared: unknown, found: unknown): boolean {
  if (Array.isArray(declared) && Array.isArray(found)) {
    // One value stands for all channels.
    const length = Math.max(declared.length, found.length);
    const at = (values: readonly unknown[], index: number) => (values.length === 1 ? values[0] : values[index]);
    return Array.from({ length }, (_, index) => isSame(at(declared, index), at(found, index))).every(Boolean);
  }
  if (typeof declared === "number" && typeof found === "number") {
    return Math.abs(declared - found) <= RELATIVE_TOLERANCE * Math.max(Math.abs(declared), Math.abs(found));
  }
  if (typeof declared === "string" && typeof found === "string") {
    return declared.replace(/:0$/, "") === found.replace(/:0$/, "");
  }
  return declared === found;
}
