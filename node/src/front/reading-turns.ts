/**
 * Turns in which the main thread reads bodies that are large or come in many chunks: a client that sends as fast as it can
 * would have it read nothing else. What is not read waits in the system's buffers, and then with its client. While others
 * are about, one caller's come at a pace that takes a part of the thread's time; nothing but a wait would leave them the
 * rest.
 */
import type { Readable } from "node:stream";
import { Company, FairQueue } from "../fair-queue.js";
import type { Party } from "../ports.js";

/** Of each body, read without waiting: most photos whole. */
const FREE_BYTES = 256 * 1024;
/** Likewise, as many as a network makes of those: how small chunks are is the client's choice, and each takes its time. */
const FREE_CHUNKS = 256;
/** What one turn is for at most, beside the chunk that waits for it: so many tiny chunks take as long as a large one. */
const TURN_BYTES = 32 * 1024;
const TURN_CHUNKS = 256;
/** Chunks, of 64 KiB mostly, that are read from one turn of the event loop to the next. */
const CHUNKS_A_TURN = 2;
/**
 * Of one caller while others are about: 65 MB/s, half of what comes by a gigabit, and a tenth of the thread's time. With
 * twice as many, answers beside 16 clients that send 16 MB each take a third longer.
 */
const CHUNKS_A_MS = 1;

/** Undefined where the next chunk of the request's body, of `bytes`, may be read at once. */
export type TakeTurn = (party: Pick<Party, "caller" | "request">, bytes: number) => Promise<void> | undefined;

export interface ReadingTurns {
  readonly take: TakeTurn;
  /** Resolves when it is the party's turn, of which none is free. Those that say whether there is time left for them have no other pace. */
  wait(party: Pick<Party, "caller" | "request">, isLeft?: () => boolean): Promise<void>;
}

interface Held {
  readonly caller: string;
  readonly isLeft: (() => boolean) | null;
  readonly read: () => void;
}

export function createReadingTurns(now: () => number = () => performance.now()): ReadingTurns {
  const company = new Company(undefined, now);
  const queue = new FairQueue<Held>();
  /** What may come of each body before its next turn. */
  const free = new WeakMap<object, { bytes: number; chunks: number }>();
  /** Chunks of each caller in this millisecond. */
  const counts = new Map<string, number>();
  let thisMs = 0;
  let isScheduled = false;

  const countOf = (caller: string) => counts.get(caller) ?? 0;
  const fits = ({ caller, isLeft }: Held) =>
    isLeft === null ? !company.hasOthers(caller) || countOf(caller) < CHUNKS_A_MS : isLeft();
  const serve = () => {
    isScheduled = false;
    const ms = Math.floor(now());
    if (ms !== thisMs) counts.clear();
    thisMs = ms;
    let readCount = 0;
    for (; readCount < CHUNKS_A_TURN; readCount += 1) {
      const next = queue.shift(fits);
      if (next === undefined) break;
      if (next.isLeft === null) counts.set(next.caller, countOf(next.caller) + 1);
      next.read();
    }
    schedule(readCount > 0);
  };
  const schedule = (isAtOnce: boolean) => {
    if (isScheduled || queue.size === 0) return;
    isScheduled = true;
    if (isAtOnce) setImmediate(serve);
    else setTimeout(serve, 1);
  };
  const wait: ReadingTurns["wait"] = (party, isLeft) => {
    company.note(party.caller);
    return new Promise((read) => {
      queue.push(party, { caller: party.caller, isLeft: isLeft ?? null, read });
      schedule(true);
    });
  };
  return {
    take(party, bytes) {
      company.note(party.caller);
      const { bytes: freeBytes, chunks: freeChunks } = free.get(party.request) ?? {
        bytes: FREE_BYTES,
        chunks: FREE_CHUNKS,
      };
      if (freeBytes > 0 && freeChunks > 0) {
        free.set(party.request, { bytes: freeBytes - bytes, chunks: freeChunks - 1 });
        return undefined;
      }
      free.set(party.request, { bytes: TURN_BYTES - bytes, chunks: TURN_CHUNKS - 1 });
      return wait(party);
    },
    wait,
  };
}

/**
 * Gives `take` each chunk of a stream, mostly a request's body, in its turn, and calls `end` behind the last one, until the function that it
 * answers is called. The request is left as it flows then: its rest may be dropped by others.
 */
export function readInTurns(
  stream: Readable,
  turn: (bytes: number) => Promise<void> | undefined,
  take: (chunk: Buffer) => void,
  end: () => void,
): () => void {
  let isOver = false;
  /** A stream that is paused says that it ends all the same, while its last chunk waits for a turn here. */
  let taken: Promise<void> | null = null;
  const read = (chunk: Buffer) => {
    const held = turn(chunk.length);
    if (held === undefined) {
      take(chunk);
      return;
    }
    stream.pause();
    taken = held.then(() => {
      if (isOver) return;
      stream.resume();
      take(chunk);
    });
  };
  const finish = () => {
    if (!isOver) end();
  };
  const endInTurn = () => {
    if (taken === null) finish();
    else void taken.then(finish);
  };
  stream.on("data", read).once("end", endInTurn);
  return () => {
    isOver = true;
    stream.off("data", read).off("end", endInTurn);
  };
}
