/**
 * Memory given back at rest. V8 collects garbage by what is taken anew, and the system's allocator keeps what was freed for
 * what comes next: a service that has come to rest keeps what its busiest minute left behind, for as long as it rests.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What is kept for less is not worth the pause, which is some 40 ms. */
export const GROWTH_BYTES_MIN = 8 * 1024 * 1024;

/**
 * V8 gives the room for new objects back in a collection before which little was allocated for so long (`ReduceNewSpaceSize` in
 * `src/heap/heap.cc`, `kThroughputTimeFrameMs` in `src/heap/gc-tracer.h`).
 */
export const QUIET_MS = 5000;
const COLLECTED_AT_SECONDS = [1, 1 + QUIET_MS / 1000];
/** V8 frees buffers on a thread of its own. */
const TRIMMED_AT_SECONDS = COLLECTED_AT_SECONDS.map((second) => second + 1);
const LAST_SECOND = Math.max(...TRIMMED_AT_SECONDS);

/** What `@menagerie/native` exports for this; the types stand here so that this room compiles before it is built. */
interface Addon {
  trimMemory(): Promise<void>;
}

const ADDON = "@menagerie/native";

let gc: (() => void) | null = null;

/** Of this thread, now. */
export function collectGarbage(): void {
  if (gc === null) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
  }
  gc();
}

/** Has the allocator give back what was freed, on a thread of its own. Does nothing where `@menagerie/native` is not there. */
export async function trimMemory(): Promise<void> {
  const addon = (await import(ADDON).catch(() => null)) as { default: Addon } | null;
  await addon?.default.trimMemory();
}

export interface RestOptions {
  readonly collect?: () => void;
  readonly trim?: () => Promise<void>;
  /** Of the process. */
  readonly rssBytes?: () => number;
}

/**
 * To be called at rest each second for as long as it answers true: where the process has grown since it last rested, collects and
 * trims, and does so once more when it has been quiet for long.
 */
export function createRestCollector({
  collect = collectGarbage,
  trim = trimMemory,
  rssBytes = process.memoryUsage.rss,
}: RestOptions = {}): (seconds: number) => boolean {
  let atRestBytes = rssBytes();
  let isDue = false;
  const settle = async () => {
    await trim();
    atRestBytes = rssBytes();
  };
  return (seconds) => {
    if (seconds === 1) isDue = rssBytes() >= atRestBytes + GROWTH_BYTES_MIN;
    // What was given back later does not hide what grows next.
    if (!isDue) atRestBytes = Math.min(atRestBytes, rssBytes());
    else if (COLLECTED_AT_SECONDS.includes(seconds)) collect();
    else if (TRIMMED_AT_SECONDS.includes(seconds)) void settle();
    return seconds < LAST_SECOND;
  };
}
