/**
 * Every model that answers: the zoo's by id, uploaded ones by the SHA-256 of their graph.
 *
 * A model is loaded when it is first asked for and then kept warm. A *slot* holds one loaded graph with one set of
 * settings; there are at most `modelsLoadedMax`, and the one unused for longest makes room. A slot whose engine died
 * loads again when it is next used.
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
  UploadedFile,
  ZooModel,
} from "../ports.js";
import { manifestOverrides } from "./manifest.js";
import { sha256 } from "./sha256.js";
import { createUploadCache, type UploadCache } from "./upload-cache.js";

export interface ModelRegistryOptions {
  readonly engine: InferenceEngine;
  readonly classifier: Classifier;
  readonly zoo: ModelZoo;
  readonly modelsLoadedMax: number;
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

/** A graph with its labels and settings, found but not loaded. */
interface Source {
  readonly identity: ModelIdentity;
  readonly zooId: string | null;
  readonly request: LoadRequest;
  /** Null where there are none: the classes are numbered. */
  readonly labels: Uint8Array | null;
  readonly labelsSha256: string;
  readonly labelOffset: number | null;
  readGraph(): Promise<Uint8Array>;
}

interface Slot {
  readonly key: string;
  readonly zooId: string | null;
  loaded: LoadedModel | null;
  loading: Promise<LoadedModel> | null;
  /** Requests that hold it now; it is not given up meanwhile. */
  useCount: number;
}

/** What is read once of a model of the zoo. */
interface ZooFacts {
  readonly graphSha256: string;
  readonly labels: Uint8Array;
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
  readonly #failures = new Map<string, string>();
  readonly #zooFacts = new WeakMap<ZooModel, ZooFacts>();
  #waiting: (() => void)[] = [];
  #closing = false;

  constructor(options: ModelRegistryOptions) {
    this.#options = options;
    this.#uploads = createUploadCache(options.uploadedGraphsBytesMax);
  }

  async open(choice: ModelChoice, settings: ModelSettings): Promise<OpenModel> {
    const source = await this.#find(choice, settings);
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
    };
  }

  list(): ModelListing[] {
    const { zoo } = this.#options;
    return zoo.list().map((model) => {
      const { id } = model.manifest;
      const slots = [...this.#slots.values()].filter(({ zooId }) => zooId === id);
      const problem = model.damage ?? this.#failures.get(id) ?? null;
      return {
        model,
        isDefault: id === zoo.defaultId,
        state: stateOf(model, problem, slots),
        loaded: slots.some((slot) => slot.loaded?.alive),
        problem,
      };
    });
  }

  loadedCount(): number {
    return [...this.#slots.values()].filter((slot) => slot.loaded?.alive).length;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#slots.values()].map((slot) => slot.loaded?.close()));
    this.#slots.clear();
  }

  async #find(choice: ModelChoice, settings: ModelSettings): Promise<Source> {
    if (choice.kind !== "zoo") this.#checkSandbox();
    switch (choice.kind) {
      case "zoo":
        return await this.#findInZoo(choice.id, choice.version, settings);
      case "upload":
        this.#uploads.put(choice.graph.sha256, { graph: choice.graph, labels: choice.labels });
        return await this.#sourceOfUpload(choice.graph, choice.labels, settings);
      case "uploaded":
        return await this.#findUploaded(choice.sha256, choice.labels, settings);
    }
  }

  #checkSandbox(): void {
    const { sandbox } = this.#options.engine.status();
    if (!this.#options.sandboxRequired || sandbox?.missing.length === 0) return;
    const missing = sandbox?.missing.join("; ") ?? "the engine has not said what confines it";
    throw new AppError("forbidden", `This service takes no graphs, since it cannot confine them: ${missing}.`);
  }

  async #findInZoo(id: string | null, version: string | null, settings: ModelSettings): Promise<Source> {
    const { zoo } = this.#options;
    const wanted = id ?? zoo.defaultId;
    if (wanted === null) {
      throw new AppError("model_unknown", "This service has no default model; name one with `model`, or send a graph.");
    }
    const model = zoo.find(wanted);
    if (model === undefined) {
      const known = zoo.list().map(({ manifest }) => manifest.id);
      throw new AppError(
        "model_unknown",
        `There is no model ${quoted(wanted)}; known are: ${known.join(", ") || "none"}.`,
      );
    }
    const { manifest } = model;
    if (version !== null && version !== manifest.version) {
      const detail = `Model ${manifest.id} has no version ${quoted(version)}; it has: ${manifest.version}.`;
      throw new AppError("version_unknown", detail);
    }
    if (!model.present && model.damage === null) {
      const detail = `Model ${manifest.id} is listed and its graph was not fetched to this server yet.`;
      throw new AppError("engine_unavailable", detail);
    }
    const { graphSha256, labels, labelsSha256 } = await this.#readFacts(model);
    const overridden = Object.keys(settings.overrides).length > 0;
    return {
      identity: { id: manifest.id, version: manifest.version, sha256: graphSha256 },
      zooId: manifest.id,
      request: {
        overrides: { ...manifestOverrides(manifest), ...settings.overrides },
        source: overridden ? "request" : "manifest",
        ...(manifest.output.classes === undefined ? {} : { label_count: manifest.output.classes }),
        threads: this.#options.threads,
      },
      labels,
      labelsSha256,
      labelOffset: settings.labelOffset,
      readGraph: () => model.readGraph(),
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
      labelsSha256: manifest.labels.sha256 ?? (await sha256(labels)),
    };
    this.#zooFacts.set(model, facts);
    return facts;
  }

  async #findUploaded(hash: string, labels: UploadedFile | null, settings: ModelSettings): Promise<Source> {
    const upload = this.#uploads.get(hash);
    if (upload === undefined) {
      const detail = `No graph with SHA-256 ${hash} is kept here (any more); send it again as model_file.`;
      throw new AppError("model_unknown", detail);
    }
    return await this.#sourceOfUpload(upload.graph, labels ?? upload.labels, settings);
  }

  async #sourceOfUpload(graph: UploadedFile, labels: UploadedFile | null, settings: ModelSettings): Promise<Source> {
    if (labels === null && settings.labelOffset !== null) {
      const detail = `label_offset=${settings.labelOffset} shifts labels, and the graph came without; send them as label_file.`;
      throw new AppError("labels_missing", detail);
    }
    const counted = labels === null ? {} : await this.#countLabels(labels);
    return {
      identity: { id: UPLOADED_ID, version: graph.sha256.slice(0, VERSION_DIGITS), sha256: graph.sha256 },
      zooId: null,
      request: { overrides: settings.overrides, source: "request", ...counted, threads: this.#options.threads },
      labels: labels?.bytes ?? null,
      labelsSha256: labels?.sha256 ?? "",
      labelOffset: settings.labelOffset,
      readGraph: async () => graph.bytes,
    };
  }

  /** The number of labels chooses between several class outputs. */
  async #countLabels(labels: UploadedFile): Promise<{ label_count: number }> {
    return { label_count: (await this.#options.classifier.describeLabels(labels.bytes)).count };
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
        const slot = known ?? { key, zooId: source.zooId, loaded: null, loading: null, useCount: 0 };
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
    if (slot.useCount === 0 && !slot.loaded?.alive) this.#slots.delete(slot.key);
    this.#wake();
  }

  /** Loads once, however many ask. */
  async #load(slot: Slot, source: Source): Promise<LoadedModel> {
    if (slot.loaded?.alive) return slot.loaded;
    slot.loading ??= this.#loadFresh(slot, source).finally(() => {
      slot.loading = null;
    });
    return await slot.loading;
  }

  async #loadFresh(slot: Slot, { identity, zooId, request, readGraph }: Source): Promise<LoadedModel> {
    try {
      slot.loaded = await this.#options.engine.load(await readGraph(), request);
      if (zooId !== null) this.#failures.delete(zooId);
      return slot.loaded;
    } catch (error) {
      slot.loaded = null;
      if (error instanceof AppError) {
        if (zooId !== null && request.source === "manifest") this.#failures.set(zooId, error.message);
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

/** The same graph with other settings is another loaded model. */
function keyOf({ identity, request }: Source): string {
  return `${identity.sha256}:${JSON.stringify(request)}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
