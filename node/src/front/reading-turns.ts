/**
 * Turns in which the main thread reads large bodies: a client that sends as fast as it can would have it read nothing
 * else. What is not read waits in the system's buffers, and then with its client.
 */
import { FairQueue } from "../fair-queue.js";
import type { Party } from "../ports.js";

/** Of each body, read without waiting: most photos whole. */
const FREE_BYTES = 256 * 1024;
/** Chunks, of 64 KiB mostly, that are read from one turn of the event loop to the next. */
const CHUNKS_A_TURN = 2;

/** Undefined where the next chunk of a body, of which `bytes` came before, may be read at once. */
export type TakeTurn = (party: Pick<Party, "caller" | "request">, bytes: number) => Promise<void> | undefined;

export function createReadingTurns(): TakeTurn {
  const queue = new FairQueue<() => void>();
  let isScheduled = false;

  const schedule = () => {
    if (isScheduled || queue.size === 0) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      for (let count = 0; count < CHUNKS_A_TURN; count += 1) queue.shift()?.();
      schedule();
    });
  };
  return (party, bytes) => {
    if (bytes < FREE_BYTES) return undefined;
    return new Promise((resolve) => {
      queue.push(party, resolve);
      schedule();
    });
  };
}
