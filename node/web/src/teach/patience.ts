/** Calls of a long run: a service that is full or gone is waited for. */
import { pause } from "../../../src/client/pause.js";
import { Refusal } from "../api.js";
import { poll } from "../poll.js";
import { isReachable } from "../state.js";
import { isWait } from "../work.js";

const WAIT_SECONDS = 1;
const WAIT_SECONDS_MAX = 30;
/** A service that is there and breaks the connection so often does not take what is sent. */
const BROKEN_MAX = 3;

/** Calls until the service answers. `tellWait` hears what is waited for, and null when it is over. */
export async function patiently<T>(
  act: () => Promise<T>,
  signal: AbortSignal,
  tellWait: (words: string | null) => void,
): Promise<T> {
  let broken = 0;
  for (let seconds = WAIT_SECONDS; ; seconds = Math.min(2 * seconds, WAIT_SECONDS_MAX)) {
    try {
      const answer = await act();
      tellWait(null);
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Refusal)) throw error;
      if (error.code === "unreachable") {
        await poll();
        if (isReachable.value) broken += 1;
        if (broken >= BROKEN_MAX) throw error;
      } else if (!isWait(error)) throw error;
      tellWait(
        isReachable.value
          ? "The service is full. It is tried again."
          : "The service does not answer. It is tried again.",
      );
      await pause(1000 * (error.about.retryAfterSeconds ?? seconds), signal);
    }
  }
}
