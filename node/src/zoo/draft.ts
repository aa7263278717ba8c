/** The folder of a model, drafted from the files that people have. */
import { mkdir, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { AppError, isSystemError } from "../errors.js";
import {
  type Evidence,
  MANIFEST_SCHEMA,
  type Manifest,
  type ModelSpec,
  type SpecOverrides,
} from "../generated/contract.js";
import { MANIFEST_JSON_SCHEMA } from "../generated/contract-schema.js";
import { writeDurably } from "../models/durable-file.js";
import { MANIFEST_FILE, placesIn } from "../models/file-zoo.js";
import { FileZooModel } from "../models/file-zoo-model.js";
import { parseManifest } from "../models/manifest.js";
import { sha256 } from "../sha256.js";
import { loadWasm } from "../wasm-module.js";
import { CARD_FILE, type Decision, draftCard, percent } from "./card.js";
import { LICENCE_FILE } from "./judge.js";
import { overrideOf, shown } from "./settings.js";

/** Detected settings that are less sure than this are left to a person: detection itself warns below it. */
const SURE_MIN = 0.75;

/** What an id and a version may be, as the manifest's schema says. */
const MANIFEST_PATTERNS = MANIFEST_JSON_SCHEMA as {
  readonly properties: Readonly<Record<"id" | "version", { readonly pattern: string }>>;
};
/** Beside the models' folders, for their `$schema`. */
export const SCHEMA_FILE = "manifest.schema.json";

/** Fields that a graph may not tell at all, with everything that they can be. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  "input.resize": ["stretch", "center-crop", "pad"],
  "input.resize_filter": ["antialias", "bilinear", "nearest"],
  "input.channel_order": ["RGB", "BGR"],
};

/** How most nets are fed: 0..255, 0..1, -1..1, with the moments of ImageNet, and as Caffe does, blue first. */
const SCALINGS: readonly { readonly mean: readonly number[]; readonly std: readonly number[] }[] = [
  { mean: [0], std: [1] },
  { mean: [0], std: [255] },
  { mean: [127.5], std: [127.5] },
  { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  { mean: [104, 117, 123], std: [1] },
];

/** What a person says of the model. */
export interface Statement {
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly description: string;
  readonly licence: string;
}

export interface GivenFile {
  /** The ending with its dot. */
  readonly ending: string;
  readonly bytes: Uint8Array;
}

/** What detection is not sure of, and what else it may be. */
export interface Unsure {
  /** Settings that are one: each says nothing without the others. */
  readonly fields: readonly string[];
  /** The detected value of each. */
  readonly value: readonly unknown[];
  /** Probability that the least sure of them is right. */
  readonly confidence: number;
  readonly because: string;
  /** What a request says to use each in place of what is detected. */
  readonly others: readonly { readonly value: readonly unknown[]; readonly overrides: SpecOverrides }[];
}

export interface Draft {
  readonly manifest: Manifest;
  readonly spec: ModelSpec;
  readonly unsure: readonly Unsure[];
  readonly graph: Uint8Array;
  readonly labels: Uint8Array | null;
}

/**
 * Reads the two files. Rejects with the problem of the graph or the labels.
 * @throws AppError `graph_op_forbidden` for operations that are not taken, `field_invalid` for a wrong id or version.
 */
export async function draftModel(statement: Statement, graph: GivenFile, labels: GivenFile | null): Promise<Draft> {
  const spec = JSON.parse(loadWasm().inspect(graph.bytes, labels?.bytes)) as ModelSpec;
  const [forbidden] = spec.verdict.forbidden;
  if (forbidden !== undefined) {
    const { op, node, reason } = forbidden;
    throw new AppError(
      "graph_op_forbidden",
      `The graph has the operation ${op} at ${node}, which is not taken: ${reason}. Export it for inference without it.`,
    );
  }
  const { input, output } = spec;
  const manifest = {
    schema: MANIFEST_SCHEMA,
    ...statement,
    graph: { file: `graph${graph.ending}`, bytes: graph.bytes.length, sha256: await sha256(graph.bytes) },
    ...(labels !== null && {
      labels: { file: `labels${labels.ending}`, sha256: await sha256(labels.bytes), offset: spec.labels?.offset ?? 0 },
    }),
    input: {
      tensor: input.tensor,
      dtype: input.dtype,
      layout: input.layout,
      width: input.width,
      height: input.height,
      channels: input.channels,
      channel_order: input.channel_order,
      mean: input.mean,
      std: input.std,
      resize: input.resize,
      ...(input.resize === "center-crop" && { crop_fraction: input.crop_fraction }),
      resize_filter: input.resize_filter,
    },
    output: { tensor: output.tensor, kind: output.kind, classes: output.classes },
  };
  return { manifest: read(manifest), spec, unsure: unsureOf(spec), graph: graph.bytes, labels: labels?.bytes ?? null };
}

function read(manifest: object): Manifest {
  try {
    return parseManifest(manifest);
  } catch (error) {
    throw new AppError("field_invalid", `${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** Settings that belong together, and each that stands alone. */
const GROUPS: readonly (readonly string[])[] = [
  ["input.mean", "input.std"],
  ["input.width", "input.height"],
  ...["input.channel_order", "input.resize", "input.resize_filter", "output.kind"].map((field) => [field]),
];

function unsureOf({ evidence, input }: ModelSpec): Unsure[] {
  return GROUPS.flatMap((fields) => {
    const entries = fields.flatMap((field) => evidence.filter((entry) => entry.field === field));
    const least = entries.toSorted((a, b) => a.confidence - b.confidence)[0];
    if (least === undefined || least.confidence >= SURE_MIN) return [];
    const value = entries.map((entry) => entry.value);
    const choices = choicesOf(fields, least, input.channels).filter((choice) => shown(choice) !== shown(value));
    const others = choices.map((choice) => ({ value: choice, overrides: overridesOf(fields, choice) }));
    return [{ fields, value, confidence: least.confidence, because: least.because, others }];
  });
}

/** Everything that settings may be. */
function choicesOf(
  fields: readonly string[],
  { alternatives }: Evidence,
  channels: number,
): readonly (readonly unknown[])[] {
  const [field = ""] = fields;
  if (field !== "input.mean")
    return (CHOICES[field] ?? alternatives.map(({ value }) => value)).map((choice) => fields.map(() => choice));
  // A scaling by channel is of three.
  const scalings = SCALINGS.filter(({ mean }) => mean.length === 1 || channels === mean.length);
  const each = (values: readonly number[]) =>
    values.length === 1 ? Array.from({ length: channels }, () => values[0]) : values;
  return scalings.map(({ mean, std }) => [each(mean), each(std)]);
}

function overridesOf(fields: readonly string[], values: readonly unknown[]): SpecOverrides {
  return Object.fromEntries(fields.map((field, index) => [overrideOf(field) ?? "", values[index]]));
}

/**
 * The folder for a model, below the zoo's: `id`, or `id/version` where the model has versions.
 * @throws AppError `model_exists`.
 */
export async function folderFor(dir: string, { id, version }: Pick<Statement, "id" | "version">): Promise<string> {
  const { properties } = MANIFEST_PATTERNS;
  if (!RegExp(properties.id.pattern).test(id)) {
    throw new AppError(
      "field_invalid",
      `id=${id}: must be lower-case letters, digits, ., _ and -, and begin with a letter or digit.`,
    );
  }
  if (!RegExp(properties.version.pattern).test(version) || /^\.+$/.test(version)) {
    throw new AppError("field_invalid", `version=${version}: it must have neither / nor @ in it.`);
  }
  const versions = (await placesIn(dir)).filter((place) => place.id === id);
  if (versions.length === 0) {
    if (id === SCHEMA_FILE || (await isTaken(join(dir, id))))
      throw new AppError(
        "model_exists",
        `Among the models stands something else that is called ${id}, or will; name another id.`,
      );
    return id;
  }
  if (versions.some((place) => place.version === null)) {
    throw new AppError(
      "model_exists",
      `${join(dir, id)} is there already. For a second version move what is in it into ${join(dir, id, "1")} first, or \`menagerie rm ${id}\`.`,
    );
  }
  if (versions.some((place) => place.version === version)) {
    throw new AppError("model_exists", `${join(dir, id, version)} is there already; name another version.`);
  }
  return join(id, version);
}

/** Whether no folder can be moved there: an empty one gives way. */
async function isTaken(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length > 0;
  } catch (error) {
    return !isSystemError(error, "ENOENT");
  }
}

/** Writes the folder. `tried` says of each unsure setting what photos say of it. Answers the names of the files. */
export async function writeDraft(
  dir: string,
  folder: string,
  draft: Draft,
  licenceText: Uint8Array | null,
  tried: ReadonlyMap<string, string>,
): Promise<string[]> {
  const { manifest, spec, unsure, graph, labels } = draft;
  const path = join(dir, folder);
  await mkdir(path, { recursive: true });
  const schema = relative(path, join(dir, SCHEMA_FILE)).replaceAll("\\", "/");
  const decisions = unsure.map(
    (one): Decision => ({ fields: one.fields, about: aboutOf(one, tried.get(nameOf(one))) }),
  );
  const files = new Map<string, Uint8Array | string>([
    [manifest.graph.file, graph],
    ...(manifest.labels === undefined || labels === null ? [] : [[manifest.labels.file, labels] as const]),
    [MANIFEST_FILE, `${JSON.stringify({ $schema: schema, ...manifest }, null, 2)}\n`],
    [CARD_FILE, draftCard(manifest, decisions, spec.evidence)],
    ...(licenceText === null ? [] : [[LICENCE_FILE, licenceText] as const]),
  ]);
  for (const [name, content] of files) await writeDurably(join(path, name), content);
  await writeDurably(join(dir, SCHEMA_FILE), `${JSON.stringify(MANIFEST_JSON_SCHEMA, null, 2)}\n`);
  return [...files.keys()];
}

/** A draft as a model that can be tried before its folder is written. */
export async function draftedModel({ manifest, graph, labels }: Draft): Promise<FileZooModel> {
  const files = new Map([
    [manifest.graph.file, graph],
    ...(manifest.labels === undefined || labels === null ? [] : [[manifest.labels.file, labels] as const]),
  ]);
  return await FileZooModel.open(manifest, {
    get: async (name) => files.get(name) ?? null,
    sizeOf: async (name) => files.get(name)?.length ?? null,
  });
}

/** What is known of unsure settings, in words. */
export function aboutOf({ value, confidence, because, others }: Unsure, tried: string | undefined): string {
  const rest = others.map((other) => inWords(other.value)).join(" or ");
  const found = `${inWords(value)}, ${percent(confidence)} sure (${because})`;
  return `${found}${rest === "" ? "" : `; else ${rest}`}${tried === undefined ? "" : `. ${tried}`}`;
}

/** The fields of unsure settings. */
export function nameOf({ fields }: Unsure): string {
  return fields.join(", ");
}

export function inWords(values: readonly unknown[]): string {
  return values.map(shown).join(" / ");
}
