/**
 * What is there for all who ask, such as bytes, places and permits, divided while it is asked for.
 *
 * The rule is the dynamic threshold of Choudhury and Hahne ("Dynamic queue length thresholds for shared-memory packet
 * switches", IEEE/ACM Transactions on Networking 6(2), 1998) with a factor of 1: one caller holds no more than is left to
 * all others. So a caller alone has half; where n callers take what they can, each has an (n + 1)-th part and as much is
 * left for the next one.
 */
import { createHash } from "node:crypto";
import { FairLine } from "./fair-queue.js";
import type { Party } from "./ports.js";

export class Shares {
  readonly max: number;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(max: number) {
    this.max = max;
  }

  get total(): number {
    return this.#total;
  }

  heldBy(caller: string): number {
    return this.#held.get(caller) ?? 0;
  }

  /** Whether the caller's share allows `amount` more. A caller that holds nothing may take the last one. */
  allows(caller: string, amount = 1): boolean {
    const held = this.heldBy(caller);
    const free = this.max - this.#total;
    return amount <= free && (held === 0 || held + amount <= free - amount);
  }

  take(caller: string, amount = 1): void {
    this.#held.set(caller, this.heldBy(caller) + amount);
    this.#total += amount;
  }

  giveBack(caller: string, amount = 1): void {
    const left = this.heldBy(caller) - amount;
    if (left > 0) this.#held.set(caller, left);
    else this.#held.delete(caller);
    this.#total -= amount;
  }
}

/** As many as callers are told apart by in what outlives the service. */
const HOLDERS_MAX = 4096;

/**
 * Whoever asks, in what is kept on disk: a number from 1 to 4096 of a digest, as in stochastic fair queueing (McKenney, 1990). It is the
 * same after a restart, and a million addresses have it, so that it tells none.
 */
export function holderOf(caller: string): number {
  return 1 + (createHash("sha256").update(caller).digest().readUInt16BE() % HOLDERS_MAX);
}

/**
 * How much each holder may keep where all of them together may keep `max`: whoever has less keeps it all, and the others keep as much
 * as each other (max-min fairness).
 */
export function capOf(amounts: readonly number[], max: number): number {
  let left = max;
  const ascending = amounts.toSorted((a, b) => a - b);
  for (const [place, amount] of ascending.entries()) {
    const cap = Math.floor(left / (ascending.length - place));
    if (amount > cap) return cap;
    left -= amount;
  }
  return Number.POSITIVE_INFINITY;
}

/** A number of permits that are waited for, in fair shares and in turn. */
export class Permits {
  readonly #shares: Shares;
  readonly #line = new FairLine<null, () => void>();

  constructor(countMax: number) {
    this.#shares = new Shares(countMax);
  }

  /** Permits that are held. */
  get held(): number {
    return this.#shares.total;
  }

  /** Resolves with what gives the permit back, to be called once; rejects with the reason of the party's signal. */
  async take(party: Party): Promise<() => void> {
    const now = this.takeNow(party);
    if (now !== undefined) return now;
    const permit = this.#line.wait(party, null);
    this.#serve();
    return await permit;
  }

  /** As `take`, without waiting; undefined where there is none. */
  takeNow(party: Party): (() => void) | undefined {
    return this.#line.at(party, null, this.#give);
  }

  readonly #give = (_ask: null, caller: string): (() => void) | undefined => {
    if (!this.#shares.allows(caller)) return undefined;
    this.#shares.take(caller);
    return () => {
      this.#shares.giveBack(caller);
      this.#serve();
    };
  };

  #serve(): void {
    if (this.#line.size > 0) this.#line.serve(this.#give);
  }
}
