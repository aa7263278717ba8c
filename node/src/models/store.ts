/**
 * Registered models, kept as blobs that hold the old or the new state, and nothing between, whenever the service stops.
 *
 * `<id>.json` is an *entry*: the manifests of every version of one model in the order in which they came, and which
 * version is *served* to requests that name none. Graphs and label files lie beside it, named by their SHA-256. A change
 * is one commit of an entry: blobs that it names are there before, blobs that no entry names any longer are removed after.
 */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { AppError, messageOf } from "../errors.js";
import { MANIFEST_FIELDS, MANIFEST_SCHEMA, type Manifest } from "../generated/contract.js";
import type { ModelZoo, ZooModel } from "../ports.js";
import type { Blobs } from "./blobs.js";
import { FileZooModel, type ReportDamage } from "./file-zoo.js";
import { parseManifest } from "./manifest.js";

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

interface Entry {
  readonly served: string;
  readonly versions: readonly FileZooModel[];
  /** Whether its file can be read; otherwise its one version is a stand-in. */
  readonly readable: boolean;
}

const ENTRY_FILE = /^([a-z0-9][a-z0-9._-]*)\.json$/;
const CONTENT_FILE = /^[0-9a-f]{64}\.(?:graph|labels)$/;

const ENTRY = z.strictObject({
  schema: z.literal(MANIFEST_SCHEMA),
  served: z.string(),
  versions: z.array(z.unknown()).min(1),
});

/** An entry of a later version of the service, which means what this one cannot know. */
class LaterEntry extends Error {}

/**
 * Reads the entries, and looks for the blobs that they name; changes nothing.
 * @throws Error where a later version of the service wrote one.
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
        report(id, "it has the id of a model of the zoo, which is served instead");
        continue;
      }
      const entry = await this.#readEntry(id);
      this.#entries.set(id, entry);
      for (const { manifest, damage } of entry.versions)
        if (damage !== null) report(`${id}@${manifest.version}`, damage);
    }
  }

  /** Reads every file, which takes seconds for a gigabyte, and reports those that are damaged. */
  async verify(): Promise<void> {
    for (const { versions } of [...this.#entries.values()]) {
      for (const model of versions) {
        if (model.damage !== null) continue;
        await model.verify();
        const { id, version } = model.manifest;
        const isThere = this.find(id, version) === model;
        if (model.damage !== null && isThere) this.#options.report(`${id}@${version}`, model.damage);
      }
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
   * Keeps a model; resolves with whether it is new. The same model again mends one whose files are damaged.
   * @throws AppError `model_exists`, `storage_full`.
   */
  register(manifest: Manifest, graph: Uint8Array, labels: Uint8Array | null): Promise<boolean> {
    return this.#change(manifest.id, async () => {
      const { id, version } = manifest;
      const known = this.findSame(manifest, MANIFEST_FIELDS);
      if (known?.damage === null) return false;
      const files = new Map([[manifest.graph.file, graph]]);
      if (manifest.labels !== undefined && labels !== null) files.set(manifest.labels.file, labels);
      await this.#checkRoom(known === undefined ? 1 : 0, files);
      for (const [name, content] of files) await this.#options.blobs.put(name, content);
      const model = await FileZooModel.open(manifest, this.#options.blobs, { registered: true });
      await model.verify();
      if (model.damage !== null) throw new Error(`what was just written is not what is read: ${model.damage}`);
      const entry = this.#entries.get(id);
      const { served, versions } = entry ?? { served: version, versions: [] };
      await this.#commit(id, {
        served,
        versions:
          known === undefined ? [...versions, model] : versions.map((other) => (other === known ? model : other)),
        readable: true,
      });
      return known === undefined;
    });
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
    const change = this.#lastChange.then(async () => {
      try {
        return await make();
      } catch (error) {
        const isRefusal = error instanceof AppError && error.code !== "storage_full";
        if (!isRefusal) {
          await this.#recover(id).catch((failure: unknown) => this.#options.report(id ?? "", messageOf(failure)));
        }
        throw error;
      }
    });
    this.#lastChange = change.catch(() => {});
    return change;
  }

  async #recover(id: string | null): Promise<void> {
    if (id !== null) {
      if ((await this.#idsKept()).includes(id)) this.#entries.set(id, await this.#readEntry(id));
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

  /** The one moment at which a change happens. */
  async #commit(id: string, entry: Entry | null): Promise<void> {
    const versions = entry?.versions.map(({ manifest }) => manifest);
    const text = entry && JSON.stringify({ schema: MANIFEST_SCHEMA, served: entry.served, versions }, null, 2);
    await this.#options.blobs.commit(entryNameOf(id), text);
    if (entry === null) this.#entries.delete(id);
    else this.#entries.set(id, entry);
  }

  /** An entry that cannot be read is a model of one version that cannot be served. */
  async #readEntry(id: string): Promise<Entry> {
    const { blobs } = this.#options;
    try {
      const { served, manifests } = await this.#manifestsOf(id);
      const versions: FileZooModel[] = [];
      for (const manifest of manifests) versions.push(await FileZooModel.open(manifest, blobs, { registered: true }));
      return { served, versions, readable: true };
    } catch (error) {
      if (error instanceof LaterEntry) throw error;
      const damage = `${entryNameOf(id)}: ${messageOf(error)}`;
      const damaged = FileZooModel.damaged({ id, version: null }, blobs, { damage, registered: true });
      return { served: damaged.manifest.version, versions: [damaged], readable: false };
    }
  }

  async #manifestsOf(id: string): Promise<{ served: string; manifests: Manifest[] }> {
    const text = await this.#options.blobs.get(entryNameOf(id));
    if (text === null) throw new Error("it is missing");
    const json: unknown = JSON.parse(Buffer.from(text).toString("utf8"));
    const { schema } = json as { schema?: unknown };
    if (typeof schema === "number" && schema > MANIFEST_SCHEMA) {
      const found = `${entryNameOf(id)} in ${this.#options.blobs.place}`;
      throw new LaterEntry(
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
    return { served: entry.served, manifests };
  }

  /** Half-written blobs, and graphs and labels that nothing names. With an unreadable entry, which may name any, those stay. */
  async #removeUnnamed(): Promise<void> {
    const { blobs } = this.#options;
    await blobs.deleteLeftovers();
    const named = new Set<string>();
    try {
      for (const model of this.#retired) for (const name of filesOf(model.manifest)) named.add(name);
      for (const id of await this.#idsKept()) {
        const { manifests } = await this.#manifestsOf(id);
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
    return blobs.flatMap(({ name }) => ENTRY_FILE.exec(name)?.[1] ?? []).toSorted();
  }
}

function versionOf(id: string, { versions }: Entry, wanted: string): FileZooModel {
  const found = versions.find(({ manifest }) => manifest.version === wanted);
  if (found !== undefined) return found;
  const known = versions.map(({ manifest }) => manifest.version).join(", ");
  throw new AppError("version_unknown", `Model ${id} has no version ${JSON.stringify(wanted)}; it has: ${known}.`);
}

function filesOf({ graph, labels }: Manifest): string[] {
  return [graph.file, ...(labels === undefined ? [] : [labels.file])];
}

function entryNameOf(id: string): string {
  return `${id}.json`;
}
