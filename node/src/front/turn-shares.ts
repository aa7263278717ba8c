/**
 * The time of a turn of the event loop by address: what hundreds of connections have sent is read in one turn, however little it is of
 * each. While other addresses are about, one has so much of a turn for all its connections.
 */
import { Company } from "../fair-queue.js";

/** Of one address, in a turn of the event loop, while others are about. */
const TURN_MS_MAX = 2;

export interface TurnShare {
  /** Whether there is time left for more of this address in this turn. */
  isLeft(): boolean;
  spend(ms: number): void;
}

export class TurnShares {
  readonly #company: Company;
  /** Milliseconds of each address in this turn. */
  readonly #spent = new Map<string, number>();
  #isCounting = false;

  constructor(now: () => number = () => performance.now()) {
    this.#company = new Company(undefined, now);
  }

  of(address: string): TurnShare {
    return {
      isLeft: () => {
        this.#company.note(address);
        return this.#spentBy(address) < TURN_MS_MAX || !this.#company.hasOthers(address);
      },
      spend: (ms) => {
        this.#spent.set(address, this.#spentBy(address) + ms);
        if (this.#isCounting) return;
        this.#isCounting = true;
        setImmediate(() => {
          this.#isCounting = false;
          this.#spent.clear();
        });
      },
    };
  }

  #spentBy(address: string): number {
    return this.#spent.get(address) ?? 0;
  }
}
