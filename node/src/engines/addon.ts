/**
 * The engine as a Node library, in this very process. It confines nothing: whoever builds it says which graphs are
 * trusted, and others are refused.
 */
import { AppError, EngineError, messageOf, sentence } from "../errors.js";
import type { LoadRequest, ModelSpec, Runtime } from "../generated/contract.js";
import type { EngineStatus, InferenceEngine, LoadedModel, ModelProgram, Party, Pieces } from "../ports.js";
import { codeOf } from "../wasm-module.js";
import { Lanes } from "./lanes.js";

/** What `@menagerie/native` exports; the types stand here so that this room compiles before it is built. */
interface Addon {
  readonly Model: { load(graph: Uint8Array, loadRequestJson: string, runtimeName: string): Promise<AddonModelHandle> };
  runtime(name: string): Promise<Loaded>;
}

type Loaded = Readonly<Record<"name" | "version" | "kernels", string>>;

interface AddonModelHandle {
  readonly spec: string;
  readonly lanes: number;
  exchange(frame: Uint8Array): Promise<Uint8Array>;
}

export interface AddonEngineOptions {
  /** What runs graphs: `libtensorflow` or `onnxruntime`. */
  readonly runtime: string;
  /** Folders of both; the system's folders where they are undefined. */
  readonly libtensorflowPath?: string;
  readonly onnxruntimePath?: string;
  /** `1` where oneDNN may run, else `0`. Of one process, the first engine's holds. */
  readonly tfEnableOnednnOpts: string;
  /** Whether a graph may run in this process. */
  readonly isTrusted: (graph: Uint8Array) => Promise<boolean>;
}

const PACKAGE = "@menagerie/native";

/** Loads the addon and its runtime. Rejects with `engine_unavailable` when either is not there. */
export async function createAddonEngine(options: AddonEngineOptions): Promise<InferenceEngine> {
  if (options.libtensorflowPath !== undefined) process.env["LIBTENSORFLOW_PATH"] = options.libtensorflowPath;
  if (options.onnxruntimePath !== undefined) process.env["ONNXRUNTIME_PATH"] = options.onnxruntimePath;
  process.env["TF_ENABLE_ONEDNN_OPTS"] = options.tfEnableOnednnOpts;
  try {
    const { default: addon } = (await import(PACKAGE)) as { default: Addon };
    return new AddonEngine(addon, await addon.runtime(options.runtime), options);
  } catch (error) {
    throw new AppError("engine_unavailable", `The engine addon cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Of one exchange: `IMAGES_MAX` of native/engine. */
const IMAGES_MAX = 64;

class AddonEngine implements InferenceEngine {
  readonly #addon: Addon;
  readonly #runtime: Runtime;
  readonly #kernels: string;
  readonly #options: AddonEngineOptions;
  readonly #models = new Set<AddonModel>();

  constructor(addon: Addon, { name, version, kernels }: Loaded, options: AddonEngineOptions) {
    this.#addon = addon;
    this.#runtime = { name, version };
    this.#kernels = kernels;
    this.#options = options;
  }

  async load(
    [first = new Uint8Array(), ...others]: Pieces,
    request: LoadRequest,
    program: ModelProgram | null = null,
  ): Promise<LoadedModel> {
    if (program !== null) {
      const detail = `Model ${program.model} is served by a program, and this service (ENGINE=addon) starts none.`;
      throw new AppError("engine_unavailable", detail);
    }
    const graph = others.length === 0 ? first : Buffer.concat([first, ...others]);
    if (!(await this.#options.isTrusted(graph))) {
      const detail = "This service runs graphs in its own process (ENGINE=addon) and takes models of its zoo only.";
      throw new AppError("forbidden", detail);
    }
    const handle = await asking(this.#addon.Model.load(graph, JSON.stringify(request), this.#runtime.name));
    const model = new AddonModel(handle, this.#runtime, () => this.#models.delete(model));
    this.#models.add(model);
    return model;
  }

  status(): EngineStatus {
    return {
      kind: "addon",
      problem: null,
      ready: true,
      runtime: this.#runtime,
      kernels: this.#kernels,
      sandbox: { held: [], missing: ["none: graphs run in the service's own process"] },
      cgroup: { held: false, reason: "graphs run in the service's own process" },
      programs: [],
      modelCount: this.#models.size,
      spareCount: 0,
      waitingCount: [...this.#models].reduce((sum, model) => sum + model.waitingCount, 0),
    };
  }

  async memoryBytes(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#models].map((model) => model.close()));
  }
}

class AddonModel implements LoadedModel {
  readonly spec: ModelSpec;
  readonly runtime: Runtime;
  readonly imagesMax = IMAGES_MAX;
  readonly tensors = true;
  /** Null once closed, so that the garbage collector frees the session. */
  #handle: AddonModelHandle | null;
  readonly #lanes: Lanes;
  readonly #onClose: () => void;
  #closing = false;

  constructor(handle: AddonModelHandle, runtime: Runtime, onClose: () => void) {
    this.#handle = handle;
    this.runtime = runtime;
    this.#onClose = onClose;
    this.#lanes = new Lanes(handle.lanes, (frame) => this.#run(frame));
    this.spec = JSON.parse(handle.spec) as ModelSpec;
  }

  get alive(): boolean {
    return !this.#closing;
  }

  get waitingCount(): number {
    return this.#lanes.waitingCount;
  }

  exchange(frame: Uint8Array, party: Party): Promise<Uint8Array> {
    return this.#lanes.exchange(frame, party);
  }

  async memoryBytes(): Promise<number> {
    return this.spec.graph.memory_bytes_estimate;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#lanes.close();
    this.#handle = null;
    this.#onClose();
  }

  async #run(frame: Uint8Array): Promise<Uint8Array> {
    if (this.#handle === null) throw new EngineError("engine_failed", "running", "The engine was closed.");
    return await asking(this.#handle.exchange(frame));
  }
}

/** Gives errors of the addon the type that the service knows. */
async function asking<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new AppError(codeOf(error) ?? "engine_failed", sentence(messageOf(error)), { cause: error });
  }
}
