/**
 * One thing under way at a time, with its progress, its end, and what to do when the service is full or gone.
 */
import { pause } from "../../src/client/pause.js";
import { Refusal, type Sending } from "./api.js";
import { problemTitle } from "./components/problem.js";
import { poll } from "./poll.js";
import { announcement, isReachable, reply, work } from "./state.js";

/** Of a service that is full and does not say when to come back; doubled each time. */
const WAIT_SECONDS = 1;
const WAIT_SECONDS_MAX = 30;

let current: AbortController | null = null;

/**
 * Does one thing; what is still under way is dropped. A service that is full is waited for. A refusal becomes the reply.
 * `broke` counts the connections that broke over it.
 */
export async function doWork(act: (sending: Required<Sending>) => Promise<void>, broke = 0): Promise<void> {
  current?.abort();
  const mine = new AbortController();
  const { signal } = mine;
  current = mine;
  if (reply.value?.kind === "refusal") reply.value = null;
  try {
    for (let waitSeconds = WAIT_SECONDS; ; waitSeconds = Math.min(2 * waitSeconds, WAIT_SECONDS_MAX)) {
      const since = performance.now();
      work.value = { upload: null, since, waits: null };
      const onUpload: Required<Sending>["onUpload"] = (upload) => {
        if (!signal.aborted) work.value = { upload, since, waits: null };
      };
      try {
        await act({ signal, onUpload });
        return;
      } catch (error) {
        if (signal.aborted || !(error instanceof Refusal) || !isWait(error)) throw error;
        await waitForTurn(error.about.retryAfterSeconds ?? waitSeconds, signal);
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    const retry = () => void doWork(act);
    reply.value = { kind: "refusal", refusal: error, retry };
    announcement.value = `${problemTitle(error)}. ${error.message}`;
    if (error.code === "unreachable") void retryWhenBack(() => void doWork(act, broke + 1), broke);
  } finally {
    if (current === mine) {
      work.value = null;
      current = null;
    }
  }
}

/** Whether the service takes the very same later. */
export function isWait({ code }: Refusal): boolean {
  return code === "overloaded" || code === "rate_limited";
}

/** Drops what is under way. */
export function cancelWork(): void {
  if (current === null) return;
  current.abort();
  current = null;
  work.value = null;
  announcement.value = "Cancelled.";
}

/** Counts down in sight of the user. */
async function waitForTurn(seconds: number, signal: AbortSignal): Promise<void> {
  announcement.value = "The service is full. The question waits for its turn.";
  for (let left = Math.max(1, Math.ceil(seconds)); left > 0; left--) {
    work.value = { upload: null, since: performance.now(), waits: `The service is full. Trying again in ${left} s.` };
    await pause(1000, signal);
  }
}

/**
 * Tries again when a service that was gone is back. One that is there and broke the connection twice is not asked again:
 * the upload itself may be what it does not take.
 */
async function retryWhenBack(retry: () => void, broke: number): Promise<void> {
  const mine = reply.value;
  await poll();
  if (isReachable.value) {
    if (broke === 0 && reply.value === mine) retry();
    return;
  }
  const stop = isReachable.subscribe((isBack) => {
    if (!isBack) return;
    queueMicrotask(() => stop());
    if (reply.value === mine) retry();
  });
}
