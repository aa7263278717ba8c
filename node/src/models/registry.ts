/**
 * Every model that answers: the zoo's by id, uploaded ones by the SHA-256 of their graph. What a request asks for is
 * found by `Sources`, loaded and kept warm by `Slots`.
 */
import { AppError } from "../errors.js";
import { type Evidence, FRAME_HEADER_BYTES, type ModelSpec } from "../generated/contract.js";
import {
  type ExportChoice,
  type ExportModel,
  type InferenceEngine,
  type ModelChoice,
  type ModelListing,
  type ModelSettings,
  type Models,
  type ModelZoo,
  NO_SETTINGS,
  type Observer,
  type OpenModel,
  type Party,
  type Pieces,
  UNOBSERVED,
  type ZooModel,
} from "../ports.js";
import { unlessAborted } from "../unless-aborted.js";
import { DamagedError } from "./file-zoo-model.js";
import { Slots, type SlotsOptions } from "./slots.js";
import { groupOf, type Source, Sources, type SourcesOptions } from "./sources.js";

export interface ModelRegistryOptions extends SourcesOptions, SlotsOptions {
  /** Whether graphs of strangers are refused when the engine is not fully confined. */
  readonly sandboxRequired: boolean;
  readonly exportModel: ExportModel;
}

export function createModelRegistry(options: ModelRegistryOptions): Models {
  return new ModelRegistry(options);
}

class ModelRegistry implements Models {
  readonly #zoo: ModelZoo;
  readonly #engine: InferenceEngine;
  readonly #sandboxRequired: boolean;
  readonly #exportModel: ExportModel;
  readonly #sources: Sources;
  readonly #slots: Slots;
  /** Taken out of service by clients who may. */
  readonly #unloaded = new WeakSet<ZooModel>();
  readonly #observer: Observer;
  /** How many requests use a model, and who waits for the last of them. */
  readonly #uses = new Map<ZooModel, { count: number; readonly free: (() => void)[] }>();

  constructor(options: ModelRegistryOptions) {
    this.#zoo = options.zoo;
    this.#engine = options.engine;
    this.#sandboxRequired = options.sandboxRequired;
    this.#exportModel = options.exportModel;
    this.#sources = new Sources(options);
    this.#slots = new Slots(options);
    this.#observer = options.observer ?? UNOBSERVED;
  }

  async use<T>(
    choice: ModelChoice,
    settings: ModelSettings,
    party: Party,
    work: (model: OpenModel) => Promise<T>,
  ): Promise<T> {
    if (choice.kind === "upload" || choice.kind === "uploaded") {
      this.#checkSandbox();
      return await this.#open(await this.#sources.ofUpload(choice, settings, party), party, work);
    }
    if (choice.kind === "candidate") return await this.#useModel(choice.model, settings, party, work);
    const model = this.#sources.findModel(choice.id, choice.version);
    let isAtWork = false;
    try {
      return await this.#useModel(model, settings, party, (open) => {
        isAtWork = true;
        return work(open);
      });
    } catch (error) {
      if (isAtWork || !(error instanceof DamagedError)) throw error;
      // Its files may be those of another version by now, which was not noticed yet.
      await unlessAborted(party.signal, this.#zoo.refresh());
      const now = this.#sources.findModel(choice.id, choice.version);
      if (now === model) throw error;
      return await this.#useModel(now, settings, party, work);
    }
  }

  async #useModel<T>(
    model: ZooModel,
    settings: ModelSettings,
    party: Party,
    work: (model: OpenModel) => Promise<T>,
  ): Promise<T> {
    const { id } = model.manifest;
    if (this.#unloaded.has(model)) {
      const detail = `Model ${id} was unloaded; POST /v2/repository/models/${id}/load loads it again.`;
      throw new AppError("engine_unavailable", detail);
    }
    if (model.registered) this.#checkSandbox();
    const release = this.#hold(model);
    try {
      return await this.#open(await this.#sources.ofModel(model, settings, party), party, work);
    } finally {
      release();
    }
  }

  async export(model: ZooModel, choice: ExportChoice, party: Party): Promise<Pieces> {
    if (model.registered) this.#checkSandbox();
    const release = this.#hold(model);
    let letGo = () => {};
    try {
      const source = await this.#sources.ofModel(model, NO_SETTINGS, party);
      const { request, labels, labelOffset, confidence } = source;
      const graph = await source.readGraph((bytes) => {
        letGo = party.hold(bytes);
      });
      const temperature = confidence?.temperature ?? 1;
      return await this.#exportModel({ graph, request, labels, labelOffset, temperature }, choice, party);
    } finally {
      letGo();
      release();
    }
  }

  isStrangers(choice: ModelChoice): boolean {
    if (choice.kind === "zoo") {
      const id = choice.id ?? this.#zoo.defaultId;
      return id !== null && (this.#zoo.find(id, choice.version ?? undefined)?.registered ?? false);
    }
    return choice.kind !== "candidate" || choice.model.registered;
  }

  groupOf(choice: ModelChoice): string {
    if (choice.kind === "upload" || choice.kind === "uploaded") return groupOf(null);
    if (choice.kind === "candidate") return groupOf(choice.model);
    const id = choice.id ?? this.#zoo.defaultId;
    const model = id === null ? undefined : this.#zoo.find(id, choice.version ?? undefined);
    return model === undefined ? "unknown" : groupOf(model);
  }

  list(): ModelListing[] {
    return this.#zoo.list().map((model) => {
      const { id } = model.manifest;
      const { loading, memoryBytes } = this.#slots.ofGraph(this.#sources.graphSha256Of(model));
      const failure = model.damage ?? this.#slots.failureOf(model);
      return {
        model,
        versions: this.#zoo.versionsOf(id),
        isDefault: id === this.#zoo.defaultId,
        state: this.#unloaded.has(model) ? "unloaded" : stateOf(model, failure, loading),
        loaded: memoryBytes !== null,
        memoryBytes,
        problem: failure ?? model.rejected,
      };
    });
  }

  memoryBytesOf(model: ZooModel): number | null {
    return this.#slots.ofGraph(this.#sources.graphSha256Of(model)).memoryBytes;
  }

  async load(id: string, party: Party): Promise<void> {
    for (const model of this.#versionsOf(id)) this.#unloaded.delete(model);
    await this.use({ kind: "zoo", id, version: null }, NO_SETTINGS, party, async () => {});
  }

  unload(id: string): void {
    for (const model of this.#versionsOf(id)) {
      this.#unloaded.add(model);
      void this.retire(model);
    }
  }

  async retire(model: ZooModel): Promise<void> {
    const uses = this.#uses.get(model);
    if (uses !== undefined) await new Promise<void>((resolve) => uses.free.push(resolve));
    const graph = this.#sources.graphSha256Of(model);
    const isServed = this.#zoo.list().some((other) => other !== model && this.#sources.graphSha256Of(other) === graph);
    if (!isServed) await this.#slots.retire(graph);
  }

  loadedCount(): number {
    return this.#slots.loadedCount();
  }

  async close(): Promise<void> {
    await this.#slots.close();
  }

  async #open<T>(source: Source, party: Party, work: (model: OpenModel) => Promise<T>): Promise<T> {
    const { spec, runtime, imagesMax, tensors } = await this.#slots.use(source, party, async (loaded) => loaded);
    source.keep();
    return await work({
      identity: { ...source.identity, ...(runtime === null ? {} : { runtime }) },
      target: {
        key: source.key,
        spec: withDecided(spec, source.decided),
        imagesMax,
        tensors,
        labels: source.labels,
        labelOffset: source.labelOffset,
        confidence: source.confidence,
        stranger: source.stranger,
        party,
        exchange: (frame) =>
          this.#slots.use(source, party, (loaded) => {
            this.#observer.ran(imageCountOf(frame));
            return loaded.exchange(frame, party);
          }),
      },
    });
  }

  /** @throws AppError `model_unknown`. */
  #versionsOf(id: string): ZooModel[] {
    this.#sources.findModel(id, null);
    return this.#zoo.versionsOf(id).flatMap((version) => this.#zoo.find(id, version) ?? []);
  }

  #hold(model: ZooModel): () => void {
    const uses = this.#uses.get(model) ?? { count: 0, free: [] };
    this.#uses.set(model, uses);
    uses.count += 1;
    return () => {
      uses.count -= 1;
      if (uses.count > 0) return;
      this.#uses.delete(model);
      for (const resolve of uses.free) resolve();
    };
  }

  #checkSandbox(): void {
    // An engine that has not said what confines it is asked when it loads.
    const missing = this.#engine.status().sandbox?.missing ?? [];
    if (!this.#sandboxRequired || missing.length === 0) return;
    const detail = `This service takes no graphs, since it cannot confine them: ${missing.join("; ")}.`;
    throw new AppError("forbidden", detail);
  }
}

/** A spec that says why settings were taken, where it has them as they were decided. */
function withDecided(spec: ModelSpec, { evidence, warnings }: Source["decided"]): ModelSpec {
  if (evidence.length === 0 && warnings.length === 0) return spec;
  const explained = spec.evidence.map((entry) => {
    const isSame = (other: Evidence) => other.field === entry.field && asFloats(other.value) === asFloats(entry.value);
    return evidence.find(isSame) ?? entry;
  });
  return { ...spec, evidence: explained, warnings: [...spec.warnings, ...warnings] };
}

/** As JSON, with numbers as float32: what was written and read again may end in other digits. */
function asFloats(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => (typeof part === "number" ? Math.fround(part) : part));
}

/** Images of an infer frame: the first number behind its head. */
function imageCountOf({ buffer, byteOffset }: Uint8Array): number {
  return new DataView(buffer, byteOffset).getUint32(FRAME_HEADER_BYTES, true);
}

function stateOf(model: ZooModel, failure: string | null, loading: boolean): ModelListing["state"] {
  if (loading) return "loading";
  if (failure !== null) return "failed";
  return model.present ? "available" : "not fetched";
}
