/**
 * Worker threads that make one call at a time. A thread that dies costs the call that it was making; the next call that
 * needs one starts another.
 *
 * It stands on the way of every request, so it does no more than it has to: a call costs one message each way. Calls wait
 * in fair turns, until their party's signal; heavy ones leave half of the threads to others. A call that is being made
 * ends by itself, or with its thread at `callMsMax`.
 */
import { type Transferable, Worker } from "node:worker_threads";
import { FairQueue } from "../fair-queue.js";
import type { Party } from "../ports.js";

export interface CallOptions {
  readonly party: Party;
  readonly transfer?: readonly Transferable[];
  /** Goes before all calls that are not urgent: it ends work that was begun, and is short. */
  readonly urgent?: boolean;
  /** Whether it may take long. */
  readonly heavy?: boolean;
}

interface Pending<Call, Reply> {
  readonly call: Call;
  readonly transfer: readonly Transferable[];
  readonly heavy: boolean;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

interface Thread<Call, Reply> {
  readonly worker: Worker;
  /** What it works on; null while it is idle. */
  pending: Pending<Call, Reply> | null;
  timer: NodeJS.Timeout | null;
}

/** A call did not end in its time. */
export class TooLongError extends Error {}

/** The thread's script answers each message, a `Call`, with one message, a `Reply`. */
export class WorkerPool<Call, Reply> {
  readonly #file: URL;
  readonly #threadsMax: number;
  readonly #threads = new Set<Thread<Call, Reply>>();
  /** The one used last stands last: its caches are warm. */
  readonly #idle: Thread<Call, Reply>[] = [];
  readonly #urgent: Pending<Call, Reply>[] = [];
  readonly #waiting = new FairQueue<Pending<Call, Reply>>();
  readonly #heavyMax: number;
  readonly #callMsMax: number;
  #heavyCount = 0;
  #closed = false;

  /** Starts `threadsMax` threads, each with `callMsMax` ms for a call. */
  constructor(file: URL, threadsMax: number, callMsMax: number) {
    this.#file = file;
    this.#threadsMax = threadsMax;
    this.#heavyMax = Math.max(1, Math.floor(threadsMax / 2));
    this.#callMsMax = callMsMax;
    while (this.#threads.size < threadsMax) this.#idle.push(this.#start());
  }

  /**
   * Rejects with the error that ended the thread, with the reason of the party's signal while the call waits, and with a
   * `TooLongError` past `callMsMax`.
   */
  async call(call: Call, { party, transfer = [], urgent = false, heavy = false }: CallOptions): Promise<Reply> {
    if (this.#closed) throw new Error("the threads were ended");
    party.signal.throwIfAborted();
    let leave = () => {};
    try {
      return await new Promise<Reply>((resolve, reject) => {
        const pending = { call, transfer, heavy, resolve, reject };
        leave = () => {
          if (this.#waiting.remove(party, pending) || remove(this.#urgent, pending)) reject(party.signal.reason);
        };
        party.signal.addEventListener("abort", leave);
        if (urgent) this.#urgent.push(pending);
        else this.#waiting.push(party, pending);
        this.#dispatch();
      });
    } finally {
      party.signal.removeEventListener("abort", leave);
    }
  }

  /** Ends all threads, and fails what they had to do. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of [...this.#urgent.splice(0), ...this.#waiting.drain()]) {
      reject(new Error("the threads were ended"));
    }
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }

  #start(): Thread<Call, Reply> {
    // No secret of the service is in a thread's environment, and Node's options are for the program that it was started with.
    const worker = new Worker(this.#file, { env: {}, execArgv: [] });
    const thread: Thread<Call, Reply> = { worker, pending: null, timer: null };
    worker.on("message", (reply: Reply) => {
      if (!this.#threads.has(thread)) return;
      thread.pending?.resolve(reply);
      this.#free(thread);
    });
    worker.on("error", (error) => this.#lose(thread, error));
    worker.on("exit", (code) => this.#lose(thread, new Error(`a worker thread ended with code ${code}`)));
    worker.unref();
    this.#threads.add(thread);
    return thread;
  }

  #dispatch(): void {
    for (;;) {
      if (this.#idle.length === 0 && this.#threads.size >= this.#threadsMax) return;
      const pending = this.#next();
      if (pending === undefined) return;
      const thread = this.#idle.pop() ?? this.#start();
      thread.pending = pending;
      thread.timer = setTimeout(() => {
        void thread.worker.terminate();
        this.#lose(thread, new TooLongError(`it took longer than ${this.#callMsMax} ms`));
      }, this.#callMsMax);
      if (pending.heavy) this.#heavyCount += 1;
      // A process ends while its threads are idle, and not while one works.
      thread.worker.ref();
      try {
        thread.worker.postMessage(pending.call, pending.transfer);
      } catch (error) {
        pending.reject(error);
        this.#free(thread);
      }
    }
  }

  #next(): Pending<Call, Reply> | undefined {
    const heavyFits = this.#heavyCount < this.#heavyMax;
    return this.#urgent.shift() ?? this.#waiting.shift(({ heavy }) => heavyFits || !heavy);
  }

  #free(thread: Thread<Call, Reply>): void {
    this.#rest(thread);
    thread.worker.unref();
    this.#idle.push(thread);
    this.#dispatch();
  }

  #lose(thread: Thread<Call, Reply>, error: unknown): void {
    if (!this.#threads.delete(thread)) return;
    remove(this.#idle, thread);
    thread.pending?.reject(error);
    this.#rest(thread);
    if (!this.#closed) this.#dispatch();
  }

  /** It works on nothing any more. */
  #rest(thread: Thread<Call, Reply>): void {
    if (thread.timer !== null) clearTimeout(thread.timer);
    if (thread.pending?.heavy) this.#heavyCount -= 1;
    thread.pending = null;
    thread.timer = null;
  }
}

function remove<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
