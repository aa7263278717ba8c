/// <reference lib="dom" />
/** What a page takes of its main thread and of memory. */
import type { Page } from "playwright-core";
import { expect } from "vitest";

/** Of the page's JavaScript, after a collection of what is dead. */
export async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}

interface MainThread {
  readonly workedMs: number;
  /** In the longest task by the clock, and in the one after it. */
  readonly handedOverMs: number;
  readonly blockedMs: number;
  readonly stalledMs: number;
}

/**
 * The longest tasks of the page's main thread from now on: by the processor's time, and by the clock. By the clock the very
 * longest is that in which the browser hands the files over, most of which it waits for the disk. On a machine with other
 * work the clock also counts the time in which the page was not let run: as much as a thread of the page that does nothing
 * but wake up came late.
 */
export async function watchMainThread(page: Page): Promise<() => Promise<MainThread>> {
  interface TraceEvent {
    readonly name: string;
    readonly pid: number;
    readonly tid: number;
    /** Microseconds, by the clock and of the thread. */
    readonly dur?: number;
    readonly tdur?: number;
    readonly args: { readonly name?: string };
  }
  await page.evaluate(() => {
    const source = `let last = performance.now(), longest = 0;
      setInterval(() => { const now = performance.now(); longest = Math.max(longest, now - last - 5); last = now; }, 5);
      onmessage = () => postMessage(longest);`;
    Object.assign(globalThis, { idler: new Worker(URL.createObjectURL(new Blob([source]))) });
  });
  const session = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const categories = "disabled-by-default-devtools.timeline,__metadata";
  await session.send("Tracing.start", { transferMode: "ReportEvents", categories });
  return async () => {
    const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
    await session.send("Tracing.end");
    await complete;
    const isMain = new Set(
      events.filter(({ args }) => args.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`),
    );
    const tasks = events.filter(({ name, pid, tid }) => name === "RunTask" && isMain.has(`${pid} ${tid}`));
    expect(tasks.length).toBeGreaterThan(1000);
    const sorted = (of: "dur" | "tdur") =>
      tasks.map((task) => Math.round((task[of] ?? 0) / 1000)).toSorted((one, other) => other - one);
    const stalledMs = await page.evaluate(() => {
      const { idler } = globalThis as unknown as { idler: Worker };
      return new Promise<number>((resolve) => {
        idler.onmessage = ({ data }) => resolve(Math.round(data as number));
        idler.postMessage(null);
      });
    });
    const [[workedMs = 0], [handedOverMs = 0, blockedMs = 0]] = [sorted("tdur"), sorted("dur")];
    return { workedMs, handedOverMs, blockedMs, stalledMs };
  };
}
