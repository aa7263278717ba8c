/** Times to wait. */

/** The longest that timers count (https://html.spec.whatwg.org/#timer-initialisation-steps); a longer one would end at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A timer for so long, or for 24 days where that is less. */
export function timerOf(ms: number, act: () => void): ReturnType<typeof setTimeout> {
  return setTimeout(act, Math.min(ms, TIMER_MS_MAX));
}

/** Waits for so long. Rejects with the signal's reason once that is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = timerOf(ms, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    signal.addEventListener("abort", stop, { once: true });
  });
}
