/**
 * The zoo as a folder: `<id>/manifest.json` with graph and labels beside it, or `<id>/<version>/manifest.json` where there
 * are several versions, and `imagenet.json`, a list of manifests whose graphs are fetched on demand. A damaged entry is
 * reported and does not keep the others from being served.
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError, isSystemError, messageOf } from "../errors.js";
import { MANIFEST_SCHEMA, type Manifest, type Place } from "../generated/contract.js";
import type { ModelZoo, ZooModel } from "../ports.js";
import { sha256 } from "../sha256.js";
import { folderBlobs, sizeOf } from "./folder-blobs.js";
import { parseManifest, parseManifests } from "./manifest.js";

export const MANIFEST_FILE = "manifest.json";
/** What the model says of some photos: those are its samples too. */
export const GOLDEN_FILE = "golden.json";
/** Manifests of public models that are not kept here; their files go to `<id>/` once fetched. */
const LISTED_FILE = "imagenet.json";

/** Tells of an entry that cannot be served. */
export type ReportDamage = (entry: string, reason: string) => void;

/** `2` before `10`, as people count. */
const VERSIONS = new Intl.Collator("en", { numeric: true });

/** Reads the folder once and verifies every file that is there. A missing folder is an empty zoo. */
export async function openFileZoo(dir: string, report: ReportDamage): Promise<ModelZoo> {
  const models: FileZooModel[] = [];
  for (const place of await placesIn(dir)) {
    try {
      const manifest = await readManifest(join(dir, place.entry, MANIFEST_FILE));
      if (manifest.id !== place.id) throw new Error(`its id is ${JSON.stringify(manifest.id)}, its folder another`);
      if (manifest.version !== (place.version ?? manifest.version))
        throw new Error(`its version is ${JSON.stringify(manifest.version)}, its folder another`);
      models.push(await FileZooModel.open(manifest, folderBlobs(join(dir, place.entry))));
    } catch (error) {
      report(place.entry, messageOf(error));
    }
  }
  const known = new Set(models.map(({ manifest }) => manifest.id));
  for (const manifest of await readListed(join(dir, LISTED_FILE), report)) {
    if (!known.has(manifest.id)) models.push(await FileZooModel.open(manifest, folderBlobs(join(dir, manifest.id))));
  }
  for (const model of models) await model.verify();
  for (const model of models) if (model.damage !== null) report(model.manifest.id, model.damage);
  return new FileZoo(models);
}

/** Where a model of the zoo lies: `entry` is its folder below the zoo's. */
export interface ModelPlace extends Place {
  readonly entry: string;
}

/** The folders of the zoo that hold a manifest, by id and version. */
export async function placesIn(dir: string): Promise<ModelPlace[]> {
  const places: ModelPlace[] = [];
  for (const id of await foldersIn(dir)) {
    if ((await sizeOf(join(dir, id, MANIFEST_FILE))) !== null) {
      places.push({ id, version: null, entry: id });
      continue;
    }
    for (const version of await foldersIn(join(dir, id))) {
      const entry = join(id, version);
      if ((await sizeOf(join(dir, entry, MANIFEST_FILE))) !== null) places.push({ id, version, entry });
    }
  }
  return places.toSorted((a, b) => VERSIONS.compare(a.entry, b.entry));
}

class FileZoo implements ModelZoo {
  readonly defaultId: string | null;
  /** The versions of each model, the latest last. */
  readonly #versions = new Map<string, FileZooModel[]>();

  constructor(models: readonly FileZooModel[]) {
    for (const model of models.toSorted(byIdAndVersion)) {
      const { id } = model.manifest;
      this.#versions.set(id, [...(this.#versions.get(id) ?? []), model]);
    }
    this.defaultId = this.list().find((model) => model.manifest.default)?.manifest.id ?? null;
  }

  list(): readonly FileZooModel[] {
    return [...this.#versions.values()].map(latestOf);
  }

  find(id: string, version?: string): ZooModel | undefined {
    const versions = this.#versions.get(id);
    if (versions === undefined) return undefined;
    return version === undefined ? latestOf(versions) : versions.find(({ manifest }) => manifest.version === version);
  }

  versionsOf(id: string): readonly string[] {
    return (this.#versions.get(id) ?? []).map(({ manifest }) => manifest.version);
  }
}

function byIdAndVersion({ manifest: a }: FileZooModel, { manifest: b }: FileZooModel): number {
  return a.id.localeCompare(b.id, "en") || VERSIONS.compare(a.version, b.version);
}

/** The latest version that can be served; a damaged one never takes the place of one that can. */
function latestOf(versions: readonly FileZooModel[]): FileZooModel {
  const latest = versions.findLast(({ present, damage }) => present && damage === null) ?? versions.at(-1);
  if (latest === undefined) throw new RangeError("a model has a version");
  return latest;
}

/** Where a model's files are: a folder, or the blobs of registered models. Null stands for a file that is not there. */
export interface ModelFiles {
  get(name: string): Promise<Uint8Array | null>;
  sizeOf(name: string): Promise<number | null>;
}

/** A model whose files lie in one place, each verified whenever it is read. */
export class FileZooModel implements ZooModel {
  readonly #files: ModelFiles;
  /** Paths of the samples by their names. */
  readonly #samples: ReadonlyMap<string, string>;
  damage: string | null = null;

  private constructor(
    readonly manifest: Manifest,
    files: ModelFiles,
    readonly present: boolean,
    readonly registered: boolean,
    samples: readonly string[] = [],
  ) {
    this.#files = files;
    this.#samples = new Map(samples.map((path) => [basename(path), path]));
  }

  /** Looks whether the graph is there with its size; `verify` reads the files. */
  static async open(manifest: Manifest, files: ModelFiles, registered = false): Promise<FileZooModel> {
    const { file, bytes } = manifest.graph;
    const found = await files.sizeOf(file);
    const samples = registered ? [] : await readSamplePaths(files);
    const model = new FileZooModel(manifest, files, found !== null, registered, samples);
    if (found === null && manifest.source === undefined) model.damage = `${file} is missing`;
    if (found !== null && bytes !== null && found !== bytes)
      model.damage = `${file} has ${found} bytes instead of ${bytes}`;
    return model;
  }

  async verify(): Promise<void> {
    if (!this.present || this.damage !== null) return;
    try {
      await Promise.all([this.readGraph(), this.readLabels()]);
    } catch (error) {
      this.damage = messageOf(error);
    }
  }

  /** Stands for a registered model of which nothing but the id can be read. */
  static damaged(id: string, files: ModelFiles, damage: string): FileZooModel {
    const manifest: Manifest = {
      schema: MANIFEST_SCHEMA,
      id,
      version: "damaged",
      title: id,
      description: "",
      licence: "NOASSERTION",
      default: false,
      graph: { file: "damaged.graph", bytes: null, sha256: null },
      input: {},
      output: {},
    };
    const model = new FileZooModel(manifest, files, false, true);
    model.damage = damage;
    return model;
  }

  async readGraph(): Promise<Uint8Array> {
    const { file, bytes, sha256: expected } = this.manifest.graph;
    const graph = await this.#read(file, expected);
    if (bytes !== null && graph.length !== bytes)
      throw this.#damaged(file, `${graph.length} bytes instead of ${bytes}`);
    return graph;
  }

  async readLabels(): Promise<Uint8Array | null> {
    const { labels } = this.manifest;
    return labels === undefined ? null : await this.#read(labels.file, labels.sha256);
  }

  get samples(): readonly string[] {
    return [...this.#samples.keys()];
  }

  async readSample(name: string): Promise<Uint8Array | null> {
    const path = this.#samples.get(name);
    return path === undefined ? null : await this.#read(path, null);
  }

  async #read(file: string, expected: string | null): Promise<Uint8Array> {
    const content = await this.#files.get(file).catch((error: unknown) => {
      throw this.#damaged(file, "it cannot be read", error);
    });
    if (content === null) throw this.#damaged(file, "it cannot be read");
    if (expected === null) return content;
    const found = await sha256(content);
    if (found !== expected) throw this.#damaged(file, `its SHA-256 is ${found} instead of ${expected}`);
    return content;
  }

  #damaged(file: string, how: string, cause?: unknown): AppError {
    const detail = `Model ${this.manifest.id} is damaged on the server: ${file}: ${how}.`;
    return new AppError("engine_unavailable", detail, { cause });
  }
}

async function foldersIn(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readManifest(path: string): Promise<Manifest> {
  return parseManifest(JSON.parse(await readFile(path, "utf8")));
}

/** The photos of a file of golden answers, as it names them; none where it is not there, or says something else. */
async function readSamplePaths(files: ModelFiles): Promise<string[]> {
  const golden = await files.get(GOLDEN_FILE);
  try {
    const text = golden === null ? "{}" : Buffer.from(golden).toString("utf8");
    const { cases } = JSON.parse(text) as { cases?: readonly { image?: unknown }[] };
    return (cases ?? []).map(({ image }) => image).filter((image) => typeof image === "string");
  } catch {
    return [];
  }
}

async function readListed(path: string, report: ReportDamage): Promise<Manifest[]> {
  try {
    const text = await readIfThere(path);
    return text === null ? [] : parseManifests(JSON.parse(text));
  } catch (error) {
    report(LISTED_FILE, messageOf(error));
    return [];
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return isSystemError(error, "ENOENT", "ENOTDIR");
}
