/**
 * The engine as a server that people run already: it has the models, and is given tensors. Graphs are resolved here, from
 * the zoo's own files, so that all but the run stays in this service; what the server says of a model is compared with that.
 * The one address that is asked is the operator's: nothing of a client becomes a part of it but the name of a zoo's model.
 */
import { LRUCache } from "lru-cache";
import { AppError, EngineError, sentence } from "../../errors.js";
import {
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  FRAME_REQUEST_ID_OFFSET,
  type LoadRequest,
  type ModelSpec,
  type Runtime,
} from "../../generated/contract.js";
import type {
  EngineStatus,
  InferenceEngine,
  LoadedModel,
  ModelIdentity,
  ModelProgram,
  Party,
  Pieces,
} from "../../ports.js";
import { fedShape, valuesPerImage } from "../../tensors.js";
import { WorkerPool } from "../../worker-pool.js";
import { greyFrame } from "../compare.js";
import { Lanes, Runs } from "../lanes.js";
import { type Fit, fitOf, MisfitError } from "./fit.js";
import { type NamedElsewhere, nameElsewhere, type RemoteName } from "./names.js";
import { clauseOf } from "./problems.js";
import type { Fetched, RemoteServer, ToldModel } from "./server.js";
import type { Call, Form, Reply } from "./thread-calls.js";

export interface RemoteEngineOptions {
  readonly server: RemoteServer;
  readonly names: readonly NamedElsewhere[];
  /** Runs that are with the server at once. */
  readonly requestsMax: number;
  /** Images in one run. */
  readonly imagesMax: number;
  readonly threadCount: number;
  /** For one call of a thread. */
  readonly threadMsMax: number;
  /** For what the server says of itself and of a model. */
  readonly askMsMax: number;
  readonly firstRunMsMax: number;
  readonly runMsMax: number;
  /** Told when the server becomes ready, and when it is not any more: why. */
  readonly log: (problem: string | null, error?: unknown) => void;
  /** Told what answers for a model. */
  readonly logLoad: (model: ModelIdentity, remote: RemoteName) => void;
  /** The script of the threads; that beside this file where it is absent. */
  readonly threadFile?: URL;
}

/** How often the server is asked whether it is ready. */
const PROBE_MS = 2000;
/** Resolved graphs that are remembered. */
const SPECS_MAX = 100;
/** What JSON takes for one value, at most, with what stands around it. */
const JSON_VALUE_BYTES_MAX = 32;
const ANSWER_HEAD_BYTES_MAX = 64 * 1024;

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
    this.#runs = new Runs(requestsMax);
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
    const { server, askMsMax, log } = this.#options;
    const before = this.#problem;
    try {
      this.#runtime = await server.probe(askMsMax);
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
    const { server, names, askMsMax } = this.#options;
    const named = nameElsewhere(names, identity);
    const remote = named ?? { name: identity.id, version: null };
    const told = await server.describe(remote, askMsMax);
    if (named !== null || told.versions.length < 2 || !told.versions.includes(identity.version))
      return { remote, told };
    const same = { ...remote, version: identity.version };
    return { remote: same, told: await server.describe(same, askMsMax) };
  }

  async #resolve(graph: Pieces, request: LoadRequest): Promise<ModelSpec> {
    const requestJson = JSON.stringify(request);
    const known = request.graph_sha256 === undefined ? undefined : this.#specs.get(requestJson);
    if (known !== undefined) return known;
    const reply = await ask(this.#threads, { kind: "resolve", graph, requestJson });
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

/** The service itself: whose turn it is was decided by the lanes. */
const PARTY: Party = {
  caller: "menagerie",
  request: {},
  signal: new AbortController().signal,
  hold: () => () => {},
};

/** Reading an answer goes before making a tensor: it ends work that was begun. */
async function ask(threads: WorkerPool<Call, Reply>, call: Call): Promise<Reply> {
  try {
    return await threads.call(call, { party: PARTY, urgent: call.kind === "reply", heavy: call.kind === "resolve" });
  } catch (error) {
    throw new AppError("engine_failed", `A thread did not ${call.kind} what it was given.`, { cause: error });
  }
}

interface RemoteModelOptions extends RemoteEngineOptions {
  readonly threads: WorkerPool<Call, Reply>;
  readonly runs: Runs;
}

class RemoteModel implements LoadedModel {
  readonly spec: ModelSpec;
  readonly runtime: Runtime | null;
  readonly imagesMax: number;
  readonly tensors: boolean;
  readonly #fit: Fit;
  readonly #remote: RemoteName;
  readonly #options: RemoteModelOptions;
  /** `InputSpec`, with the batch that the server asks for. */
  readonly #inputJson: string;
  readonly #lanes: Lanes;
  readonly #onClose: () => void;
  #closing = false;
  /** The server was gone, and may have another model when it is there again: what it says of it is asked anew. */
  #lost = false;

  constructor(
    spec: ModelSpec,
    fit: Fit,
    remote: RemoteName,
    runtime: Runtime | null,
    options: RemoteModelOptions,
    onClose: () => void,
  ) {
    this.spec = spec;
    this.#fit = fit;
    this.#remote = remote;
    this.runtime = runtime;
    this.#options = options;
    this.#onClose = onClose;
    this.imagesMax = Math.min(options.imagesMax, fit.batch ?? options.imagesMax);
    this.tensors = spec.input.dtype === "float32";
    const { batch: _, ...input } = spec.input;
    this.#inputJson = JSON.stringify(fit.batch === null ? input : { ...input, batch: fit.batch });
    this.#lanes = new Lanes(options.requestsMax, (frame) => this.#run(frame, options.runMsMax), options.runs);
  }

  get alive(): boolean {
    return !this.#lost && !this.#closing;
  }

  exchange(frame: Uint8Array, party: Party): Promise<Uint8Array> {
    return this.#lanes.exchange(frame, party);
  }

  /** Runs a grey picture. Rejects where there are no scores for it. */
  async tryOut(): Promise<void> {
    const reply = await this.#run(greyFrame(this.spec), this.#options.firstRunMsMax);
    if (reply[FRAME_REQUEST_ID_OFFSET - 1] === FRAME_KIND.scores) return;
    const { message } = JSON.parse(Buffer.from(reply.subarray(FRAME_HEADER_BYTES)).toString("utf8")) as Error;
    throw new AppError("engine_unavailable", `${this.#remote.name} does not answer as the graph here: ${message}.`);
  }

  async memoryBytes(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#lanes.close();
    this.#onClose();
  }

  async #run(frame: Uint8Array, msMax: number): Promise<Uint8Array> {
    const { server, threads } = this.#options;
    const { form } = server;
    const fed = await ask(threads, { kind: "feed", inputJson: this.#inputJson, frame, form });
    if (fed.kind === "frame") return fed.frame;
    if (fed.kind !== "bytes") throw new Error(`a thread answered ${fed.kind}`);
    const imageCount = imageCountOf(frame);
    const batch = this.#fit.batch ?? imageCount;
    const began = performance.now();
    const fetched = await this.#fetch(fed.bytes, form, batch, msMax);
    const counts = { imageCount, batch, valuesPerImage: valuesPerImage(this.spec), runMs: performance.now() - began };
    const speech = form === "nested" ? "tfs" : "v2";
    const read = "raw" in fetched ? fetched : ({ ...fetched, speech, output: this.#fit.output } as const);
    const reply = await ask(threads, { kind: "reply", fetched: read, ...counts });
    if (reply.kind !== "frame") throw new Error(`a thread answered ${reply.kind}`);
    return reply.frame;
  }

  async #fetch(values: Uint8Array, form: Form, batch: number, msMax: number): Promise<Fetched> {
    const { input, output } = this.#fit;
    try {
      return await this.#options.server.run({
        model: this.#remote,
        input: { ...input, shape: [batch, ...fedShape(this.spec)] },
        values,
        form,
        output,
        bytesMax: ANSWER_HEAD_BYTES_MAX + batch * valuesPerImage(this.spec) * JSON_VALUE_BYTES_MAX,
        msMax,
      });
    } catch (error) {
      if (error instanceof EngineError) {
        this.#lost = true;
        this.#onClose();
      }
      throw error;
    }
  }
}

/** Images of a frame: the first number behind its head. */
function imageCountOf({ buffer, byteOffset }: Uint8Array): number {
  return new DataView(buffer, byteOffset).getUint32(FRAME_HEADER_BYTES, true);
}
