/**
 * The engine as a server that people run already: it has the models, and is given tensors. Graphs are resolved here, from
 * the zoo's own files, so that all but the run stays in this service; what the server says of a model is compared with that.
 * The one address that is asked is the operator's: nothing of a client becomes a part of it but the name of a zoo's model.
 */
import { LRUCache } from "lru-cache";
import { AppError, EngineError, sentence } from "../../errors.js";
import { Company } from "../../fair-queue.js";
import type { LoadRequest, ModelSpec, Runtime } from "../../generated/contract.js";
import type { EngineStatus, InferenceEngine, LoadedModel, ModelIdentity, ModelProgram, Pieces } from "../../ports.js";
import { printable } from "../../printable.js";
import { WorkerPool } from "../../worker-pool.js";
import { Runs } from "../lanes.js";
import { type Fit, fitOf, MisfitError } from "./fit.js";
import { RemoteModel, type RemoteModelOptions } from "./model.js";
import { type NamedElsewhere, nameElsewhere, type RemoteName } from "./names.js";
import { clauseOf } from "./problems.js";
import type { ToldModel } from "./server.js";
import { askThread, type Call, type Reply } from "./thread-calls.js";

export interface RemoteEngineOptions extends Omit<RemoteModelOptions, "threads" | "runs"> {
  readonly names: readonly NamedElsewhere[];
  readonly threadCount: number;
  /** For one call of a thread. */
  readonly threadMsMax: number;
  /** For what the server says of a model, which it may have to load first. */
  readonly describeMsMax: number;
  /** Told when the server becomes ready, and when it is not any more: why. */
  readonly log: (problem: string | null, error?: unknown) => void;
  /** Told what answers for a model. */
  readonly logLoad: (model: ModelIdentity, remote: RemoteName) => void;
  /** The script of the threads; that beside this file where it is absent. */
  readonly threadFile?: URL;
}

/** How often the server is asked whether it is ready. */
const PROBE_MS = 2000;
const PROBE_MS_MAX = 5000;
/** Of what the server calls itself. */
const NAME_CHARACTERS_MAX = 100;
/** Resolved graphs that are remembered. */
const SPECS_MAX = 100;

export function createRemoteEngine(options: RemoteEngineOptions): InferenceEngine {
  return new RemoteEngine(options);
}

class RemoteEngine implements InferenceEngine {
  readonly #options: RemoteEngineOptions;
  readonly #threads: WorkerPool<Call, Reply>;
  readonly #runs: Runs;
  readonly #models = new Set<RemoteModel>();
  readonly #specs = new LRUCache<string, ModelSpec>({ max: SPECS_MAX });
  #runtime: Runtime | null = null;
  /** Why nothing would be served now; null where it would. */
  #problem: string | null = "the remote server was not asked yet";
  #probing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closing = false;

  constructor(options: RemoteEngineOptions) {
    this.#options = options;
    const { threadFile = new URL("thread.js", import.meta.url), threadCount, threadMsMax, requestsMax } = options;
    this.#threads = new WorkerPool(threadFile, threadCount, threadMsMax);
    // One caller leaves a run to others, whatever the cores are here.
    this.#runs = new Runs(requestsMax, new Company(requestsMax));
    void this.#probe().catch(() => {});
  }

  async load(
    graph: Pieces,
    request: LoadRequest,
    program: ModelProgram | null = null,
    identity: ModelIdentity | null = null,
  ): Promise<LoadedModel> {
    if (program !== null) {
      const detail = `Model ${program.model} is served by a program, and this service, whose tensors run on another server, starts none.`;
      throw new AppError("engine_unavailable", detail);
    }
    if (request.origin === "stranger" || identity === null) {
      const detail = "This service runs tensors on another server, which has the models of its zoo and no others.";
      throw new AppError("forbidden", detail);
    }
    if (this.#closing) throw new AppError("engine_unavailable", "The service is stopping.");
    try {
      return await this.#open(graph, request, identity);
    } catch (error) {
      // What a server fails at says nothing of the graph: another time it may answer.
      const isPassing = error instanceof EngineError || (error instanceof AppError && error.code === "engine_failed");
      if (!isPassing) throw error;
      throw new AppError("engine_unavailable", error.message, { cause: error, retryAfterSeconds: 1 });
    }
  }

  async #open(graph: Pieces, request: LoadRequest, identity: ModelIdentity): Promise<LoadedModel> {
    await this.#probe();
    const { remote, told } = await this.#find(identity);
    const spec = await this.#resolve(graph, request);
    const fit = this.#fit(spec, told, { identity, request, remote });
    const options = { ...this.#options, threads: this.#threads, runs: this.#runs };
    const model = new RemoteModel(spec, fit, remote, this.#runtime, options, () => this.#models.delete(model));
    await model.tryOut();
    this.#models.add(model);
    this.#options.logLoad(identity, remote);
    return model;
  }

  status(): EngineStatus {
    return {
      kind: "remote",
      ready: this.#problem === null && !this.#closing,
      problem: this.#problem,
      runtime: this.#runtime,
      kernels: null,
      sandbox: { held: [], missing: ["none: tensors run on another server"] },
      cgroup: { held: false, reason: "tensors run on another server" },
      programs: [],
      modelCount: this.#models.size,
      spareCount: 0,
      waitingCount: this.#runs.waitingCount,
    };
  }

  async memoryBytes(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all([...this.#models].map((model) => model.close()));
    this.#options.server.close();
    await this.#threads.close();
  }

  /** Asks whether the server is ready, now and from then on. Rejects where it is not. */
  #probe(): Promise<void> {
    this.#probing ??= this.#probeOnce().finally(() => {
      this.#probing = null;
      if (this.#timer !== null) clearTimeout(this.#timer);
      if (this.#closing) return;
      this.#timer = setTimeout(() => void this.#probe().catch(() => {}), PROBE_MS).unref();
    });
    return this.#probing;
  }

  async #probeOnce(): Promise<void> {
    const { server, log } = this.#options;
    const before = this.#problem;
    try {
      const { name, version } = await server.probe(PROBE_MS_MAX);
      this.#runtime = { name: shortened(name), version: shortened(version) };
      this.#problem = null;
      if (before !== null) log(null);
    } catch (error) {
      this.#problem = clauseOf(error);
      if (this.#problem !== before) log(this.#problem, error);
      throw error;
    }
  }

  /** The server's model: that which was named for it, else the one of the same name, of the same version where it lists that. */
  async #find(identity: ModelIdentity): Promise<{ remote: RemoteName; told: ToldModel }> {
    const { server, names, describeMsMax } = this.#options;
    const named = nameElsewhere(names, identity);
    const remote = named ?? { name: identity.id, version: null };
    const told = await server.describe(remote, describeMsMax);
    if (named !== null || told.versions.length < 2 || !told.versions.includes(identity.version))
      return { remote, told };
    const same = { ...remote, version: identity.version };
    return { remote: same, told: await server.describe(same, describeMsMax) };
  }

  async #resolve(graph: Pieces, request: LoadRequest): Promise<ModelSpec> {
    const requestJson = JSON.stringify(request);
    const known = request.graph_sha256 === undefined ? undefined : this.#specs.get(requestJson);
    if (known !== undefined) return known;
    const reply = await askThread(this.#threads, { kind: "resolve", graph, requestJson });
    if (reply.kind === "refused") throw new AppError(reply.code, sentence(reply.message));
    if (reply.kind !== "spec") throw new Error(`a thread answered ${reply.kind}`);
    const spec = JSON.parse(reply.json) as ModelSpec;
    this.#specs.set(requestJson, spec);
    return spec;
  }

  #fit(
    spec: ModelSpec,
    told: ToldModel,
    { identity, request, remote }: { identity: ModelIdentity; request: LoadRequest; remote: RemoteName },
  ): Fit {
    try {
      return fitOf(spec, told);
    } catch (error) {
      if (!(error instanceof MisfitError)) throw error;
      const detail = `Model ${identity.id} does not fit ${remote.name} of the remote server: ${error.message}.`;
      throw new AppError(request.source === "request" ? "field_invalid" : "engine_unavailable", detail);
    }
  }
}

function shortened(name: string): string {
  return printable(name.slice(0, NAME_CHARACTERS_MAX));
}
