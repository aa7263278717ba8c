/**
 * Registered models, kept as blobs that hold the old or the new state, and nothing between, whenever the service stops.
 * Where replicas share them, each change begins with what the others committed, and begins anew where another is first.
 *
 * `<id>.json` is an *entry*: the manifests of every version of one model in the order in which they came, and which
 * version is *served* to requests that name none. Graphs and label files lie beside it, named by their SHA-256. A change
 * is one commit of an entry: blobs that it names are there before, blobs that no entry names any longer are removed after.
 */
import { isDeepStrictEqual } from "node:util";
import { AppError, messageOf } from "../errors.js";
import { MANIFEST_FIELDS, type Manifest } from "../generated/contract.js";
import type { ModelZoo, ZooModel } from "../ports.js";
import { Shares } from "../shares.js";
import { AwayError, type Blobs, ConflictError } from "./blobs.js";
import {
  damagedEntry,
  type Entry,
  entryNameOf,
  filesOf,
  idOfEntry,
  keepSame,
  readEntry,
  readManifests,
  writeEntry,
} from "./entry.js";
import type { ReportDamage } from "./file-zoo.js";
import { FileZooModel } from "./file-zoo-model.js";

export interface ModelStoreOptions {
  readonly blobs: Blobs;
  /** The models that come with the service: found here too, and no client can take their ids. */
  readonly zoo: ModelZoo;
  /** Versions of all registered models together. */
  readonly modelsMax: number;
  /** Bytes of all blobs together. */
  readonly bytesMax: number;
  readonly report: ReportDamage;
}

const CONTENT_FILE = /^[0-9a-f]{64}\.(?:graph|labels)$/;

/** Times that a change begins anew since another replica was first. */
const CONFLICTS_MAX = 20;

const ZOO_IS_FIRST = "it has the id of a model of the zoo, which is served instead";

/**
 * Reads the entries, and looks for the blobs that they name; changes nothing.
 * @throws LaterError
 */
export async function openModelStore(options: ModelStoreOptions): Promise<ModelStore> {
  const store = new ModelStore(options);
  await store.read();
  return store;
}

/** File names of a registered graph and its labels. */
export const graphFileOf = (sha256: string) => `${sha256}.graph`;
export const labelsFileOf = (sha256: string) => `${sha256}.labels`;

export class ModelStore implements ModelZoo {
  readonly #options: ModelStoreOptions;
  readonly #entries = new Map<string, Entry>();
  /** Removed versions whose files are kept while requests use them. */
  readonly #retired = new Set<ZooModel>();
  /** Of what other replicas changed, since `takeOver` last told. */
  #gone: FileZooModel[] = [];
  #fresh: FileZooModel[] = [];
  /** Changes happen one after the other. */
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(options: ModelStoreOptions) {
    this.#options = options;
  }

  get defaultId(): string | null {
    return this.#options.zoo.defaultId;
  }

  refresh(): Promise<void> {
    return this.#options.zoo.refresh();
  }

  list(): readonly ZooModel[] {
    const served = [...this.#entries.keys()].toSorted().map((id) => this.find(id));
    return [...this.#options.zoo.list(), ...served.filter((model) => model !== undefined)];
  }

  find(id: string, version?: string): ZooModel | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return this.#options.zoo.find(id, version);
    return entry.versions.find(({ manifest }) => manifest.version === (version ?? entry.served));
  }

  versionsOf(id: string): readonly string[] {
    const entry = this.#entries.get(id);
    if (entry === undefined) return this.#options.zoo.versionsOf(id);
    return entry.readable ? entry.versions.map(({ manifest }) => manifest.version) : [];
  }

  /** Reads every entry, and reports those that are damaged. */
  async read(): Promise<void> {
    const { zoo, report } = this.#options;
    const ids = await this.#idsKept().catch((error: unknown) => {
      report(this.#options.blobs.place, messageOf(error));
      return [];
    });
    for (const id of ids) {
      if (zoo.find(id) !== undefined) {
        report(id, ZOO_IS_FIRST);
        continue;
      }
      const entry = await readEntry(id, this.#options.blobs);
      this.#entries.set(id, entry);
      for (const { manifest, damage } of entry.versions)
        if (damage !== null) report(`${id}@${manifest.version}`, damage);
    }
  }

  /** Reads every file, which takes seconds for a gigabyte, and reports those that are damaged. */
  async verify(): Promise<void> {
    for (const { versions } of [...this.#entries.values()]) await this.#verify(versions);
  }

  /**
   * Takes over what other replicas changed. Resolves with the models that are gone since the last time, and with a function
   * that reads the files of those that came: they are asked for soon.
   * @throws AwayError
   */
  takeOver(): Promise<{ readonly gone: readonly ZooModel[]; verify(): Promise<void> }> {
    return this.#inTurn(async () => {
      await this.#refresh();
      const [gone, fresh] = [this.#gone, this.#fresh];
      [this.#gone, this.#fresh] = [[], []];
      return { gone, verify: () => this.#verify(fresh) };
    });
  }

  async #verify(models: readonly FileZooModel[]): Promise<void> {
    for (const model of models) {
      if (model.damage !== null) continue;
      await model.verify();
      const { id, version } = model.manifest;
      const isThere = this.find(id, version) === model;
      if (model.damage !== null && isThere) this.#options.report(`${id}@${version}`, model.damage);
    }
  }

  /**
   * The version that has this manifest's id and version already; undefined when it is new.
   * @throws AppError `model_exists` when that one differs in one of `fields`.
   */
  findSame(manifest: Manifest, fields: readonly (keyof Manifest)[]): FileZooModel | undefined {
    const { id, version } = manifest;
    if (this.#options.zoo.find(id) !== undefined) {
      throw new AppError("model_exists", `${id} is a model of the zoo; register yours under another id.`);
    }
    if (this.#entries.get(id)?.readable === false) {
      throw new AppError("model_exists", `The entry of ${id} is damaged; delete the model, then register it again.`);
    }
    const known = this.#entries.get(id)?.versions.find((model) => model.manifest.version === version);
    if (known === undefined) return undefined;
    const differing = fields.filter((field) => !isDeepStrictEqual(manifest[field], known.manifest[field]));
    if (differing.length === 0) return known;
    const what = differing.join(", ");
    const detail = `${id}@${version} is registered with another ${what}; choose another version, or delete that one first.`;
    throw new AppError("model_exists", detail);
  }

  /**
   * Keeps a model; resolves with whether it is new. The same model again mends one whose files are damaged. A `holder` leaves as much
   * room to others as it has; without one it may be all that is left.
   * @throws AppError `model_exists`, `storage_full`; AwayError, as the other changes.
   */
  async register(
    manifest: Manifest,
    graph: Uint8Array,
    labels: Uint8Array | null,
    holder: number | null = null,
  ): Promise<boolean> {
    const { blobs } = this.#options;
    const { id } = manifest;
    const files = new Map([[manifest.graph.file, graph]]);
    if (manifest.labels !== undefined && labels !== null) files.set(manifest.labels.file, labels);
    const keep = () => this.#change(id, () => this.#keep(manifest, files, holder));
    if (blobs.refresh === null) return await keep();
    try {
      if (!(await this.#change(id, () => this.#wants(manifest, files, holder)))) return false;
      // Not in turn: what others change is taken over meanwhile, however long a bucket takes.
      for (const [name, content] of files) await blobs.put(name, content);
      return await keep();
    } finally {
      for (const name of files.keys()) await blobs.delete(name);
    }
  }

  /** Whether it is not kept yet, and has room. */
  async #wants(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>, holder: number | null): Promise<boolean> {
    const known = this.findSame(manifest, MANIFEST_FIELDS);
    if (known?.damage === null) return false;
    await this.#checkRoom(known === undefined ? 1 : 0, files);
    if (known === undefined && holder !== null) await this.#checkShare(holder, files);
    return true;
  }

  async #keep(manifest: Manifest, files: ReadonlyMap<string, Uint8Array>, holder: number | null): Promise<boolean> {
    const { blobs } = this.#options;
    const { id, version } = manifest;
    if (!(await this.#wants(manifest, files, holder))) return false;
    for (const [name, content] of files) await blobs.put(name, content);
    const model = await FileZooModel.open(manifest, blobs, { registered: true });
    await model.verify();
    if (model.damage !== null) throw new Error(`what was just written is not what is read: ${model.damage}`);
    const known = this.findSame(manifest, MANIFEST_FIELDS);
    const { served, versions, holders } = this.#entries.get(id) ?? { served: version, versions: [], holders: {} };
    await this.#commit(id, {
      served,
      versions: known === undefined ? [...versions, model] : versions.map((other) => (other === known ? model : other)),
      holders: known === undefined && holder !== null ? { ...holders, [version]: holder } : holders,
      readable: true,
    });
    return known === undefined;
  }

  /**
   * Takes a version, or every one, out of the listing; resolves with what is gone. Their files stay until `discard`. When
   * the served version goes, the one that came last of the others is served.
   * @throws AppError `model_unknown`, `version_unknown`, `forbidden`.
   */
  remove(id: string, version: string | null): Promise<readonly ZooModel[]> {
    return this.#change(id, async () => {
      const entry = this.#entryOf(id);
      const gone = version === null ? entry.versions : [versionOf(id, entry, version)];
      const versions = entry.versions.filter((model) => !gone.includes(model));
      const last = versions.at(-1);
      const stays = versions.some(({ manifest }) => manifest.version === entry.served);
      for (const model of gone) this.#retired.add(model);
      await this.#commit(
        id,
        last === undefined ? null : { ...entry, served: stays ? entry.served : last.manifest.version, versions },
      );
      return gone;
    });
  }

  /** Chooses the version that is served. @throws AppError as `remove`. */
  serve(id: string, version: string): Promise<void> {
    return this.#change(id, async () => {
      const entry = this.#entryOf(id);
      versionOf(id, entry, version);
      if (entry.served !== version) await this.#commit(id, { ...entry, served: version });
    });
  }

  /** Removes the files of removed models that nobody uses any longer. */
  discard(models: readonly ZooModel[]): Promise<void> {
    return this.#change(null, async () => {
      for (const model of models) this.#retired.delete(model);
      await this.#removeUnnamed();
    });
  }

  /** Removes what a stop in the middle of a change left behind. */
  removeLeftovers(): Promise<void> {
    return this.#change(null, () => this.#removeUnnamed());
  }

  #entryOf(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    if (this.#options.zoo.find(id) !== undefined) {
      throw new AppError("forbidden", `${id} is a model of the zoo; only registered models can be changed.`);
    }
    throw new AppError("model_unknown", `There is no registered model ${JSON.stringify(id)}.`);
  }

  /** One change at a time. After one that failed, memory is what the entry that is kept says. */
  #change<T>(id: string | null, make: () => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      try {
        return id === null ? await make() : await this.#makeAsFirst(make);
      } catch (error) {
        const isRefusal = error instanceof AppError && error.code !== "storage_full" && !(error instanceof AwayError);
        if (!isRefusal) {
          await this.#recover(id).catch((failure: unknown) => this.#options.report(id ?? "", messageOf(failure)));
        }
        throw error;
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastChange.then(work);
    this.#lastChange = done.catch(() => {});
    return done;
  }

  /** A change of what all replicas have by now. */
  async #makeAsFirst<T>(make: () => Promise<T>): Promise<T> {
    for (let triesLeft = CONFLICTS_MAX; ; triesLeft -= 1) {
      await this.#refresh();
      try {
        return await make();
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        if (triesLeft === 0) throw new AwayError("is changed by others all the time", error);
      }
    }
  }

  async #refresh(): Promise<void> {
    for (const name of (await this.#options.blobs.refresh?.()) ?? []) {
      const id = idOfEntry(name);
      if (id === null) continue;
      const before = this.#entries.get(id)?.versions ?? [];
      const entry = await this.#readAgain(id, name);
      if (entry === null) this.#entries.delete(id);
      else this.#entries.set(id, keepSame(entry, before));
      const now = this.#entries.get(id)?.versions ?? [];
      this.#gone.push(...before.filter((model) => !now.includes(model)));
      this.#fresh.push(...now.filter((model) => !before.includes(model)));
    }
  }

  /** Null where there is no entry now, or none that is served. */
  async #readAgain(id: string, name: string): Promise<Entry | null> {
    const { blobs, zoo, report } = this.#options;
    if ((await blobs.get(name)) === null) return null;
    if (zoo.find(id) === undefined) return await readEntry(id, blobs).catch((error) => damagedEntry(id, blobs, error));
    report(id, ZOO_IS_FIRST);
    return null;
  }

  async #recover(id: string | null): Promise<void> {
    if (id !== null) {
      if ((await this.#idsKept()).includes(id)) this.#entries.set(id, await readEntry(id, this.#options.blobs));
      else this.#entries.delete(id);
    }
    await this.#removeUnnamed();
  }

  async #checkRoom(versionCount: number, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const { blobs, modelsMax, bytesMax } = this.#options;
    const known = [...this.#entries.values()].reduce((sum, { versions }) => sum + versions.length, 0);
    if (known + versionCount > modelsMax) {
      const detail = `${known} versions of models are registered, and at most ${modelsMax} are kept; delete one first.`;
      throw new AppError("storage_full", detail);
    }
    let held = 0;
    let wanted = 0;
    for (const { name, bytes } of await blobs.list()) if (!files.has(name)) held += bytes;
    for (const content of files.values()) wanted += content.length;
    if (held + wanted > bytesMax) {
      const detail = `Registered models take ${held} bytes; with ${wanted} more they would pass ${bytesMax}. Delete one first.`;
      throw new AppError("storage_full", detail);
    }
  }

  /** Whether one more version leaves as many versions and bytes to others as the holder has. Files that models share count to each. */
  async #checkShare(holder: number, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const { blobs, modelsMax, bytesMax } = this.#options;
    const own = String(holder);
    const [counts, bytes] = [new Shares(modelsMax), new Shares(bytesMax)];
    const ownFiles = new Set<string>();
    for (const { versions, holders } of this.#entries.values()) {
      for (const { manifest } of versions) {
        const isOwn = holders[manifest.version] === holder;
        counts.take(isOwn ? own : "");
        if (isOwn) for (const name of filesOf(manifest)) ownFiles.add(name);
      }
    }
    for (const { name, bytes: count } of await blobs.list())
      if (!files.has(name)) bytes.take(ownFiles.has(name) ? own : "", count);
    const wanted = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    const refuse = (shares: Shares, unit: string, setting: string) => {
      const detail = `At most ${shares.max} ${unit} of registered models are kept (${setting}), of which one caller leaves as many to others as it has, and ${shares.heldBy(own)} are yours; delete a model of yours, or register with the role admin, which may take all that is left.`;
      throw new AppError("storage_full", detail);
    };
    if (!counts.allows(own)) refuse(counts, "versions", "REGISTERED_MODELS_MAX");
    if (!bytes.allows(own, wanted)) refuse(bytes, "bytes", "REGISTERED_BYTES_MAX");
  }

  /** The one moment at which a change happens. */
  async #commit(id: string, entry: Entry | null): Promise<void> {
    const named = entry?.versions.flatMap(({ manifest }) => filesOf(manifest)) ?? [];
    await this.#options.blobs.commit(entryNameOf(id), entry && writeEntry(entry), named);
    if (entry === null) this.#entries.delete(id);
    else this.#entries.set(id, entry);
  }

  /** Half-written blobs, and graphs and labels that nothing names. With an unreadable entry, which may name any, those stay. */
  async #removeUnnamed(): Promise<void> {
    const { blobs } = this.#options;
    await blobs.deleteLeftovers();
    const named = new Set<string>();
    try {
      for (const model of this.#retired) for (const name of filesOf(model.manifest)) named.add(name);
      for (const id of await this.#idsKept()) {
        const { manifests } = await readManifests(id, blobs);
        for (const manifest of manifests) for (const name of filesOf(manifest)) named.add(name);
      }
    } catch {
      // It was reported when it was read.
      return;
    }
    for (const { name } of await blobs.list()) {
      if (CONTENT_FILE.test(name) && !named.has(name)) await blobs.delete(name);
    }
  }

  async #idsKept(): Promise<string[]> {
    const blobs = await this.#options.blobs.list();
    return blobs.flatMap(({ name }) => idOfEntry(name) ?? []).toSorted();
  }
}

function versionOf(id: string, { versions }: Entry, wanted: string): FileZooModel {
  const found = versions.find(({ manifest }) => manifest.version === wanted);
  if (found !== undefined) return found;
  const known = versions.map(({ manifest }) => manifest.version).join(", ");
  throw new AppError("version_unknown", `Model ${id} has no version ${JSON.stringify(wanted)}; it has: ${known}.`);
}
