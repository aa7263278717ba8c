/**
 * Memory given back at rest. V8 collects garbage by what is taken anew: a service that has come to rest keeps what its
 * busiest minute left behind, for as long as it rests.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What is kept for less is not worth the pause, which is some 40 ms. */
const GROWTH_BYTES_MIN = 32 * 1024 * 1024;
/** V8 gives the memory of buffers back on a thread of its own. */
const FREED_MS = 1000;
/** Threads give back what images took of them when they have rested themselves. */
const SETTLED_MS = 10_000;

let gc: (() => void) | null = null;

/** Of this thread, now. */
export function collectGarbage(): void {
  if (gc === null) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
  }
  gc();
}

/** To be called at rest: collects where the process has grown since it last was. */
export function createRestCollector(collect = collectGarbage, rssBytes = process.memoryUsage.rss): () => void {
  let atRestBytes = rssBytes();
  const hasGrown = () => rssBytes() >= atRestBytes + GROWTH_BYTES_MIN;
  /** What was given back later does not hide what grows next. */
  const sink = () => {
    atRestBytes = Math.min(atRestBytes, rssBytes());
  };
  return () => {
    if (!hasGrown()) {
      sink();
      return;
    }
    collect();
    setTimeout(sink, SETTLED_MS).unref();
    setTimeout(() => {
      // What threads gave back meanwhile.
      if (hasGrown()) collect();
      atRestBytes = rssBytes();
    }, FREED_MS).unref();
  };
}
