/**
 * ONNX Runtime for each graph on which it agrees with libtensorflow, which is the reference; libtensorflow for the others.
 *
 * A graph that was not seen before is loaded on both, in two processes, and both are given the same made pictures. One of the
 * two goes on and the other ends; from then on the graph is loaded on the one alone. Where there is no libtensorflow, the
 * answers that are kept of a model take its place, and a version of it that says otherwise is refused from then on.
 */
import { AppError, EngineError, messageOf } from "../errors.js";
import type { LoadRequest, ModelSpec } from "../generated/contract.js";
import type {
  EngineStatus,
  GoldenComparison,
  InferenceEngine,
  LoadedModel,
  ModelIdentity,
  ModelProgram,
  ModelRuntime,
  Party,
  Pieces,
} from "../ports.js";
import { disagreement } from "./compare.js";

export interface AutoEngineOptions {
  readonly onnxruntime: InferenceEngine;
  /** Started when a graph is first seen: nothing needs it later where ONNX Runtime takes all graphs. */
  readonly openLibtensorflow: () => InferenceEngine;
  /**
   * Compares a model that was loaded with the answers that are kept of it, which libtensorflow gave: asked where there is no
   * libtensorflow.
   */
  readonly compareGolden: (
    model: LoadedModel,
    request: LoadRequest,
    identity: ModelIdentity | undefined,
  ) => Promise<GoldenComparison>;
  /** Told of each graph that does not run on ONNX Runtime, and of each that runs there unchecked. */
  readonly log: (choice: Choice & { readonly sha256: string | null }) => void;
}

/** What a graph runs on, and why, where that is not the rule. */
interface Choice {
  /** Null where nothing is left that it could run on. */
  readonly runtime: "onnxruntime" | "libtensorflow" | null;
  readonly reason: string | null;
}

/** Graphs whose choice is remembered; the one that was seen first is forgotten first. */
const CHOICES_MAX = 10_000;

export function createAutoEngine(options: AutoEngineOptions): InferenceEngine {
  return new AutoEngine(options);
}

class AutoEngine implements InferenceEngine {
  readonly #options: AutoEngineOptions;
  readonly #choices = new Map<string, Choice>();
  /** Models that say otherwise than is kept of them. */
  readonly #refusals = new Map<string, AppError>();
  #libtensorflow: InferenceEngine | null = null;

  constructor(options: AutoEngineOptions) {
    this.#options = options;
  }

  async load(
    graph: Pieces,
    request: LoadRequest,
    program: ModelProgram | null = null,
    identity?: ModelIdentity,
  ): Promise<LoadedModel> {
    const { onnxruntime, log } = this.#options;
    if (program !== null) return await onnxruntime.load(graph, request, program);
    const key = keyOf(request);
    const refusal = key === null ? undefined : this.#refusals.get(versionKeyOf(key, identity));
    if (refusal !== undefined) throw refusal;
    const known = key === null ? undefined : this.#choices.get(key);
    if (known !== undefined) return new ChosenModel(await this.#engineOf(known).load(graph, request), known.reason);
    const { model, choice, isFinal } = await this.#choose(graph, request, identity);
    if (key !== null && isFinal) remember(this.#choices, key, choice);
    if (choice.reason !== null) log({ ...choice, sha256: request.graph_sha256 ?? null });
    return new ChosenModel(model, choice.reason);
  }

  status(): EngineStatus {
    const status = this.#options.onnxruntime.status();
    const other = this.#libtensorflow?.status();
    if (other === undefined) return status;
    return {
      ...status,
      modelCount: status.modelCount + other.modelCount,
      spareCount: status.spareCount + other.spareCount,
      waitingCount: status.waitingCount + other.waitingCount,
    };
  }

  async memoryBytes(): Promise<number> {
    const bytes = await Promise.all(this.#engines().map((engine) => engine.memoryBytes()));
    return bytes.reduce((sum, own) => sum + own, 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#engines().map((engine) => engine.close()));
  }

  #engines(): InferenceEngine[] {
    return [this.#options.onnxruntime, ...(this.#libtensorflow === null ? [] : [this.#libtensorflow])];
  }

  #engineOf({ runtime }: Choice): InferenceEngine {
    if (runtime === "onnxruntime") return this.#options.onnxruntime;
    this.#libtensorflow ??= this.#options.openLibtensorflow();
    return this.#libtensorflow;
  }

  /** Loads a graph on both; `isFinal` where the same would come of it again. */
  async #choose(
    graph: Pieces,
    request: LoadRequest,
    identity: ModelIdentity | undefined,
  ): Promise<{ model: LoadedModel; choice: Choice; isFinal: boolean }> {
    const reference = this.#engineOf({ runtime: "libtensorflow", reason: null });
    const [wanted, found] = await Promise.allSettled([
      reference.load(graph, request),
      this.#options.onnxruntime.load(graph, request),
    ]);
    if (wanted.status === "rejected")
      return await this.#withoutReference(reference, wanted.reason, found, (model) =>
        this.#checkGolden(model, request, identity, messageOf(wanted.reason)),
      );
    const reason =
      found.status === "rejected" ? messageOf(found.reason) : await disagreement(wanted.value, found.value, PARTY);
    if (found.status === "fulfilled" && reason === null) {
      void wanted.value.close();
      return { model: found.value, choice: { runtime: "onnxruntime", reason }, isFinal: true };
    }
    if (found.status === "fulfilled") void found.value.close();
    // A process that was lost, or too slow, says nothing of the graph.
    const isFinal = !(found.status === "rejected" && found.reason instanceof EngineError);
    return { model: wanted.value, choice: { runtime: "libtensorflow", reason }, isFinal };
  }

  /** Where libtensorflow is not there, ONNX Runtime is what there is; what it refuses is refused, and what `check` finds wrong. */
  async #withoutReference(
    reference: InferenceEngine,
    error: unknown,
    found: PromiseSettledResult<LoadedModel>,
    check: (model: LoadedModel) => Promise<string | null>,
  ): Promise<{ model: LoadedModel; choice: Choice; isFinal: boolean }> {
    const isAbsent = error instanceof AppError && error.code === "engine_unavailable";
    if (isAbsent && this.#libtensorflow === reference) {
      // Else it would be tried again and again.
      this.#libtensorflow = null;
      void reference.close();
    }
    if (found.status === "rejected") throw isAbsent ? found.reason : error;
    if (!isAbsent) {
      void found.value.close();
      throw error;
    }
    const reason = await check(found.value).catch((problem: unknown) => {
      void found.value.close();
      throw problem;
    });
    return { model: found.value, choice: { runtime: "onnxruntime", reason }, isFinal: reason === null };
  }

  /**
   * Why a model on ONNX Runtime is unchecked; null where it says what is kept of it.
   * @throws AppError `engine_unavailable` where it says something else: a wrong answer is worse than none.
   */
  async #checkGolden(
    model: LoadedModel,
    request: LoadRequest,
    identity: ModelIdentity | undefined,
    absence: string,
  ): Promise<string | null> {
    const { compareGolden, log } = this.#options;
    const { photoCount, difference } = await compareGolden(model, request, identity);
    if (difference !== null) {
      const reason = `on ONNX Runtime it answers otherwise than its golden.json, and there is no libtensorflow to run it: ${difference}`;
      log({ runtime: null, reason, sha256: request.graph_sha256 ?? null });
      const mend =
        "Install libtensorflow (LIBTENSORFLOW_PATH), or serve it all the same with RUNTIME=onnxruntime, and start the service again.";
      const refusal = new AppError("engine_unavailable", `This model is not served: ${reason}. ${mend}`);
      const key = keyOf(request);
      if (key !== null) remember(this.#refusals, versionKeyOf(key, identity), refusal);
      throw refusal;
    }
    return photoCount > 0 ? null : `its answers were not compared with libtensorflow's: ${absence}`;
  }
}

/** The service itself, which compares for all of its clients. */
const PARTY: Party = {
  caller: "menagerie",
  request: {},
  signal: new AbortController().signal,
  hold: () => () => {},
};

/** What the answers of a graph hang on; null where the graph is not named. */
function keyOf({ graph_sha256: sha256, format, overrides, label_count: labels }: LoadRequest): string | null {
  return sha256 === undefined ? null : JSON.stringify([sha256, format, overrides, labels ?? null]);
}

/** What is kept of a model is its version's. */
function versionKeyOf(key: string, identity: ModelIdentity | undefined): string {
  return JSON.stringify([key, identity?.id, identity?.version]);
}

function remember<T>(known: Map<string, T>, key: string, what: T): void {
  known.set(key, what);
  if (known.size <= CHOICES_MAX) return;
  const [first] = known.keys();
  if (first !== undefined) known.delete(first);
}

/** A model that says why it runs where it runs. */
class ChosenModel implements LoadedModel {
  readonly runtime: ModelRuntime | null;
  readonly #model: LoadedModel;

  constructor(model: LoadedModel, reason: string | null) {
    this.#model = model;
    this.runtime = model.runtime === null || reason === null ? model.runtime : { ...model.runtime, reason };
  }

  get spec(): ModelSpec {
    return this.#model.spec;
  }

  get imagesMax(): number {
    return this.#model.imagesMax;
  }

  get tensors(): boolean {
    return this.#model.tensors;
  }

  get alive(): boolean {
    return this.#model.alive;
  }

  exchange(frame: Uint8Array, party: Party): Promise<Uint8Array> {
    return this.#model.exchange(frame, party);
  }

  memoryBytes(): Promise<number> {
    return this.#model.memoryBytes();
  }

  close(): Promise<void> {
    return this.#model.close();
  }
}
