/** When a call is tried again, and after how long. */
import { type ClientErrorCode, MenagerieError } from "./error.js";
import { pause } from "./pause.js";

/** What was not begun, and may be a moment later. */
const PASSING: readonly ClientErrorCode[] = ["overloaded", "rate_limited", "engine_unavailable"];

const FIRST_WAIT_MS = 250;

/** How often and how long a call is tried. */
export interface Patience {
  /** Whether a call may be made again whose answer was lost. */
  readonly isRepeatable: boolean;
  readonly retriesMax: number;
  /** The longest wait where the service asks for none. */
  readonly waitMsMax: number;
  /** Where the service asks for a longer wait, it is not waited: the call fails at once. */
  readonly askedMsMax: number;
  /** Time of `performance.now()` after which nothing is begun. */
  readonly deadlineMs: number;
}

/** @throws what the last try failed with, or the signal's reason. */
export async function withRetries<T>(attempt: () => Promise<T>, patience: Patience, signal: AbortSignal): Promise<T> {
  for (let retryCount = 0; ; retryCount += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof MenagerieError)) throw error;
      if (!PASSING.includes(error.code) && !(patience.isRepeatable && error.code === "unreachable")) throw error;
      const { retryAfterSeconds = 0 } = error;
      const waitMs = waitMsBefore(retryCount, error.retryAfterSeconds, patience.waitMsMax);
      const isLate = performance.now() + waitMs > patience.deadlineMs;
      const isTooLong = isLate || 1000 * retryAfterSeconds > patience.askedMsMax;
      if (retryCount >= patience.retriesMax || isTooLong) throw error;
      await pause(waitMs, signal);
    }
  }
}

/**
 * What the service asks for, and a little more, since it says the same to everyone; else twice as long each time, and
 * half of that by chance ("equal jitter" of
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
function waitMsBefore(retryCount: number, retryAfterSeconds: number | undefined, waitMsMax: number): number {
  const chance = Math.random();
  if (retryAfterSeconds !== undefined) return 1000 * retryAfterSeconds + chance * FIRST_WAIT_MS;
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** retryCount, waitMsMax);
  return waitMs / 2 + (chance * waitMs) / 2;
}
