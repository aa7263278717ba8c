/**
 * Worker threads that make one call at a time. A thread that dies costs the call that it was making; the next call that
 * needs one starts another.
 *
 * It stands on the way of every request, so it does no more than it has to: calls are made in the order in which they
 * came, and cost one message each way.
 */
import { type Transferable, Worker } from "node:worker_threads";

export interface CallOptions {
  readonly transfer?: readonly Transferable[];
  /** Goes before all calls that are not urgent. */
  readonly urgent?: boolean;
  /** Takes the call out of the queue, or ends the thread that makes it. */
  readonly signal?: AbortSignal;
}

interface Pending<Call, Reply> {
  readonly call: Call;
  readonly transfer: readonly Transferable[];
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

interface Thread<Call, Reply> {
  readonly worker: Worker;
  /** What it works on; null while it is idle. */
  pending: Pending<Call, Reply> | null;
}

/** The thread's script answers each message, a `Call`, with one message, a `Reply`. */
export class WorkerPool<Call, Reply> {
  readonly #file: URL;
  readonly #threadsMax: number;
  readonly #threads = new Set<Thread<Call, Reply>>();
  /** The one used last stands last: its caches are warm. */
  readonly #idle: Thread<Call, Reply>[] = [];
  readonly #urgent: Pending<Call, Reply>[] = [];
  readonly #waiting: Pending<Call, Reply>[] = [];
  #closed = false;

  /** Starts `threadsMax` threads. */
  constructor(file: URL, threadsMax: number) {
    this.#file = file;
    this.#threadsMax = threadsMax;
    while (this.#threads.size < threadsMax) this.#idle.push(this.#start());
  }

  /** Rejects with the error that ended the thread, or with the signal's reason. */
  async call(call: Call, { transfer = [], urgent = false, signal }: CallOptions = {}): Promise<Reply> {
    if (this.#closed) throw new Error("the threads were ended");
    signal?.throwIfAborted();
    let cancel = () => {};
    try {
      return await new Promise<Reply>((resolve, reject) => {
        const pending = { call, transfer, resolve, reject };
        cancel = () => this.#cancel(pending, signal?.reason);
        signal?.addEventListener("abort", cancel);
        (urgent ? this.#urgent : this.#waiting).push(pending);
        this.#dispatch();
      });
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Ends all threads, and fails what they had to do. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const queue of [this.#urgent, this.#waiting]) {
      for (const { reject } of queue.splice(0)) reject(new Error("the threads were ended"));
    }
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }

  #start(): Thread<Call, Reply> {
    // No secret of the service is in a thread's environment, and Node's options are for the program that it was started with.
    const worker = new Worker(this.#file, { env: {}, execArgv: [] });
    const thread: Thread<Call, Reply> = { worker, pending: null };
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
      const queue = this.#urgent.length > 0 ? this.#urgent : this.#waiting;
      if (queue.length === 0) return;
      const thread = this.#idle.pop() ?? (this.#threads.size < this.#threadsMax ? this.#start() : undefined);
      const pending = thread === undefined ? undefined : queue.shift();
      if (thread === undefined || pending === undefined) return;
      thread.pending = pending;
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

  #free(thread: Thread<Call, Reply>): void {
    thread.pending = null;
    thread.worker.unref();
    this.#idle.push(thread);
    this.#dispatch();
  }

  #lose(thread: Thread<Call, Reply>, error: unknown): void {
    if (!this.#threads.delete(thread)) return;
    remove(this.#idle, thread);
    thread.pending?.reject(error);
    if (!this.#closed) this.#dispatch();
  }

  #cancel(pending: Pending<Call, Reply>, reason: unknown): void {
    pending.reject(reason);
    if (remove(this.#urgent, pending) || remove(this.#waiting, pending)) return;
    const thread = [...this.#threads].find((thread) => thread.pending === pending);
    if (thread === undefined) return;
    void thread.worker.terminate();
    this.#lose(thread, reason);
  }
}

function remove<T>(list: T[], item: T): boolean {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
