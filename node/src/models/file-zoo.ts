/**
 * The zoo as a folder: `<id>/manifest.json` with graph and labels beside it, or `<id>/<version>/manifest.json` where there
 * are several versions, and `imagenet.json`, a list of manifests whose graphs are fetched on demand. A damaged entry is
 * reported and does not keep the others from being served.
 */

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isSystemError, messageOf } from "../errors.js";
import type { Manifest, Place } from "../generated/contract.js";
import type { ModelIdentity, ModelZoo, ZooModel } from "../ports.js";
import { FileZooModel } from "./file-zoo-model.js";
import { namesIn, sizeOf } from "./folder-blobs.js";
import { findLoneModel } from "./lone-model.js";
import { parseManifest, parseManifests } from "./manifest.js";
import { type PinnedFiles, pinFiles } from "./pinned-files.js";
import { programOf } from "./program.js";

export const MANIFEST_FILE = "manifest.json";
/** Manifests of public models that are not kept here; their files go to `<id>/` once fetched. */
const LISTED_FILE = "imagenet.json";

/** Tells of an entry that cannot be served. */
export type ReportDamage = (entry: string, reason: string) => void;

/** `2` before `10`, as people count. */
const VERSIONS = new Intl.Collator("en", { numeric: true });

/**
 * Opens the folder and verifies every file that is there. A missing folder is an empty zoo.
 * @param loneId id of the model where the folder is one rather than a zoo; null: what `findLoneModel` says
 */
export async function openFileZoo(dir: string, report: ReportDamage, loneId: string | null = null): Promise<FileZoo> {
  const zoo = new FileZoo(dir, report, loneId);
  await zoo.refresh();
  return zoo;
}

/** What is asked of others when a folder changed that is served. */
export interface ZooChanges {
  /** Why a model that reads well cannot serve; null where it can. Rejects where that cannot be told now. */
  judge(model: ZooModel): Promise<string | null>;
  /** Resolves once nothing uses a model that is not served any more. */
  retire(model: ZooModel): Promise<void>;
}

/** How long what is served is served on when it is gone, in ms: a folder may be about to be replaced. */
export const GONE_MS = 2000;

/** One model of the folder. */
interface Entry {
  /** While this is the same, so is what its files hold. */
  readonly stamp: string;
  /** What is served. */
  readonly model: FileZooModel;
  readonly files: PinnedFiles;
  /** When it was first missing, by `performance.now()`; null while it is there. */
  readonly goneSince: number | null;
  /** Why what its files hold now is not served; null where it is. */
  readonly rejected: string | null;
}

/** A model that the folder holds now. */
interface Found {
  readonly place: ModelPlace;
  readonly stamp: string;
  /** Rejects where its manifest cannot be read. */
  readManifest(): Promise<Manifest>;
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

export class FileZoo implements ModelZoo {
  readonly #dir: string;
  readonly #report: ReportDamage;
  readonly #loneId: string | null;
  readonly #entries = new Map<string, Entry>();
  /** The versions of each model, the latest last. */
  #versions: ReadonlyMap<string, readonly FileZooModel[]> = new Map();
  /** Of each the one that is served. */
  #served: ReadonlyMap<string, FileZooModel> = new Map();
  #defaultId: string | null = null;
  #refreshing: Promise<void> | null = null;
  #refreshAgain = false;
  #judged: FileZooModel | null = null;
  #changes: ZooChanges = { judge: async () => null, retire: async () => {} };

  constructor(dir: string, report: ReportDamage, loneId: string | null) {
    this.#dir = dir;
    this.#report = report;
    this.#loneId = loneId;
  }

  get defaultId(): string | null {
    return this.#defaultId;
  }

  list(): readonly FileZooModel[] {
    return [...this.#served.values()];
  }

  find(id: string, version?: string): FileZooModel | undefined {
    if (version === undefined) return this.#served.get(id);
    return this.#versions.get(id)?.find(({ manifest }) => manifest.version === version);
  }

  versionsOf(id: string): readonly string[] {
    return (this.#versions.get(id) ?? []).map(({ manifest }) => manifest.version);
  }

  /** Whether one of its models has this graph, the one that is judged now among them. */
  hasGraph(graphSha256: string): boolean {
    return this.#all().some(({ manifest }) => manifest.graph.sha256 === graphSha256);
  }

  /** The model that answers call so, the one that is judged now among them. */
  ofIdentity({ id, version, sha256: graph }: ModelIdentity): FileZooModel | undefined {
    return this.#all().find(({ manifest }) => {
      const isGraph = manifest.graph.sha256 === null || manifest.graph.sha256 === graph;
      return isGraph && manifest.id === id && manifest.version === version;
    });
  }

  #all(): FileZooModel[] {
    const judged = this.#judged === null ? [] : [this.#judged];
    return [...judged, ...[...this.#versions.values()].flat()];
  }

  /** From now on what changed is judged before it is served. */
  serveWith(changes: ZooChanges): void {
    this.#changes = changes;
  }

  /**
   * Takes over what the folder holds now. What does not read well, or what is judged unfit, never replaces a model that
   * serves: that one goes on, with the reason as its `rejected`.
   */
  async refresh(): Promise<void> {
    if (this.#refreshing !== null) {
      // What changes meanwhile may have been read already.
      this.#refreshAgain = true;
      return await this.#refreshing;
    }
    this.#refreshing = this.#refreshAll().finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ files }) => files.close()));
  }

  /** Its folders: what changes in them may change a model. */
  async dirs(): Promise<string[]> {
    const dirs = [this.#dir];
    for (const id of await foldersIn(this.#dir)) {
      dirs.push(join(this.#dir, id));
      for (const version of await foldersIn(join(this.#dir, id))) dirs.push(join(this.#dir, id, version));
    }
    return dirs;
  }

  /** Whether something is gone, and still served. */
  get isWaiting(): boolean {
    return [...this.#entries.values()].some(({ goneSince }) => goneSince !== null);
  }

  async #refreshAll(): Promise<void> {
    do {
      this.#refreshAgain = false;
      const found = await findModels(this.#dir, this.#report, this.#loneId);
      for (const one of found) await this.#take(one);
      const entries = new Set(found.map(({ place }) => place.entry));
      for (const [name, entry] of this.#entries) if (!entries.has(name)) this.#miss(name, entry);
    } while (this.#refreshAgain);
  }

  async #take(found: Found): Promise<void> {
    const { stamp } = found;
    const name = found.place.entry;
    const known = this.#entries.get(name);
    if (known?.stamp === stamp) {
      if (known.goneSince !== null) this.#entries.set(name, { ...known, goneSince: null });
      return;
    }
    const { model, files } = await this.#read(found);
    const problem = await this.#problemOf(model);
    if (problem !== null) this.#report(name, problem.reason);
    const isServing = known?.model.present === true && known.model.damage === null;
    if (problem !== null && isServing) {
      const seen = problem.lasts ? stamp : known.stamp;
      this.#set(name, { ...known, stamp: seen, goneSince: null, rejected: problem.reason });
      await files.close();
      return;
    }
    if (problem?.lasts) model.damage = problem.reason;
    this.#set(name, { stamp, model, files, goneSince: null, rejected: null });
    if (known !== undefined) this.#retire(known);
  }

  /** Why a model cannot serve, and whether that lasts until its files change. */
  async #problemOf(model: FileZooModel): Promise<{ reason: string; lasts: boolean } | null> {
    if (model.damage !== null) return { reason: model.damage, lasts: true };
    if (!model.present) return null;
    this.#judged = model;
    try {
      const reason = await this.#changes.judge(model);
      return reason === null ? null : { reason, lasts: true };
    } catch (error) {
      return { reason: messageOf(error), lasts: false };
    } finally {
      this.#judged = null;
    }
  }

  async #read({ place, readManifest }: Found): Promise<Pick<Entry, "model" | "files">> {
    const dir = join(this.#dir, place.entry);
    try {
      const manifest = await readManifest();
      if (manifest.id !== place.id) throw new Error(`its id is ${JSON.stringify(manifest.id)}, its folder another`);
      if (manifest.version !== (place.version ?? manifest.version))
        throw new Error(`its version is ${JSON.stringify(manifest.version)}, its folder another`);
      const names = [manifest.graph.file, ...(manifest.labels === undefined ? [] : [manifest.labels.file])];
      const files = await pinFiles(dir, names);
      const model = await FileZooModel.open(manifest, files, { program: programOf(manifest, dir) });
      await model.verify();
      return { model, files };
    } catch (error) {
      const files = await pinFiles(dir, []);
      return { model: FileZooModel.damaged(place, files, { damage: messageOf(error), registered: false }), files };
    }
  }

  #miss(name: string, entry: Entry): void {
    const now = performance.now();
    if (entry.goneSince === null) {
      this.#entries.set(name, { ...entry, goneSince: now });
    } else if (now - entry.goneSince >= GONE_MS) {
      this.#entries.delete(name);
      this.#list();
      this.#retire(entry);
    }
  }

  #set(name: string, entry: Entry): void {
    this.#entries.set(name, entry);
    this.#list();
  }

  #list(): void {
    const versions = new Map<string, FileZooModel[]>();
    for (const model of [...this.#entries.values()].map((entry) => entry.model).toSorted(byIdAndVersion)) {
      const { id } = model.manifest;
      versions.set(id, [...(versions.get(id) ?? []), model]);
    }
    const served = new Map([...versions].map(([id, all]) => [id, latestOf(all)]));
    for (const { model, rejected } of this.#entries.values()) {
      const { id } = model.manifest;
      const isServed = served.get(id) === model;
      model.rejected = rejected ?? (isServed ? newerProblemOf(model, versions.get(id)?.at(-1)) : null);
    }
    this.#versions = versions;
    this.#served = served;
    this.#defaultId = [...served.values()].find((model) => model.manifest.default)?.manifest.id ?? null;
  }

  #retire({ model, files }: Entry): void {
    this.#changes
      .retire(model)
      .then(() => files.close())
      .catch((error: unknown) => this.#report(model.manifest.id, messageOf(error)));
  }
}

/** The models of a folder: those in folders of their own, else the one that lies in it, and those that are listed. */
async function findModels(dir: string, report: ReportDamage, loneId: string | null): Promise<Found[]> {
  const found: Found[] = [];
  for (const place of await placesIn(dir)) {
    const path = join(dir, place.entry);
    found.push({ place, stamp: await stampOf(path), readManifest: () => readManifest(join(path, MANIFEST_FILE)) });
  }
  const lone = found.length > 0 ? null : await findLoneModel(dir, loneId);
  if (lone !== null) {
    const place = { id: lone.id, version: null, entry: "." };
    found.push({ place, stamp: await stampOf(dir), readManifest: lone.readManifest });
  }
  const known = new Set(found.map(({ place }) => place.id));
  for (const manifest of await readListed(join(dir, LISTED_FILE), report)) {
    const { id } = manifest;
    if (known.has(id)) continue;
    const stamp = `${JSON.stringify(manifest)} ${await stampOf(join(dir, id))}`;
    found.push({ place: { id, version: null, entry: id }, stamp, readManifest: async () => manifest });
  }
  return found;
}

/** Name, size, time and inode of each file of a folder. */
async function stampOf(dir: string): Promise<string> {
  const stamps = (await namesIn(dir)).map(async (name) => {
    const { size, mtimeNs, ino } = await stat(join(dir, name), { bigint: true });
    return `${name}:${size}:${mtimeNs}:${ino}`;
  });
  const settled = await Promise.allSettled(stamps);
  return settled.map((one) => (one.status === "fulfilled" ? one.value : "gone")).join(" ");
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

/** Why the newest version is not the one that is served. */
function newerProblemOf(served: FileZooModel, newest: FileZooModel | undefined): string | null {
  return newest === undefined || newest === served ? null : newest.damage;
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
