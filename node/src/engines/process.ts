/**
 * The engine as processes: one for each loaded model, and spares that have libtensorflow loaded already, so that a load
 * does not wait for it.
 */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { AppError, EngineError, messageOf, sentence } from "../errors.js";
import type { Company } from "../fair-queue.js";
import type { Hello, Loaded, LoadRequest, Origin } from "../generated/contract.js";
import type { EngineStatus, InferenceEngine, LoadedModel, ModelProgram, Party, Pieces } from "../ports.js";
import type { ProcessCommand, StartChild } from "../start-child.js";
import type { Reply } from "../wasm-module.js";
import type { EngineCgroups } from "./cgroups.js";
import type { LogLine } from "./child.js";
import { EngineConnection, type FrameCodec } from "./connection.js";
import { Lanes, Runs } from "./lanes.js";
import { Programs } from "./programs.js";

export interface ProcessEngineOptions {
  readonly command: ProcessCommand;
  /** Folders and files that programs may read and execute beside their own. */
  readonly programReadPaths: readonly string[];
  readonly codec: FrameCodec;
  readonly log: LogLine;
  readonly spareCount: number;
  readonly startMsMax: number;
  readonly loadMsMax: number;
  readonly firstRunMsMax: number;
  readonly runMsMax: number;
  readonly closeMsMax: number;
  readonly cgroups: EngineCgroups;
  /** Node's own where it is absent. */
  readonly startChild?: StartChild | undefined;
  /** Who asked lately, of this engine and of whatever else shares the processor. */
  readonly company?: Company;
  /** Whether graphs of strangers are refused where the process is not fully confined. */
  readonly sandboxRequired: boolean;
  /** Called when a process ended that nobody had asked to. */
  readonly onLost?: () => void;
}

interface Spare {
  readonly connection: EngineConnection;
  /** A process that was started for strangers takes no graph of the zoo. */
  readonly origin: Origin;
}

const RESTART_WAIT_MS_MIN = 200;
const RESTART_WAIT_MS_MAX = 30_000;
/** A model that was just loaded answers first: starting a process takes a core for a while. */
const SPARE_WAIT_MS = 500;
/** Frames that are with the engine beyond those that run, so that no core waits for the next one. */
const AHEAD = 1;
/** A spare only reads: one that has not answered by then is stopped, or the machine has no time for it. */
const SPARE_ANSWER_MS_MAX = 1000;

export function createProcessEngine(options: ProcessEngineOptions): InferenceEngine {
  return new ProcessEngine(options);
}

class ProcessEngine implements InferenceEngine {
  readonly #options: ProcessEngineOptions;
  /** Every process, with the model that it holds. */
  readonly #processes = new Map<EngineConnection, ProcessModel | null>();
  readonly #spares: Spare[] = [];
  /** Of the next spare: whoever took the last one pays for it. */
  #spareOrigin: Origin = "zoo";
  /** Of the zoo's models, and of those that clients brought. */
  readonly #runs: { readonly zoo: Runs; readonly stranger: Runs };
  #hello: Hello | null = null;
  readonly #programs: Programs;
  #restartWaitMs = RESTART_WAIT_MS_MIN;
  #restart: NodeJS.Timeout | null = null;
  /** Until a spare that was taken is replaced. */
  #replacing: NodeJS.Timeout | null = null;
  #closing = false;

  constructor(options: ProcessEngineOptions) {
    this.#options = options;
    this.#programs = new Programs(options.command, options.programReadPaths);
    const runs = () => new Runs(availableParallelism() + AHEAD, options.company);
    this.#runs = { zoo: runs(), stranger: runs() };
    this.#keepSpares();
  }

  async load(graph: Pieces, request: LoadRequest, program: ModelProgram | null = null): Promise<LoadedModel> {
    if (program !== null) return await this.#loadProgram(program, graph, request);
    try {
      return await this.#loadInto(
        (await this.#takeSpare(request.origin)) ?? this.#startFor(request.origin),
        graph,
        request,
      );
    } finally {
      this.#replaceSpare(request.origin);
    }
  }

  status(): EngineStatus {
    const spareCount = this.#spares.filter(({ connection }) => connection.alive).length;
    return {
      kind: "process",
      problem: null,
      ready:
        this.#hello !== null &&
        !this.#closing &&
        (spareCount > 0 || this.#replacing !== null || this.#options.spareCount === 0),
      runtime: this.#hello?.runtime ?? null,
      kernels: this.#hello?.kernels ?? null,
      sandbox: this.#hello?.sandbox ?? null,
      programs: this.#programs.list(),
      cgroup: { held: this.#options.cgroups.problem === null, reason: this.#options.cgroups.problem },
      modelCount: [...this.#processes.values()].filter((model) => model !== null).length,
      spareCount,
      waitingCount: this.#runs.zoo.waitingCount + this.#runs.stranger.waitingCount,
    };
  }

  async memoryBytes(): Promise<number> {
    const bytes = await Promise.all([...this.#processes.keys()].map(ownMemoryBytes));
    return bytes.reduce<number>((sum, own) => sum + (own ?? 0), 0);
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    if (this.#replacing !== null) clearTimeout(this.#replacing);
    const ending = [...this.#processes].map(([connection, model]) =>
      model === null ? connection.close(this.#options.closeMsMax) : model.close(),
    );
    await Promise.all(ending);
  }

  async #loadProgram(program: ModelProgram, graph: Pieces, request: LoadRequest): Promise<LoadedModel> {
    const connection = this.#start(this.#programs.commandOf(program));
    const model = await this.#loadInto(connection, graph, request, false);
    await this.#programs.note(connection, program);
    return model;
  }

  async #loadInto(
    connection: EngineConnection,
    graph: Pieces,
    request: LoadRequest,
    isOwn = true,
  ): Promise<LoadedModel> {
    try {
      const hello = await connection.hello;
      if (isOwn) this.#hello = hello;
      this.#admit(hello, graph, request);
      const frame = await connection.load(JSON.stringify(request), graph, this.#options.loadMsMax);
      const loaded = this.#loadedOf(frame);
      const model = new ProcessModel(connection, loaded, hello, this.#options, this.#runs[request.origin]);
      if (this.#processes.has(connection)) this.#processes.set(connection, model);
      return model;
    } catch (error) {
      // What was fed a graph is never used for another one, however it was refused.
      void connection.close(this.#options.closeMsMax);
      throw error;
    }
  }

  #loadedOf(frame: Uint8Array): Loaded {
    let reply: Reply;
    try {
      reply = this.#options.codec.decodeReply(frame);
    } catch (error) {
      const detail = `The engine's answer to a load cannot be read: ${messageOf(error)}.`;
      throw new EngineError("engine_failed", "loading", detail, { cause: error });
    }
    if (reply.kind === "loaded") return reply.loaded;
    if (reply.kind === "error") throw new AppError(reply.problem.code, sentence(reply.problem.message));
    throw new EngineError("engine_failed", "loading", `The engine answered a load with ${reply.kind}.`);
  }

  /** @throws AppError where this process must not be given this graph. */
  #admit({ sandbox, frame_bytes_max: bytesMax }: Hello, graph: Pieces, { origin }: LoadRequest): void {
    if (this.#options.sandboxRequired && origin === "stranger" && sandbox.missing.length > 0) {
      const detail = `This service takes no graphs, since it cannot confine them: ${sandbox.missing.join("; ")}.`;
      throw new AppError("forbidden", detail);
    }
    const bytes = graph.reduce((sum, piece) => sum + piece.length, 0);
    if (bytes > bytesMax) {
      throw new AppError("graph_too_large", `The graph has ${bytes} bytes; this engine takes at most ${bytesMax}.`);
    }
  }

  /** A spare that answers, rather of that origin; a stranger may have the zoo's. Those that do not answer are ended. */
  async #takeSpare(origin: Origin): Promise<EngineConnection | undefined> {
    for (;;) {
      const own = this.#spares.find((spare) => spare.origin === origin);
      const spare = own ?? (origin === "stranger" ? this.#spares[0] : undefined);
      if (spare === undefined) return undefined;
      this.#spares.splice(this.#spares.indexOf(spare), 1);
      try {
        await spare.connection.hello;
        await spare.connection.ping(SPARE_ANSWER_MS_MAX);
        return spare.connection;
      } catch {
        // It is gone, and the next one may be there.
      }
    }
  }

  /** As many spares as are wanted; without any, one until its hello has said what engines are like here. */
  #keepSpares(): void {
    const { spareCount } = this.#options;
    while (!this.#closing && this.#restart === null) {
      if (this.#spares.length >= (this.#hello === null ? Math.max(1, spareCount) : spareCount)) return;
      try {
        this.#addSpare();
      } catch {
        this.#restartLater();
      }
    }
  }

  #addSpare(): void {
    const connection = this.#startFor(this.#spareOrigin);
    const spare = { connection, origin: this.#spareOrigin };
    this.#spares.push(spare);
    connection.hello.then(
      (hello) => {
        this.#hello = hello;
        this.#restartWaitMs = RESTART_WAIT_MS_MIN;
        for (const surplus of this.#spares.splice(this.#options.spareCount)) {
          void surplus.connection.close(this.#options.closeMsMax);
        }
      },
      () => this.#restartLater(),
    );
    connection.ended.then(() => {
      const index = this.#spares.indexOf(spare);
      if (index < 0) return;
      this.#spares.splice(index, 1);
      this.#keepSpares();
    });
  }

  #replaceSpare(origin: Origin): void {
    this.#spareOrigin = origin;
    if (this.#replacing !== null || this.#closing) return;
    this.#replacing = setTimeout(() => {
      this.#replacing = null;
      this.#keepSpares();
    }, SPARE_WAIT_MS);
    this.#replacing.unref();
  }

  /** Waits longer after each failed start, so that a missing library does not become a loop of starts. */
  #restartLater(): void {
    if (this.#restart !== null || this.#closing) return;
    this.#restart = setTimeout(() => {
      this.#restart = null;
      this.#keepSpares();
    }, this.#restartWaitMs);
    this.#restart.unref();
    this.#restartWaitMs = Math.min(this.#restartWaitMs * 2, RESTART_WAIT_MS_MAX);
  }

  /** A stranger's runs behind all others from the start: loading a runtime takes a core for a while. */
  #startFor(origin: Origin): EngineConnection {
    const { command } = this.#options;
    return this.#start({ ...command, environment: { ...command.environment, ORIGIN: origin } });
  }

  #start(command: ProcessCommand): EngineConnection {
    if (this.#closing) throw new AppError("engine_unavailable", "The service is stopping.");
    const { codec, startMsMax, log, cgroups, startChild } = this.#options;
    const connection = new EngineConnection(command, codec, startMsMax, log, startChild, (pid) => {
      cgroups.add(pid);
      connection.ended.then(() => cgroups.remove(pid));
    });
    this.#processes.set(connection, null);
    connection.ended.then(() => {
      this.#processes.delete(connection);
      if (!connection.isClosing) this.#options.onLost?.();
    });
    return connection;
  }
}

class ProcessModel implements LoadedModel {
  readonly spec: LoadedModel["spec"];
  readonly runtime: LoadedModel["runtime"];
  readonly imagesMax: number;
  readonly tensors: boolean;
  readonly #connection: EngineConnection;
  readonly #options: ProcessEngineOptions;
  readonly #lanes: Lanes;
  #hasRun = false;
  #closing = false;

  constructor(
    connection: EngineConnection,
    { spec, lanes }: Loaded,
    { images_max: imagesMax, tensors = false, runtime }: Hello,
    options: ProcessEngineOptions,
    runs: Runs,
  ) {
    this.#connection = connection;
    this.spec = spec;
    this.runtime = runtime;
    this.imagesMax = imagesMax;
    this.tensors = tensors;
    this.#options = options;
    this.#lanes = new Lanes(Math.max(lanes, 1) + AHEAD, (frame) => this.#run(frame), runs);
  }

  get alive(): boolean {
    return this.#connection.alive && !this.#closing;
  }

  exchange(frame: Uint8Array, party: Party): Promise<Uint8Array> {
    return this.#lanes.exchange(frame, party);
  }

  async memoryBytes(): Promise<number> {
    return (await ownMemoryBytes(this.#connection)) ?? this.spec.graph.memory_bytes_estimate;
  }

  close(): Promise<void> {
    this.#closing = true;
    return this.#connection.close(this.#options.closeMsMax, this.#lanes.close());
  }

  async #run(frame: Uint8Array): Promise<Uint8Array> {
    const { firstRunMsMax, runMsMax } = this.#options;
    const reply = await this.#connection.infer(frame, this.#hasRun ? runMsMax : firstRunMsMax);
    this.#hasRun = true;
    return reply;
  }
}

/** What Linux calls RssAnon: the libraries' pages are shared by all processes and not counted. Null elsewhere. */
async function ownMemoryBytes({ pid }: EngineConnection): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? null : 1024 * Number(kibibytes);
}
