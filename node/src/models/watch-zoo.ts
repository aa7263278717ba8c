/**
 * Notices that the folder of the zoo changes: at once where the system tells of it, else by looking now and then, as on
 * network file systems. Libraries that watch whole trees lose a folder that another one replaces.
 */
import { type FSWatcher, watch } from "node:fs";
import { type FileZoo, GONE_MS } from "./file-zoo.js";

export interface WatchOptions {
  readonly zoo: Pick<FileZoo, "dirs" | "refresh" | "isWaiting">;
  /** Between two looks where nothing was told of, in ms; 0 for none. */
  readonly pollMs: number;
  readonly report: (error: unknown) => void;
}

/** A change is seldom one alone: the rest of it comes within this time. */
const SETTLE_MS = 200;

export interface ZooWatch {
  /** Looks now, whatever was told of. */
  look(): void;
  /** Ends it. */
  stop(): void;
}

export function watchZoo({ zoo, pollMs, report }: WatchOptions): ZooWatch {
  let watchers: FSWatcher[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const lookIn = (ms: number) => {
    if (!isOver) timer ??= setTimeout(look, ms).unref();
  };
  const look = async () => {
    timer = undefined;
    try {
      // Before it is read, so that what changes meanwhile is noticed. A folder may be another one of the same name.
      await rearm();
      await zoo.refresh();
      if (zoo.isWaiting) lookIn(GONE_MS);
    } catch (error) {
      report(error);
    }
  };
  const rearm = async () => {
    const dirs = await zoo.dirs();
    for (const watcher of watchers) watcher.close();
    watchers = (isOver ? [] : dirs).flatMap((dir) => {
      try {
        return watch(dir, { persistent: false }, () => lookIn(SETTLE_MS)).on("error", report);
      } catch {
        // It went meanwhile, or the system watches no more: the next look comes by itself.
        return [];
      }
    });
  };
  lookIn(0);
  const poll = pollMs === 0 ? undefined : setInterval(() => lookIn(0), pollMs).unref();
  return {
    look: () => lookIn(0),
    stop() {
      isOver = true;
      clearInterval(poll);
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      watchers = [];
    },
  };
}
