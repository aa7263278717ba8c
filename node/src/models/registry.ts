/**
 * Every model that answers: the zoo's by id, uploaded ones by the SHA-256 of their graph.
 *
 * A model is loaded when it is first asked for and then kept warm. A *slot* holds one loaded graph with one set of
 * settings; there are at most `modelsLoadedMax`, and the one unused for longest makes room. Past `modelsMemoryBytesMax`
 * the ones unused for longest are put to sleep too: their engine ends. A slot that sleeps, or whose engine died, loads
 * again when it is next used.
 */
import { AppError } from "../errors.js";
import type { LoadRequest } from "../generated/contract.js";
import type {
  Classifier,
  InferenceEngine,
  LoadedModel,
  ModelChoice,
  ModelIdentity,
  ModelListing,
  ModelSettings,
  Models,
  ModelZoo,
  OpenModel,
  Pieces,
  ZooModel,
} from "../ports.js";
import { sha256 } from "../sha256.js";
import { manifestOverrides } from "./manifest.js";
import { createUploadCache, type Upload, type UploadCache } from "./upload-cache.js";

export interface ModelRegistryOptions {
  readonly engine: InferenceEngine;
  readonly classifier: Classifier;
  readonly zoo: ModelZoo;
  readonly modelsLoadedMax: number;
  /** Of all loaded models together; a single one may take more. */
  readonly modelsMemoryBytesMax: number;
  readonly uploadedGraphsBytesMax: number;
  /** Times that an exchange is tried again on a fresh engine when the engine died: inference is idempotent. */
  readonly retryCount: number;
  readonly threads: number;
  /** Whether graphs of strangers are refused when the engine is not fully confined. */
  readonly sandboxRequired: boolean;
}

/** Id that answers give to graphs that came with a request. */
const UPLOADED_ID = "uploaded";
const VERSION_DIGITS = 12;
/** Label files whose number of labels is remembered. */
const LABEL_COUNTS_MAX = 256;

/** A graph with its labels and settings, found but not loaded. */
interface Source {
  readonly identity: ModelIdentity;
  /** Null where the graph came with a request. */
  readonly model: ZooModel | null;
  readonly request: LoadRequest;
  /** Null where there are none: the classes are numbered. */
  readonly labels: Uint8Array | null;
  readonly labelsSha256: string;
  readonly labelOffset: number | null;
  readGraph(): Promise<Pieces>;
}

interface Slot {
  readonly key: string;
  readonly graphSha256: string;
  loaded: LoadedModel | null;
  loading: Promise<LoadedModel> | null;
  /** Requests that hold it now; it is not given up meanwhile. */
  useCount: number;
  usesEnded: number;
  /** As last measured. */
  memoryBytes: number;
}

/** What is read once of a model of the zoo. */
interface ZooFacts {
  readonly graphSha256: string;
  readonly labels: Uint8Array | null;
  readonly labelsSha256: string;
}

export function createModelRegistry(options: ModelRegistryOptions): Models {
  return new ModelRegistry(options);
}

class ModelRegistry implements Models {
  readonly #options: ModelRegistryOptions;
  readonly #uploads: UploadCache;
  /** In the order of use: the first one is the one unused for longest. */
  readonly #slots = new Map<string, Slot>();
  readonly #failures = new WeakMap<ZooModel, string>();
  /** How many requests use a model, and who waits for the last of them. */
  readonly #uses = new Map<ZooModel, { count: number; readonly free: (() => void)[] }>();
  readonly #zooFacts = new WeakMap<ZooModel, ZooFacts>();
  /** By the SHA-256 of the label file. */
  readonly #labelCounts = new Map<string, number>();
  #waiting: (() => void)[] = [];
  #closing = false;

  constructor(options: ModelRegistryOptions) {
    this.#options = options;
    this.#uploads = createUploadCache(options.uploadedGraphsBytesMax);
  }

  async open(choice: ModelChoice, settings: ModelSettings): Promise<OpenModel> {
    if (choice.kind === "upload" || choice.kind === "uploaded") {
      this.#checkSandbox();
      return await this.#openSource(await this.#sourceOfUpload(choice, settings), () => {});
    }
    const model = choice.kind === "candidate" ? choice.model : this.#findInZoo(choice.id, choice.version);
    if (model.registered) this.#checkSandbox();
    const release = this.#hold(model);
    try {
      return await this.#openSource(await this.#sourceOfModel(model, settings), release);
    } catch (error) {
      release();
      throw error;
    }
  }

  list(): ModelListing[] {
    const { zoo } = this.#options;
    return zoo.list().map((model) => {
      const { id } = model.manifest;
      const graphSha256 = this.#zooFacts.get(model)?.graphSha256 ?? model.manifest.graph.sha256;
      const slots = [...this.#slots.values()].filter((slot) => slot.graphSha256 === graphSha256);
      const awake = slots.filter((slot) => slot.loaded?.alive);
      const problem = model.damage ?? this.#failures.get(model) ?? null;
      return {
        model,
        versions: zoo.versionsOf(id),
        isDefault: id === zoo.defaultId,
        state: stateOf(model, problem, slots),
        loaded: awake.length > 0,
        memoryBytes: awake.length === 0 ? null : memoryOf(awake),
        problem,
      };
    });
  }

  async retire(model: ZooModel): Promise<void> {
    const uses = this.#uses.get(model);
    if (uses !== undefined) await new Promise<void>((resolve) => uses.free.push(resolve));
    const graphSha256 = this.#zooFacts.get(model)?.graphSha256;
    const idle = [...this.#slots.values()].filter((slot) => slot.graphSha256 === graphSha256 && slot.useCount === 0);
    for (const slot of idle) this.#slots.delete(slot.key);
    this.#wake();
    await Promise.all(idle.map((slot) => slot.loaded?.close()));
  }

  loadedCount(): number {
    return [...this.#slots.values()].filter((slot) => slot.loaded?.alive).length;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#slots.values()].map((slot) => slot.loaded?.close()));
    this.#slots.clear();
  }

  #hold(model: ZooModel): () => void {
    const uses = this.#uses.get(model) ?? { count: 0, free: [] };
    this.#uses.set(model, uses);
    uses.count += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      uses.count -= 1;
      if (uses.count > 0) return;
      this.#uses.delete(model);
      for (const resolve of uses.free) resolve();
    };
  }

  async #openSource(source: Source, release: () => void): Promise<OpenModel> {
    if (source.labels === null && source.labelOffset !== null) {
      const detail = `label_offset=${source.labelOffset} shifts labels, and the graph came without; send them as label_file.`;
      throw new AppError("labels_missing", detail);
    }
    const { spec } = await this.#withEngine(source, async (loaded) => loaded);
    return {
      identity: source.identity,
      target: {
        key: [keyOf(source), source.labelsSha256, source.labelOffset ?? ""].join(":"),
        spec,
        labels: source.labels,
        labelOffset: source.labelOffset,
        exchange: (frame) => this.#withEngine(source, (loaded) => loaded.exchange(frame)),
      },
      release,
    };
  }

  #checkSandbox(): void {
    const { sandbox } = this.#options.engine.status();
    if (!this.#options.sandboxRequired || sandbox?.missing.length === 0) return;
    const missing = sandbox?.missing.join("; ") ?? "the engine has not said what confines it";
    throw new AppError("forbidden", `This service takes no graphs, since it cannot confine them: ${missing}.`);
  }

  #findInZoo(id: string | null, version: string | null): ZooModel {
    const { zoo } = this.#options;
    const wanted = id ?? zoo.defaultId;
    if (wanted === null) {
      throw new AppError("model_unknown", "This service has no default model; name one with `model`, or send a graph.");
    }
    const model = zoo.find(wanted, version ?? undefined);
    if (model !== undefined) return model;
    const versions = zoo.versionsOf(wanted);
    if (versions.length > 0) {
      const detail = `Model ${wanted} has no version ${quoted(version ?? "")}; it has: ${versions.join(", ")}.`;
      throw new AppError("version_unknown", detail);
    }
    const known = zoo.list().map(({ manifest }) => manifest.id);
    throw new AppError(
      "model_unknown",
      `There is no model ${quoted(wanted)}; known are: ${known.join(", ") || "none"}.`,
    );
  }

  async #sourceOfModel(model: ZooModel, settings: ModelSettings): Promise<Source> {
    const { manifest } = model;
    if (!model.present) {
      const why =
        model.damage === null
          ? "is listed and its graph was not fetched to this server yet"
          : `is damaged on the server: ${model.damage}`;
      throw new AppError("engine_unavailable", `Model ${manifest.id} ${why}.`);
    }
    const { graphSha256, labels, labelsSha256 } = await this.#readFacts(model);
    const labelCount =
      manifest.output.classes ?? (labels === null ? undefined : await this.#countLabels(labels, labelsSha256));
    return {
      identity: { id: manifest.id, version: manifest.version, sha256: graphSha256 },
      model,
      request: {
        overrides: { ...manifestOverrides(manifest), ...settings.overrides },
        source: Object.keys(settings.overrides).length > 0 ? "request" : "manifest",
        ...(labelCount === undefined ? {} : { label_count: labelCount }),
        threads: this.#options.threads,
      },
      labels,
      labelsSha256,
      labelOffset: settings.labelOffset ?? manifest.labels?.offset ?? null,
      readGraph: async () => [await model.readGraph()],
    };
  }

  async #readFacts(model: ZooModel): Promise<ZooFacts> {
    const known = this.#zooFacts.get(model);
    if (known !== undefined) return known;
    const { manifest } = model;
    const labels = await model.readLabels();
    const facts: ZooFacts = {
      graphSha256: manifest.graph.sha256 ?? (await sha256(await model.readGraph())),
      labels,
      labelsSha256: manifest.labels?.sha256 ?? (labels === null ? "" : await sha256(labels)),
    };
    this.#zooFacts.set(model, facts);
    return facts;
  }

  async #sourceOfUpload(
    choice: ModelChoice & { kind: "upload" | "uploaded" },
    settings: ModelSettings,
  ): Promise<Source> {
    const { graph, labels } = this.#findUpload(choice);
    const counted = labels === null ? {} : { label_count: await this.#countLabels(labels.bytes, labels.sha256) };
    return {
      identity: { id: UPLOADED_ID, version: graph.sha256.slice(0, VERSION_DIGITS), sha256: graph.sha256 },
      model: null,
      request: { overrides: settings.overrides, source: "request", ...counted, threads: this.#options.threads },
      labels: labels?.bytes ?? null,
      labelsSha256: labels?.sha256 ?? "",
      labelOffset: settings.labelOffset,
      readGraph: async () => graph.pieces,
    };
  }

  /** A graph that came before, with the labels that come now where there are any. */
  #findUpload(choice: ModelChoice & { kind: "upload" | "uploaded" }): Upload {
    if (choice.kind === "upload") {
      this.#uploads.put(choice.graph.sha256, choice);
      return choice;
    }
    const upload = this.#uploads.get(choice.sha256);
    if (upload !== undefined) return { ...upload, labels: choice.labels ?? upload.labels };
    const detail = `No graph with SHA-256 ${choice.sha256} is kept here (any more); send it again as model_file.`;
    throw new AppError("model_unknown", detail);
  }

  /** The number of labels chooses between several class outputs. A worker thread reads each file once. */
  async #countLabels(labels: Uint8Array, labelsSha256: string): Promise<number> {
    const known = this.#labelCounts.get(labelsSha256);
    if (known !== undefined) return known;
    const { count } = await this.#options.classifier.describeLabels(labels);
    this.#labelCounts.set(labelsSha256, count);
    const [oldest] = this.#labelCounts.keys();
    if (this.#labelCounts.size > LABEL_COUNTS_MAX && oldest !== undefined) this.#labelCounts.delete(oldest);
    return count;
  }

  /**
   * Uses the loaded model of a source, loading it where needed. When its engine dies meanwhile, the use is tried again
   * on a fresh one.
   */
  async #withEngine<T>(source: Source, use: (loaded: LoadedModel) => Promise<T>): Promise<T> {
    for (let retriesLeft = this.#options.retryCount; ; retriesLeft -= 1) {
      const slot = await this.#takeSlot(source);
      try {
        return await use(await this.#load(slot, source));
      } catch (error) {
        const died = error instanceof AppError && error.code === "engine_failed";
        if (!died || retriesLeft === 0) throw error;
      } finally {
        this.#leaveSlot(slot);
      }
    }
  }

  /** The slot of a source, made when there is none: waits for room when every slot is at work. */
  async #takeSlot(source: Source): Promise<Slot> {
    const key = keyOf(source);
    for (;;) {
      if (this.#closing) throw new AppError("engine_unavailable", "The service is stopping.");
      const known = this.#slots.get(key);
      if (known !== undefined || this.#slots.size < this.#options.modelsLoadedMax) {
        const slot = known ?? {
          key,
          graphSha256: source.identity.sha256,
          loaded: null,
          loading: null,
          useCount: 0,
          usesEnded: 0,
          memoryBytes: 0,
        };
        this.#slots.delete(key);
        this.#slots.set(key, slot);
        slot.useCount += 1;
        return slot;
      }
      const idle = [...this.#slots.values()].find((slot) => slot.useCount === 0);
      if (idle === undefined) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      } else {
        this.#slots.delete(idle.key);
        await idle.loaded?.close();
      }
    }
  }

  /** A slot that holds nothing and that nobody uses is given up. */
  #leaveSlot(slot: Slot): void {
    slot.useCount -= 1;
    slot.usesEnded += 1;
    if (slot.useCount === 0 && !slot.loaded?.alive) this.#slots.delete(slot.key);
    // After 1, 2, 4, 8, … uses, the load being the first: what a graph needs hardly changes after its first runs.
    if (Number.isInteger(Math.log2(slot.usesEnded))) void this.#measure(slot);
    else this.#putToSleep();
    this.#wake();
  }

  async #measure(slot: Slot): Promise<void> {
    slot.memoryBytes = (await slot.loaded?.memoryBytes()) ?? 0;
    this.#putToSleep();
  }

  /** Ends engines, the ones unused for longest first, until the limit of memory holds. The one used last stays. */
  #putToSleep(): void {
    const slots = [...this.#slots.values()];
    let memoryBytes = memoryOf(slots);
    for (const slot of slots.slice(0, -1)) {
      if (memoryBytes <= this.#options.modelsMemoryBytesMax) return;
      if (slot.useCount > 0) continue;
      this.#slots.delete(slot.key);
      memoryBytes -= slot.memoryBytes;
      void slot.loaded?.close();
    }
  }

  /** Loads once, however many ask. */
  async #load(slot: Slot, source: Source): Promise<LoadedModel> {
    if (slot.loaded?.alive) return slot.loaded;
    slot.loading ??= this.#loadFresh(slot, source).finally(() => {
      slot.loading = null;
    });
    return await slot.loading;
  }

  async #loadFresh(slot: Slot, { identity, model, request, readGraph }: Source): Promise<LoadedModel> {
    try {
      slot.loaded = await this.#options.engine.load(await readGraph(), { ...request, graph_sha256: identity.sha256 });
      if (model !== null) this.#failures.delete(model);
      return slot.loaded;
    } catch (error) {
      slot.loaded = null;
      if (error instanceof AppError) {
        if (model !== null && request.source === "manifest") this.#failures.set(model, error.message);
        if (error.code.startsWith("graph_")) this.#uploads.drop(identity.sha256);
      }
      throw error;
    }
  }

  /** Lets those that wait for a slot look again. */
  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function stateOf(model: ZooModel, problem: string | null, slots: readonly Slot[]): ModelListing["state"] {
  if (slots.some((slot) => slot.loading !== null)) return "loading";
  if (problem !== null) return "failed";
  return model.present ? "available" : "not fetched";
}

function memoryOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
}

/** The same graph with other settings is another loaded model. */
function keyOf({ identity, request }: Source): string {
  return `${identity.sha256}:${JSON.stringify(request)}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
