/**
 * The lanes of a model: as many infer frames are with its engine as run at once. The others wait here for their party's
 * turn, where their party can take them back. Models share the processor (`Runs`): the turns are those of all of them.
 */
import { EngineError } from "../errors.js";
import { Company, FairQueue } from "../fair-queue.js";
import type { Party } from "../ports.js";

interface Waiting {
  readonly lanes: Lanes;
  readonly caller: string;
  readonly frame: Uint8Array;
  resolve(reply: Uint8Array): void;
  reject(error: unknown): void;
}

/** Runs of several models: so many at once, and of one caller as many as leave a core to others while they are about. */
export class Runs {
  readonly #countMax: number;
  readonly #company: Company;
  readonly #queue = new FairQueue<Waiting>();
  #count = 0;

  constructor(countMax: number, company = new Company()) {
    this.#countMax = countMax;
    this.#company = company;
    company.onEnd(() => this.#fill());
  }

  /** What waits for its turn. */
  get waitingCount(): number {
    return this.#queue.size;
  }

  /** Whether it runs already, or waits for its turn. */
  push(party: Party, waiting: Waiting): "runs" | "waits" {
    this.#company.note(party.caller);
    if (this.#queue.size === 0 && this.#count < this.#countMax && this.#fits(waiting)) {
      this.#run(waiting);
      return "runs";
    }
    this.#queue.push(party, waiting);
    this.#fill();
    return "waits";
  }

  /** Whether it was still waiting. */
  remove(party: Party, waiting: Waiting): boolean {
    return this.#queue.remove(party, waiting);
  }

  #fill(): void {
    while (this.#count < this.#countMax && this.#queue.size > 0) {
      const next = this.#queue.shift((waiting) => this.#fits(waiting));
      if (next === undefined) return;
      this.#run(next);
    }
  }

  #fits({ lanes, caller }: Waiting): boolean {
    return lanes.isFree && this.#company.fits(caller);
  }

  #run(waiting: Waiting): void {
    this.#count += 1;
    this.#company.begin(waiting.caller);
    void waiting.lanes.run(waiting).finally(() => {
      this.#count -= 1;
      this.#company.end(waiting.caller);
    });
  }
}

export class Lanes {
  readonly #count: number;
  readonly #send: (frame: Uint8Array) => Promise<Uint8Array>;
  readonly #runs: Runs;
  #busyCount = 0;
  #waitingCount = 0;
  #closed = false;
  /** Called once nothing waits and nothing runs. */
  readonly #onDrained: (() => void)[] = [];

  /** `send` settles when the engine is done with a frame: then its lane is free. */
  constructor(count: number, send: (frame: Uint8Array) => Promise<Uint8Array>, runs = new Runs(count)) {
    this.#count = count;
    this.#send = send;
    this.#runs = runs;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  get isFree(): boolean {
    return this.#busyCount < this.#count;
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
        const waiting = { lanes: this, caller: party.caller, frame, resolve, reject };
        leave = () => {
          if (this.#runs.remove(party, waiting)) this.#waitingCount -= 1;
          reject(signal.reason);
          this.#tellDrained();
        };
        signal.addEventListener("abort", leave);
        this.#waitingCount += 1;
        this.#runs.push(party, waiting);
      });
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** For `Runs`, which gave it its turn. */
  async run({ frame, resolve, reject }: Waiting): Promise<void> {
    this.#waitingCount -= 1;
    this.#busyCount += 1;
    try {
      resolve(await this.#send(frame));
    } catch (error) {
      reject(error);
    } finally {
      this.#busyCount -= 1;
      this.#tellDrained();
    }
  }

  /** Takes nothing more. Resolves once what waits and what runs is done with. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#busyCount + this.#waitingCount > 0) {
      await new Promise<void>((resolve) => this.#onDrained.push(resolve));
    }
  }

  #tellDrained(): void {
    if (this.#busyCount + this.#waitingCount === 0) for (const resolve of this.#onDrained.splice(0)) resolve();
  }
}
