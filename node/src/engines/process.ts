/**
 * The engine as processes: one for each loaded model, and spares that have libtensorflow loaded already, so that a load
 * does not wait for it.
 */
import { readFile } from "node:fs/promises";
import { AppError, sentence } from "../errors.js";
import type { Hello, LoadRequest } from "../generated/contract.js";
import type { EngineStatus, InferenceEngine, LoadedModel, Pieces } from "../ports.js";
import type { EngineCgroups } from "./cgroups.js";
import { type EngineCommand, EngineConnection, type FrameCodec, type LogLine } from "./connection.js";

export interface ProcessEngineOptions {
  readonly command: EngineCommand;
  readonly codec: FrameCodec;
  readonly log: LogLine;
  readonly spareCount: number;
  readonly startMsMax: number;
  readonly loadMsMax: number;
  readonly firstRunMsMax: number;
  readonly runMsMax: number;
  readonly closeMsMax: number;
  readonly cgroups: EngineCgroups;
}

const RESTART_WAIT_MS_MIN = 200;
const RESTART_WAIT_MS_MAX = 30_000;
/** A model that was just loaded answers first: starting a process holds Node up and takes a core for a while. */
const SPARE_WAIT_MS = 500;

export function createProcessEngine(options: ProcessEngineOptions): InferenceEngine {
  return new ProcessEngine(options);
}

class ProcessEngine implements InferenceEngine {
  readonly #options: ProcessEngineOptions;
  readonly #spares: EngineConnection[] = [];
  readonly #models = new Set<ProcessModel>();
  #hello: Hello | null = null;
  #restartWaitMs = RESTART_WAIT_MS_MIN;
  #restart: NodeJS.Timeout | null = null;
  /** Until a spare that was taken is replaced. */
  #replacing: NodeJS.Timeout | null = null;
  #closing = false;

  constructor(options: ProcessEngineOptions) {
    this.#options = options;
    this.#keepSpares();
  }

  async load(graph: Pieces, request: LoadRequest): Promise<LoadedModel> {
    if (this.#closing) throw new AppError("engine_unavailable", "The service is stopping.");
    try {
      const spare = this.#spares.shift();
      if (spare !== undefined) {
        try {
          return await this.#loadInto(spare, graph, request);
        } catch (error) {
          // A spare that was dying when it was taken says nothing of the graph.
          const timedOut = error instanceof AppError && error.code === "engine_timeout";
          if (!spare.dead || timedOut || this.#closing) throw error;
        }
      }
      return await this.#loadInto(this.#start(), graph, request);
    } finally {
      this.#replaceSpare();
    }
  }

  status(): EngineStatus {
    const spareCount = this.#spares.filter((spare) => spare.alive).length;
    return {
      kind: "process",
      ready:
        this.#hello !== null &&
        !this.#closing &&
        (spareCount > 0 || this.#replacing !== null || this.#options.spareCount === 0),
      libtensorflow: this.#hello?.libtensorflow ?? null,
      kernels: this.#hello?.kernels ?? null,
      sandbox: this.#hello?.sandbox ?? null,
      cgroup: { held: this.#options.cgroups.problem === null, reason: this.#options.cgroups.problem },
      modelCount: this.#models.size,
      spareCount,
    };
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    if (this.#replacing !== null) clearTimeout(this.#replacing);
    await Promise.all([
      ...[...this.#models].map((model) => model.close()),
      ...this.#spares.map((spare) => spare.close(this.#options.closeMsMax)),
    ]);
  }

  async #loadInto(connection: EngineConnection, graph: Pieces, request: LoadRequest): Promise<LoadedModel> {
    try {
      this.#hello = await connection.hello;
      const frame = await connection.load(JSON.stringify(request), graph, this.#options.loadMsMax);
      const reply = this.#options.codec.decodeReply(frame);
      if (reply.kind === "error") throw new AppError(reply.problem.code, sentence(reply.problem.message));
      if (reply.kind !== "loaded") {
        throw new AppError("engine_failed", `The engine answered a load with ${reply.kind}.`);
      }
      const model = new ProcessModel(connection, reply.spec, this.#options);
      this.#models.add(model);
      connection.ended.then(() => this.#models.delete(model));
      return model;
    } catch (error) {
      // What was fed a graph is never used for another one, however it was refused.
      void connection.close(this.#options.closeMsMax);
      throw error;
    }
  }

  #keepSpares(): void {
    while (!this.#closing && this.#restart === null && this.#spares.length < this.#options.spareCount) {
      const spare = this.#start();
      this.#spares.push(spare);
      spare.hello.then(
        (hello) => {
          this.#hello = hello;
          this.#restartWaitMs = RESTART_WAIT_MS_MIN;
        },
        () => this.#restartLater(),
      );
      spare.ended.then(() => {
        const index = this.#spares.indexOf(spare);
        if (index < 0) return;
        this.#spares.splice(index, 1);
        this.#keepSpares();
      });
    }
  }

  #replaceSpare(): void {
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

  #start(): EngineConnection {
    const { command, codec, startMsMax, log, cgroups } = this.#options;
    const connection = new EngineConnection(command, codec, startMsMax, log);
    const { pid } = connection;
    if (pid !== undefined) {
      cgroups.add(pid);
      connection.ended.then(() => cgroups.remove(pid));
    }
    return connection;
  }
}

class ProcessModel implements LoadedModel {
  readonly spec: LoadedModel["spec"];
  readonly #connection: EngineConnection;
  readonly #options: ProcessEngineOptions;
  #hasRun = false;

  constructor(connection: EngineConnection, spec: LoadedModel["spec"], options: ProcessEngineOptions) {
    this.#connection = connection;
    this.spec = spec;
    this.#options = options;
  }

  get alive(): boolean {
    return this.#connection.alive;
  }

  async exchange(frame: Uint8Array): Promise<Uint8Array> {
    const reply = await this.#connection.infer(
      frame,
      this.#hasRun ? this.#options.runMsMax : this.#options.firstRunMsMax,
    );
    this.#hasRun = true;
    return reply;
  }

  /** What Linux calls RssAnon: the libraries' pages are shared by all processes and not counted. */
  async memoryBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#connection.pid}/status`, "utf8").catch(() => "");
    const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
    return kibibytes === undefined ? this.spec.graph.memory_bytes_estimate : 1024 * Number(kibibytes);
  }

  close(): Promise<void> {
    return this.#connection.close(this.#options.closeMsMax);
  }
}
