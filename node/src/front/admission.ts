/**
 * Admission: what a caller is given while it is here, and the one owner of that. It knows neither Express nor HTTP: every
 * door (a request, later a call of another protocol) is a *visit*.
 *
 * A visit takes a place when it comes, counts the bytes that arrive for it, and takes a permit for its work. The place
 * and the permit go back when its work has settled, whether or not its client still listens; so do the bytes. What is
 * answered is counted until the client has it. Places, permits and bytes are given in fair shares (`Shares`).
 */

import { setMaxListeners } from "node:events";
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { Asker, Held, Visit, Watch, WorkKind } from "../ports.js";
import { Permits, Shares } from "../shares.js";
import { unlessAborted } from "../unless-aborted.js";

export interface AdmissionLimits {
  /** Visits that are worked on at once. */
  readonly requestsMax: number;
  /** Visits that wait or send their body. */
  readonly requestsQueuedMax: number;
  /** Longest wait for a permit, in ms. */
  readonly queueWaitMsMax: number;
  /** From when a visit asks for its permit to its answer, in ms. */
  readonly classifyMsMax: number;
  /** Bytes of bodies, photos in the making and answers of all visits. */
  readonly uploadsHeldBytesMax: number;
}

/** What is known of whoever is admitted. */
export interface About {
  /** Is told what comes of it. */
  readonly watch?: Watch | undefined;
  /** Null where nobody could ask for its answers again. */
  readonly asker?: Asker | null;
}

export interface Admission {
  /** What a caller would be refused with now; null when it would be admitted. */
  refusal(caller: string): AppError | null;
  /** @throws AppError `overloaded`. */
  admit(caller: string, about?: About): Visit;
  /**
   * Counts memory that is taken for a caller without a visit, until the function that it answers is called.
   * @throws AppError `overloaded`.
   */
  hold(caller: string, bytes: number): () => void;
  /** What is held now. */
  held(): Held;
}

/** Whose permits those of a caller's work are. */
const SHARES: Record<WorkKind, string> = { one: "", many: ", many runs", strangers: ", graphs of clients" };
const RETRY_AFTER_SECONDS = 1;
const BYTES_RETRY_AFTER_SECONDS = 2;
const REST_MS = 1000;

/** Is told for how many seconds there was rest, and answers whether it is to be told a second later too. */
export type OnRest = (seconds: number) => boolean;

/**
 * `onRest` is called once nobody has been here for a second, nor taken an answer, and each second after that for as long as
 * nobody comes and it answers true.
 */
export function createAdmission(limits: AdmissionLimits, onRest: OnRest = () => false): Admission {
  const { requestsMax, requestsQueuedMax, uploadsHeldBytesMax } = limits;
  const places = new Shares(requestsMax + requestsQueuedMax);
  const permits = new Permits(requestsMax);
  const bytes = new Shares(uploadsHeldBytesMax);
  let resting: NodeJS.Timeout | null = null;
  let restedSeconds = 0;
  const isAtRest = () => places.total === 0 && bytes.total === 0;
  const rest = () => {
    if (!isAtRest()) return;
    restedSeconds += 1;
    if (onRest(restedSeconds)) resting?.refresh();
  };
  const onLeft = () => {
    if (!isAtRest()) return;
    restedSeconds = 0;
    resting ??= setTimeout(rest, REST_MS).unref();
    resting.refresh();
  };
  const common = { places, permits, bytes, limits, onLeft };
  // Errors are dear to make, for the stack in them; this one is always the same.
  const full = overloaded(
    `The service works on ${counted(requestsMax, "request")} and has ${requestsQueuedMax} wait, of which one caller leaves as many to others as it has`,
  );
  const refusal = (caller: string) => (places.allows(caller) ? null : full);
  return {
    refusal,
    admit(caller, about = {}) {
      const refused = refusal(caller);
      if (refused !== null) throw refused;
      places.take(caller);
      return new OneVisit(caller, about, common);
    },
    hold: (caller, count) => holdBytes(common, caller, count),
    held: () => ({ requests: permits.held, waiting: places.total - permits.held, bytes: bytes.total }),
  };
}

/** What all visits share. */
interface Common {
  readonly places: Shares;
  readonly permits: Permits;
  readonly bytes: Shares;
  readonly limits: AdmissionLimits;
  /** Called whenever a place, an answer or held bytes are given back. */
  readonly onLeft: () => void;
}

class OneVisit implements Visit {
  readonly caller: string;
  readonly asker: Asker | null;
  readonly watch: Watch | undefined;
  readonly request = this;
  readonly #common: Common;
  readonly #deadline = new AbortController();
  readonly #cameAtMs = performance.now();
  #clientsTimer: NodeJS.Timeout | undefined;
  #bodyBytes = 0;
  #answerBytes = 0;
  #work: "none" | "begun" | "settled" = "none";
  #hasLeft = false;
  #hasPlace = true;

  constructor(caller: string, about: About, common: Common) {
    this.caller = caller;
    this.asker = about.asker ?? null;
    this.watch = about.watch;
    this.#common = common;
    // Everything that waits for this visit listens.
    setMaxListeners(0, this.signal);
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }

  charge(bytes: number): void {
    // What comes later would be given back by nobody, and after the deadline is for nothing.
    if (this.signal.aborted) throw this.signal.reason;
    if (!this.#hasPlace) throw new AppError("engine_timeout", "The request was answered meanwhile.");
    takeBytes(this.#common.bytes, this.caller, bytes);
    this.#bodyBytes += bytes;
  }

  chargeAnswer(bytes: number): void {
    if (this.#hasLeft) return;
    takeBytes(this.#common.bytes, this.caller, bytes);
    this.#answerBytes += bytes;
  }

  answerWithin(ms: number): void {
    clearTimeout(this.#clientsTimer);
    if (this.#hasLeft) return;
    const leftMs = Math.max(0, this.#cameAtMs + ms - performance.now());
    this.#clientsTimer = setTimeout(() => {
      this.#deadline.abort(
        new AppError("engine_timeout", `The request was not answered within the ${ms} ms that it allows.`),
      );
    }, leftMs);
  }

  hold(bytes: number): () => void {
    return holdBytes(this.#common, this.caller, bytes);
  }

  async run<T>(work: () => Promise<T>, kind: WorkKind = "one"): Promise<T> {
    if (this.#work !== "none") throw new Error("a visit works once");
    this.#work = "begun";
    const { classifyMsMax } = this.#common.limits;
    const timer = setTimeout(() => {
      this.#deadline.abort(
        new AppError("engine_timeout", `The request was not answered within ${classifyMsMax} ms of its arrival.`),
      );
    }, classifyMsMax);
    const working = this.#withPermit(kind, work).finally(() => {
      clearTimeout(timer);
      clearTimeout(this.#clientsTimer);
      this.#work = "settled";
      this.#settle();
    });
    return await unlessAborted(this.signal, working);
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    clearTimeout(this.#clientsTimer);
    if (this.#work !== "settled") this.#deadline.abort(new AppError("engine_timeout", "The client went away."));
    this.#common.bytes.giveBack(this.caller, this.#answerBytes);
    if (this.#hasPlace) this.#settle();
    else this.#common.onLeft();
  }

  async #withPermit<T>(kind: WorkKind, work: () => Promise<T>): Promise<T> {
    const release = await this.#takePermit(kind);
    try {
      return await work();
    } finally {
      release();
    }
  }

  async #takePermit(kind: WorkKind): Promise<() => void> {
    const { queueWaitMsMax } = this.#common.limits;
    const caller = `${this.caller}${SHARES[kind]}`;
    const hold = (bytes: number) => this.hold(bytes);
    const now = this.#common.permits.takeNow({ caller, request: this, signal: this.signal, hold });
    if (now !== undefined) return now;
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(overloaded(`the request waited ${queueWaitMsMax} ms for its turn`)),
      queueWaitMsMax,
    );
    const passOn = () => late.abort(this.signal.reason);
    this.signal.addEventListener("abort", passOn);
    try {
      return await this.#common.permits.take({ caller, request: this, signal: late.signal, hold });
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener("abort", passOn);
    }
  }

  /** Gives the place and the body's bytes back: once, when no work needs them and no more of the body comes. */
  #settle(): void {
    const isOver = this.#work === "settled" || (this.#work === "none" && this.#hasLeft);
    if (!isOver || !this.#hasPlace) return;
    this.#hasPlace = false;
    this.#common.places.giveBack(this.caller);
    this.#common.bytes.giveBack(this.caller, this.#bodyBytes);
    this.#common.onLeft();
  }
}

/** @throws AppError `overloaded`. */
function holdBytes({ bytes: shares, onLeft }: Common, caller: string, bytes: number): () => void {
  takeBytes(shares, caller, bytes);
  return () => {
    shares.giveBack(caller, bytes);
    onLeft();
  };
}

/** @throws AppError `overloaded`. */
function takeBytes(shares: Shares, caller: string, bytes: number): void {
  if (!shares.allows(caller, bytes)) {
    const held = `${shares.total} bytes, ${shares.heldBy(caller)} of them for this caller`;
    const detail = `The service holds ${held}; it takes ${shares.max} at most, of which one caller leaves as many to others as it has. Try again in ${BYTES_RETRY_AFTER_SECONDS} s.`;
    throw new AppError("overloaded", detail, { retryAfterSeconds: BYTES_RETRY_AFTER_SECONDS });
  }
  shares.take(caller, bytes);
}

function overloaded(why: string): AppError {
  const detail = `The service is full: ${why}. Try again in ${RETRY_AFTER_SECONDS} s.`;
  return new AppError("overloaded", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
