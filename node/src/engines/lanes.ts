/**
 * The lanes of a model: as many infer frames are with its engine as run at once. The others wait here for their party's
 * turn, where their party can take them back.
 */
import { EngineError } from "../errors.js";
import { FairQueue } from "../fair-queue.js";
import type { Party } from "../ports.js";

interface Waiting {
  readonly frame: Uint8Array;
  resolve(reply: Uint8Array): void;
  reject(error: unknown): void;
}

export class Lanes {
  readonly #count: number;
  readonly #send: (frame: Uint8Array) => Promise<Uint8Array>;
  readonly #queue = new FairQueue<Waiting>();
  #busyCount = 0;
  #closed = false;
  /** Called once nothing waits and nothing runs. */
  readonly #onDrained: (() => void)[] = [];

  /** `send` settles when the engine is done with a frame: then its lane is free. */
  constructor(count: number, send: (frame: Uint8Array) => Promise<Uint8Array>) {
    this.#count = count;
    this.#send = send;
  }

  /** As `LoadedModel.exchange`. */
  async exchange(frame: Uint8Array, party: Party): Promise<Uint8Array> {
    const { signal } = party;
    signal.throwIfAborted();
    if (this.#closed) {
      throw new EngineError("engine_failed", "running", "The engine ended before it answered: it is closing.");
    }
    let leave = () => {};
    try {
      return await new Promise((resolve, reject) => {
        const waiting = { frame, resolve, reject };
        leave = () => {
          this.#queue.remove(party, waiting);
          reject(signal.reason);
        };
        signal.addEventListener("abort", leave);
        this.#queue.push(party, waiting);
        this.#fill();
      });
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Takes nothing more. Resolves once what waits and what runs is done with. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#busyCount > 0) await new Promise<void>((resolve) => this.#onDrained.push(resolve));
  }

  #fill(): void {
    while (this.#busyCount < this.#count) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#busyCount += 1;
      void this.#run(next);
    }
    if (this.#busyCount === 0) for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  async #run({ frame, resolve, reject }: Waiting): Promise<void> {
    try {
      resolve(await this.#send(frame));
    } catch (error) {
      reject(error);
    } finally {
      this.#busyCount -= 1;
      this.#fill();
    }
  }
}
