/**
 * The main thread's time by address: what hundreds of connections have sent is read in one turn of the event loop, however little it is
 * of each, and of what follows, such as files that are opened, nobody can say whose it is. So while other addresses are about, one has
 * a part of the time to read what all its connections send, and little of it at once.
 */
import { Company } from "../fair-queue.js";

/** Of the time, for reading: one request for the page takes four times as long in all. */
const PART = 0.2;
/** Spent beyond that part, at which an address waits. */
const AHEAD_MS_MAX = 1;

export interface TurnShare {
  /** Whether there is time left for more of this address now. */
  isLeft(): boolean;
  spend(ms: number): void;
}

interface Account {
  aheadMs: number;
  at: number;
}

export class TurnShares {
  readonly #company: Company;
  readonly #now: () => number;
  /** Of addresses that are ahead of their part. */
  readonly #accounts = new Map<string, Account>();
  #isTidying = false;

  constructor(now: () => number = () => performance.now()) {
    this.#company = new Company(undefined, now);
    this.#now = now;
  }

  of(address: string): TurnShare {
    return {
      isLeft: () => {
        this.#company.note(address);
        return this.#aheadOf(address) < AHEAD_MS_MAX || !this.#company.hasOthers(address);
      },
      spend: (ms) => {
        this.#accounts.set(address, { aheadMs: this.#aheadOf(address) + ms, at: this.#now() });
        this.#tidy();
      },
    };
  }

  #aheadOf(address: string): number {
    const account = this.#accounts.get(address);
    return account === undefined ? 0 : Math.max(0, account.aheadMs - PART * (this.#now() - account.at));
  }

  #tidy(): void {
    if (this.#isTidying) return;
    this.#isTidying = true;
    setImmediate(() => {
      this.#isTidying = false;
      for (const address of this.#accounts.keys()) if (this.#aheadOf(address) === 0) this.#accounts.delete(address);
    });
  }
}
