/**
 * How many photos are on their way at once: one more after each round that was taken, half as many when the service
 * refuses. (Additive increase, multiplicative decrease, as TCP does: RFC 5681.)
 */

/** Browsers open so many connections to one server; one is left for the rest of the page. */
const AT_ONCE_MAX = 5;
const AT_ONCE_BEGIN = 2;
const WAIT_MS = 1000;
const WAIT_MS_MAX = 30_000;

export class Pacer {
  #atOnce = AT_ONCE_BEGIN;
  #waitMs = WAIT_MS;
  #opensAt = 0;

  /** Whether one more may be sent while so many are on their way. */
  allows(sentCount: number): boolean {
    return this.waitMs === 0 && sentCount < Math.floor(this.#atOnce);
  }

  /** How long nothing is sent. */
  get waitMs(): number {
    return Math.max(0, this.#opensAt - performance.now());
  }

  /** One was answered. */
  taken(): void {
    this.#waitMs = WAIT_MS;
    this.#atOnce = Math.min(AT_ONCE_MAX, this.#atOnce + 1 / this.#atOnce);
  }

  /** The service is full, or does not answer; it may say when to come back. Those that are refused together count once. */
  refused(retryAfterSeconds: number | undefined): void {
    if (this.waitMs > 0) return;
    this.#atOnce = Math.max(1, this.#atOnce / 2);
    const wait = retryAfterSeconds === undefined ? this.#waitMs : 1000 * Math.max(1, retryAfterSeconds);
    this.#opensAt = performance.now() + Math.min(wait, WAIT_MS_MAX * 2);
    this.#waitMs = Math.min(2 * this.#waitMs, WAIT_MS_MAX);
  }
}
