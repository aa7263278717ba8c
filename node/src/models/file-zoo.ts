/**
 * The zoo as a folder: `<id>/manifest.json` with graph and labels beside it, and `imagenet.json`, a list of manifests
 * whose graphs are fetched on demand. A damaged entry is reported and does not keep the others from being served.
 */
import type { Dirent } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError, isSystemError, messageOf } from "../errors.js";
import { MANIFEST_SCHEMA, type Manifest } from "../generated/contract.js";
import type { ModelZoo, ZooModel } from "../ports.js";
import { sha256 } from "../sha256.js";
import { folderBlobs } from "./folder-blobs.js";
import { parseManifest, parseManifests } from "./manifest.js";

const MANIFEST_FILE = "manifest.json";
/** What the model says of some photos: those are its samples too. */
const GOLDEN_FILE = "golden.json";
/** Manifests of public models that are not kept here; their files go to `<id>/` once fetched. */
const LISTED_FILE = "imagenet.json";

/** Tells of an entry that cannot be served. */
export type ReportDamage = (entry: string, reason: string) => void;

/** Reads the folder once and verifies every file that is there. A missing folder is an empty zoo. */
export async function openFileZoo(dir: string, report: ReportDamage): Promise<ModelZoo> {
  const models = new Map<string, FileZooModel>();
  for (const entry of await entriesOf(dir)) {
    if (!entry.isDirectory()) continue;
    try {
      const manifest = await readManifest(join(dir, entry.name, MANIFEST_FILE));
      if (manifest === null) continue;
      if (manifest.id !== entry.name) throw new Error(`its id is ${JSON.stringify(manifest.id)}, its folder another`);
      models.set(manifest.id, await FileZooModel.open(manifest, folderBlobs(join(dir, entry.name))));
    } catch (error) {
      report(entry.name, messageOf(error));
    }
  }
  for (const manifest of await readListed(join(dir, LISTED_FILE), report)) {
    if (!models.has(manifest.id))
      models.set(manifest.id, await FileZooModel.open(manifest, folderBlobs(join(dir, manifest.id))));
  }
  for (const model of models.values()) await model.verify();
  for (const model of models.values()) if (model.damage !== null) report(model.manifest.id, model.damage);
  return new FileZoo([...models.values()]);
}

class FileZoo implements ModelZoo {
  readonly defaultId: string | null;
  readonly #models: readonly FileZooModel[];

  constructor(models: readonly FileZooModel[]) {
    this.#models = models.toSorted((a, b) => a.manifest.id.localeCompare(b.manifest.id, "en"));
    this.defaultId = this.#models.find((model) => model.manifest.default)?.manifest.id ?? null;
  }

  list(): readonly ZooModel[] {
    return this.#models;
  }

  find(id: string, version?: string): ZooModel | undefined {
    return this.#models.find(
      ({ manifest }) => manifest.id === id && (version === undefined || manifest.version === version),
    );
  }

  versionsOf(id: string): readonly string[] {
    return this.#models.filter(({ manifest }) => manifest.id === id).map(({ manifest }) => manifest.version);
  }
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

async function entriesOf(dir: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Null when the folder holds no manifest: it is no model. */
async function readManifest(path: string): Promise<Manifest | null> {
  const text = await readIfThere(path);
  return text === null ? null : parseManifest(JSON.parse(text));
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
