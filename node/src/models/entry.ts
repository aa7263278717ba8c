/** The entry of a registered model: `<id>.json`, the manifests of its versions, and which of them is served. */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { messageOf } from "../errors.js";
import { MANIFEST_SCHEMA, type Manifest } from "../generated/contract.js";
import { type Blobs, LaterError } from "./blobs.js";
import { FileZooModel } from "./file-zoo-model.js";
import { parseManifest } from "./manifest.js";

export interface Entry {
  readonly served: string;
  readonly versions: readonly FileZooModel[];
  /** Whose part of the room each version takes, as `holderOf` says it; of those that take nobody's, nothing. */
  readonly holders: Readonly<Record<string, number>>;
  /** Whether its file can be read; otherwise its one version is a stand-in. */
  readonly readable: boolean;
}

const ENTRY_FILE = /^([a-z0-9][a-z0-9._-]*)\.json$/;

const ENTRY = z.strictObject({
  schema: z.literal(MANIFEST_SCHEMA),
  served: z.string(),
  versions: z.array(z.unknown()).min(1),
  holders: z.record(z.string(), z.int()).default({}),
});

export function entryNameOf(id: string): string {
  return `${id}.json`;
}

/** Null for what is no name of an entry. */
export function idOfEntry(name: string): string | null {
  return ENTRY_FILE.exec(name)?.[1] ?? null;
}

/** The blobs that a version names. */
export function filesOf({ graph, labels }: Manifest): string[] {
  return [graph.file, ...(labels === undefined ? [] : [labels.file])];
}

export function writeEntry({ served, versions, holders: known }: Omit<Entry, "readable">): string {
  const manifests = versions.map(({ manifest }) => manifest);
  const there = Object.entries(known).filter(([held]) => manifests.some(({ version }) => version === held));
  const holders = there.length === 0 ? {} : { holders: Object.fromEntries(there) };
  return JSON.stringify({ schema: MANIFEST_SCHEMA, served, versions: manifests, ...holders }, null, 2);
}

/** An entry that cannot be read is a model of one version that cannot be served. @throws LaterError */
export async function readEntry(id: string, blobs: Blobs): Promise<Entry> {
  try {
    const { served, manifests, holders } = await readManifests(id, blobs);
    const versions: FileZooModel[] = [];
    for (const manifest of manifests) versions.push(await FileZooModel.open(manifest, blobs, { registered: true }));
    return { served, versions, holders, readable: true };
  } catch (error) {
    if (error instanceof LaterError) throw error;
    return damagedEntry(id, blobs, error);
  }
}

export function damagedEntry(id: string, blobs: Blobs, error: unknown): Entry {
  const damage = `${entryNameOf(id)}: ${messageOf(error)}`;
  const damaged = FileZooModel.damaged({ id, version: null }, blobs, { damage, registered: true });
  return { served: damaged.manifest.version, versions: [damaged], holders: {}, readable: false };
}

/** What was read anew, with the models of before where they are the same and whole: what is loaded of them stays. */
export function keepSame({ versions, ...entry }: Entry, before: readonly FileZooModel[]): Entry {
  const isSame = (one: FileZooModel, other: FileZooModel) =>
    other.damage === null && isDeepStrictEqual(one.manifest, other.manifest);
  return { ...entry, versions: versions.map((model) => before.find((other) => isSame(model, other)) ?? model) };
}

/** @throws LaterError, and Error for an entry that cannot be read. */
export async function readManifests(
  id: string,
  blobs: Blobs,
): Promise<Pick<Entry, "served" | "holders"> & { readonly manifests: Manifest[] }> {
  const text = await blobs.get(entryNameOf(id));
  if (text === null) throw new Error("it is missing");
  const json: unknown = JSON.parse(Buffer.from(text).toString("utf8"));
  const { schema } = json as { schema?: unknown };
  if (typeof schema === "number" && schema > MANIFEST_SCHEMA) {
    const found = `${entryNameOf(id)} in ${blobs.place}`;
    throw new LaterError(
      `a later version of Menagerie wrote ${found} (schema ${schema}; this one reads ${MANIFEST_SCHEMA}); start that one, or name another REGISTERED_MODELS_DIR`,
    );
  }
  const entry = ENTRY.parse(json);
  const manifests = entry.versions.map((version) => parseManifest(version));
  const stray = manifests.find((manifest) => manifest.id !== id);
  if (stray !== undefined) throw new Error(`it names ${JSON.stringify(stray.id)}, its file another id`);
  if (!manifests.some(({ version }) => version === entry.served)) {
    throw new Error(`it serves version ${JSON.stringify(entry.served)} and does not have it`);
  }
  return { served: entry.served, manifests, holders: entry.holders };
}
