/**
 * The process of one run of teaching (`teach/run.ts`): it takes its order from the service, teaches, leaves the result in the
 * job's folder, and ends when the service does.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { availableParallelism, setPriority } from "node:os";
import type { Config } from "./config.js";
import { AppError, messageOf } from "./errors.js";
import { isFeedbackThere, openFeedbackStore } from "./service/feedback.js";
import { openWorkbench } from "./service/workbench.js";
import { runLesson } from "./teach/lesson.js";
import { END_MS, type RunMessage, type RunOrder } from "./teach/run.js";
import { hearService, sayToService } from "./teach/service-line.js";

/** The lowest that there is. */
const NICENESS = 19;
/** Photos that are worked on at once, each on one core: caches and memory are shared at any priority, so a core is left. */
const LANES = Math.max(1, availableParallelism() - 1);
/** The run itself has no environment. */
const SYSTEM_PATH = "/usr/bin:/bin";
const PROGRESS_EVERY_MS = 250;

stepBack();
const ending = new AbortController();
hearService<Given>(
  END_MS,
  (given) => void run(given),
  () => ending.abort(new Error("the service has ended")),
);

interface Given {
  readonly order: RunOrder;
  readonly settings: Config;
}

async function run({ order, settings }: Given): Promise<void> {
  await sayToService(await outcomeOf(order, settings));
  process.exit();
}

async function outcomeOf(order: RunOrder, settings: Config): Promise<RunMessage> {
  try {
    const workbench = await openWorkbench(
      { ...settings, workerThreads: LANES + 1, engineThreads: 1 },
      order.isStrangers,
    );
    const feedback =
      order.fromFeedback !== null && isFeedbackThere(settings) ? await openFeedbackStore(settings) : null;
    try {
      const { modelsDir } = settings;
      await runLesson(
        workbench,
        order,
        { modelsDir, feedback },
        {
          lanes: LANES,
          signal: ending.signal,
          told: throttled((stage, share) => void sayToService({ kind: "progress", stage, share })),
          remark: (sentence) => void sayToService({ kind: "remark", sentence }),
        },
      );
    } finally {
      await Promise.all([workbench.close(), feedback?.close()]);
    }
    return { kind: "done" };
  } catch (error) {
    if (error instanceof AppError) return { kind: "failed", code: error.code, detail: error.message, stack: null };
    const stack = error instanceof Error ? (error.stack ?? null) : messageOf(error);
    return { kind: "failed", code: "internal", detail: "The run failed; the log of the service says why.", stack };
  }
}

/** Passes on the first of each stage, the last one, and a few a second between them. */
function throttled<Name>(tell: (name: Name, share: number) => void): (name: Name, share: number) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  let last: Name | null = null;
  return (name, share) => {
    const now = performance.now();
    if (name === last && share < 1 && now - toldMs < PROGRESS_EVERY_MS) return;
    [toldMs, last] = [now, name];
    tell(name, share);
  };
}

/**
 * What the service leaves of the processor, for all that is started from here. Linux has a niceness for each thread, and
 * some were there before this ran; where its tool is there, it also lets whatever else wakes up go first (SCHED_IDLE). Where
 * memory is short, this is what the system ends first.
 */
function stepBack(): void {
  setPriority(NICENESS);
  if (process.platform !== "linux") return;
  spawnSync("chrt", ["--all-tasks", "--idle", "--pid", "0", String(process.pid)], { env: { PATH: SYSTEM_PATH } });
  try {
    for (const thread of readdirSync("/proc/self/task")) setPriority(Number(thread), NICENESS);
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // Without /proc shares are as the system gives them.
  }
}
