/**
 * Worker threads that make one call at a time. A thread that dies costs the call that it was making; the next call that
 * needs one starts another.
 *
 * It stands on the way of every request, so it does no more than it has to: a call costs one message each way. Calls wait
 * in fair turns, until their party's signal. Heavy ones leave one thread to light ones, and one caller's leave another to
 * the others while those are about; they run on threads that step back where the system lets them (Linux). A call that is
 * being made ends by itself, or with its thread at `callMsMax`.
 */
import { type Transferable, Worker } from "node:worker_threads";
import { Company, Counts, FairQueue } from "./fair-queue.js";
import type { Party } from "./ports.js";

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
  readonly caller: string;
  readonly transfer: readonly Transferable[];
  readonly heavy: boolean;
  readonly urgent: boolean;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

interface Thread<Call, Reply> {
  readonly worker: Worker;
  /** Whether it takes light calls alone, and never steps back. */
  readonly light: boolean;
  /** What it works on; null while it is idle. */
  pending: Pending<Call, Reply> | null;
  timer: NodeJS.Timeout | null;
}

/** Of threads that take heavy calls: a third of the processor where others want it (sched(7)). */
const HEAVY_NICENESS = 5;

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
  readonly #company: Company;
  /** Heavy calls that are made now. */
  readonly #counts = new Counts();
  readonly #callMsMax: number;
  #closed = false;

  /** Starts `threadsMax` threads, each with `callMsMax` ms for a call. */
  constructor(file: URL, threadsMax: number, callMsMax: number, company = new Company()) {
    this.#company = company;
    this.#file = file;
    this.#threadsMax = threadsMax;
    this.#callMsMax = callMsMax;
    company.onEnd(() => this.#dispatch());
    while (this.#threads.size < threadsMax) this.#idle.push(this.#start());
  }

  /** Calls that wait for a thread. */
  get waitingCount(): number {
    return this.#urgent.length + this.#waiting.size;
  }

  /**
   * Rejects with the error that ended the thread, with the reason of the party's signal while the call waits, and with a
   * `TooLongError` past `callMsMax`.
   */
  async call(call: Call, { party, transfer = [], urgent = false, heavy = false }: CallOptions): Promise<Reply> {
    if (this.#closed) throw new Error("the threads were ended");
    party.signal.throwIfAborted();
    this.#company.note(party.caller);
    let leave = () => {};
    try {
      return await new Promise<Reply>((resolve, reject) => {
        const pending = { call, caller: party.caller, transfer, heavy, urgent, resolve, reject };
        if (this.waitingCount === 0 && this.#sendNow(pending)) return;
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
    const light = this.#threadsMax > 1 && ![...this.#threads].some((thread) => thread.light);
    const niceness = light || this.#threadsMax === 1 ? 0 : HEAVY_NICENESS;
    const worker = new Worker(this.#file, { env: {}, execArgv: [], workerData: { niceness } });
    const thread: Thread<Call, Reply> = { worker, light, pending: null, timer: null };
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
    if (this.#closed) return;
    while (this.#threads.size < this.#threadsMax) this.#idle.push(this.#start());
    while (this.#idle.length > 0 && this.waitingCount > 0) {
      const pending = this.#urgent.shift() ?? this.#waiting.shift((next) => this.#fits(next));
      if (pending === undefined) return;
      this.#send(this.#take(pending.heavy), pending);
    }
  }

  /** Whether a thread was idle that makes the call. */
  #sendNow(pending: Pending<Call, Reply>): boolean {
    if (this.#idle.length === 0 || !this.#fits(pending)) return false;
    this.#send(this.#take(pending.heavy), pending);
    return true;
  }

  /** While others are about, one caller leaves a core to them, and one of the threads for heavy calls. */
  #fits({ heavy, urgent, caller }: Pending<Call, Reply>): boolean {
    if (urgent) return true;
    if (!this.#company.fits(caller)) return false;
    if (!heavy) return true;
    const isThere = this.#idle.some(({ light }) => !light || this.#threadsMax === 1);
    return isThere && this.#counts.of(caller) < this.#company.share(caller, Math.max(1, this.#threadsMax - 1));
  }

  /** The idle thread that was used last: its caches are warm. A light call leaves those that step back to heavy ones. */
  #take(heavy: boolean): Thread<Call, Reply> {
    const index = heavy
      ? this.#idle.findLastIndex(({ light }) => !light)
      : Math.max(
          this.#idle.findLastIndex(({ light }) => light),
          0,
        );
    const [thread] = this.#idle.splice(index, 1);
    if (thread === undefined) throw new Error("an idle thread was seen");
    return thread;
  }

  #send(thread: Thread<Call, Reply>, pending: Pending<Call, Reply>): void {
    thread.pending = pending;
    if (pending.heavy) this.#counts.add(pending.caller, 1);
    this.#company.begin(pending.caller);
    thread.timer = setTimeout(() => {
      void thread.worker.terminate();
      this.#lose(thread, new TooLongError(`it took longer than ${this.#callMsMax} ms`));
    }, this.#callMsMax);
    // A process ends while its threads are idle, and not while one works.
    thread.worker.ref();
    try {
      thread.worker.postMessage(pending.call, pending.transfer);
    } catch (error) {
      pending.reject(error);
      this.#free(thread);
    }
  }

  #free(thread: Thread<Call, Reply>): void {
    const pending = this.#rest(thread);
    thread.worker.unref();
    this.#idle.push(thread);
    if (pending !== null) this.#company.end(pending.caller);
  }

  #lose(thread: Thread<Call, Reply>, error: unknown): void {
    if (!this.#threads.delete(thread)) return;
    remove(this.#idle, thread);
    const pending = this.#rest(thread);
    pending?.reject(error);
    if (pending === null) this.#dispatch();
    else this.#company.end(pending.caller);
  }

  /** It works on nothing any more. What it worked on. */
  #rest(thread: Thread<Call, Reply>): Pending<Call, Reply> | null {
    const { pending } = thread;
    if (thread.timer !== null) clearTimeout(thread.timer);
    if (pending?.heavy) this.#counts.add(pending.caller, -1);
    thread.pending = null;
    thread.timer = null;
    return pending;
  }
}

function remove<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
