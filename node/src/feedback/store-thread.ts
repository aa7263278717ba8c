/**
 * The thread of the store as the service sees it: batches that are written or lost, and calls that have a deadline, which it is
 * given in turns of who makes them.
 */
import { Worker } from "node:worker_threads";
import { AppError } from "../errors.js";
import type { StoreProblem } from "../ports.js";
import { Permits, Shares } from "../shares.js";
import { unlessAborted } from "../unless-aborted.js";
import type { Batch, Call, FromThread, ThreadOptions, ToThread, Values } from "./messages.js";

export interface StoreThreadOptions extends ThreadOptions {
  /** Called when the store does not do what it is asked, and with null when it does again. */
  readonly report: (problem: StoreProblem | null, detail: string) => void;
  /** Where it is other than beside this file. */
  readonly threadFile?: URL;
}

const CALLS_MAX = 1000;
/** Calls that the thread has at once, so that it never waits for one: it makes one after the other. */
const CALLS_AT_ONCE = 4;
const CALL_MS_MAX = 10_000;
const RESTART_MS = 5000;
const RETRY_AFTER_SECONDS = 2;

const WORDS: Readonly<Record<StoreProblem, string>> = {
  full: "has no room left",
  locked: "is locked by another program",
  unreachable: "cannot be reached",
  damaged: "is damaged",
  failed: "failed",
};

interface PendingCall {
  /** Gives its turn to the next one. */
  readonly end: () => void;
  resolve(value: Values[keyof Values]): void;
  reject(error: unknown): void;
}

export class StoreThread {
  readonly #options: StoreThreadOptions;
  /** Null until a thread that died is replaced. */
  #worker: Worker | null = null;
  #number = 0;
  /** What it was given and has not written, by number. */
  readonly #writes = new Map<number, (isWritten: boolean) => void>();
  readonly #calls = new Map<number, PendingCall>();
  /** What calls take that wait for their turn or are made. */
  readonly #places = new Shares(CALLS_MAX);
  readonly #turns = new Permits(CALLS_AT_ONCE);
  #problem: StoreProblem | null = null;
  #isClosed = false;

  constructor(options: StoreThreadOptions) {
    this.#options = options;
    this.#start();
  }

  get problem(): StoreProblem | null {
    return this.#problem;
  }

  /** Gives a batch away; resolves once it is written (true), or lost. */
  write(batch: Batch): Promise<boolean> {
    if (this.#worker === null) return Promise.resolve(false);
    const number = this.#number++;
    const transfer = batch.images.map(({ buffer }) => buffer);
    return new Promise((resolve) => {
      this.#writes.set(number, resolve);
      this.#post({ kind: "write", number, batch }, transfer);
    });
  }

  /**
   * Makes a call for `caller`, who is nobody where it is the service's own, once what was given before is written.
   * @throws AppError `overloaded` while that cannot be, or the caller's share of calls is taken.
   */
  async call<C extends Call>(call: C, caller = "", msMax = CALL_MS_MAX): Promise<Values[C["kind"]]> {
    if (this.#worker === null) throw unavailable(WORDS.failed);
    if (!this.#places.allows(caller)) throw unavailable("has too much to do");
    this.#places.take(caller);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(unavailable("takes too long")), msMax);
    try {
      const end = await this.#turns.take({ caller, request: call, signal: late.signal, hold: () => () => {} });
      return await unlessAborted(late.signal, this.#make(call, end));
    } finally {
      clearTimeout(timer);
      this.#places.giveBack(caller);
    }
  }

  /** Its turn ends once the thread has answered, however long anybody waits for that. */
  #make<C extends Call>(call: C, end: () => void): Promise<Values[C["kind"]]> {
    return new Promise((resolve, reject) => {
      const number = this.#number++;
      this.#calls.set(number, { end, resolve: resolve as PendingCall["resolve"], reject });
      if (this.#worker === null) this.#settle(number)?.reject(unavailable(WORDS.failed));
      else this.#post({ ...call, number });
    });
  }

  /** The call that is over; undefined where it was before. */
  #settle(number: number): PendingCall | undefined {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    call?.end();
    return call;
  }

  async close(msMax: number): Promise<void> {
    await this.call({ kind: "close" }, "", msMax).catch(() => {});
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #start(): void {
    const { place, keep, threadFile = new URL("./thread.js", import.meta.url) } = this.#options;
    // No secret of the service is in a thread's environment, and Node's options are for the program that it was started with.
    const worker = new Worker(threadFile, { env: {}, execArgv: [], workerData: { place, keep } });
    worker.unref();
    worker.on("message", (message: FromThread) => this.#take(message));
    worker.on("error", (error) => this.#note("failed", error.message));
    worker.on("exit", () => this.#lose());
    this.#worker = worker;
  }

  #take(message: FromThread): void {
    if (message.kind === "problem") this.#note(message.problem, message.detail);
    else if (message.kind === "written") {
      this.#writes.get(message.number)?.(!message.isLost);
      this.#writes.delete(message.number);
    } else {
      const call = this.#settle(message.number);
      if (message.kind === "value") call?.resolve(message.value);
      else call?.reject(unavailable(WORDS[message.problem]));
    }
  }

  #note(problem: StoreProblem | null, detail: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.report(problem, detail);
  }

  /** It is gone with all that it was given. */
  #lose(): void {
    this.#worker = null;
    for (const settle of this.#writes.values()) settle(false);
    this.#writes.clear();
    for (const number of [...this.#calls.keys()]) this.#settle(number)?.reject(unavailable(WORDS.failed));
    if (!this.#isClosed) setTimeout(() => this.#start(), RESTART_MS).unref();
  }
}

function unavailable(why: string): AppError {
  const detail = `The store of feedback ${why}. Try again in ${RETRY_AFTER_SECONDS} s.`;
  return new AppError("overloaded", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
