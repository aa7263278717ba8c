/**
 * One run of a job as a process of its own, which can be killed at any moment: it shares no memory with the service, takes
 * what the service leaves of the processor, and ends with it. What both say to each other, and the service's side.
 */
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { AppError } from "../errors.js";
import type { ErrorCode } from "../generated/contract.js";
import type { StartChild } from "../start-child.js";
import type { Stage } from "../teach-jobs.js";

/** A photo of the job. */
export interface RunPhoto {
  readonly sha256: string;
  readonly label: string;
  readonly name: string;
  readonly file: string;
}

/** What a run is told at its begin. */
export interface RunOrder {
  /** The job's folder. */
  readonly dir: string;
  /** Whether a graph that it runs is one that a client brought. */
  readonly isStrangers: boolean;
  readonly statement: { readonly id: string; readonly title: string | null; readonly description: string | null };
  readonly data: string;
  /** Whether there is a model to compare with, beside the base. */
  readonly compare: boolean;
  readonly mirror: boolean;
  /** Whether sample photos of other models are a class of their own. */
  readonly other: boolean;
  /** The model whose corrected photos are taught too, by its id; null where none are. */
  readonly fromFeedback: string | null;
  /** Of the job and of feedback together. */
  readonly photosMax: number;
  readonly seed: number;
  readonly photos: readonly RunPhoto[];
}

/** What it says. */
export type RunMessage =
  | { readonly kind: "progress"; readonly stage: Stage; readonly share: number }
  | { readonly kind: "remark"; readonly sentence: string }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly detail: string; readonly stack: string | null };

/** Where in a job's folder a run has what it stands on, and leaves what came of it. */
export const RUN_PLACES = {
  base: "base",
  compare: "compare",
  models: "models",
  zip: "model.zip",
  lesson: "lesson.json",
} as const;

export interface RunOptions {
  /** The program, and what else it is to be told: other things where it takes photos of feedback. */
  readonly program: {
    readonly file: URL;
    readonly settings: object;
    readonly settingsWithFeedback: object;
    readonly start: StartChild;
  };
  readonly order: RunOrder;
  /** Ends it: at once, or soon where its reason is no problem of the run. */
  readonly signal: AbortSignal;
  readonly progress: (stage: Stage, share: number) => void;
  readonly remark: (sentence: string) => void;
  /** Hears what it writes on stderr, and of bugs. */
  readonly log: (line: string) => void;
}

/** Time for a run that was told to end, to end its engines. */
export const END_MS = 3000;

/**
 * Resolves once the result is on disk, and rejects once the process has ended: with the signal's reason, or with why it failed.
 */
export async function runJob({ program, order, signal, progress, remark, log }: RunOptions): Promise<void> {
  signal.throwIfAborted();
  const child = program.start({ path: process.execPath, args: [fileURLToPath(program.file)], environment: {} });
  child.stdin.on("error", () => {});
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    child.stdin.end();
    timer ??= setTimeout(() => child.kill("SIGKILL"), END_MS);
  };
  signal.addEventListener("abort", end);
  let outcome: Extract<RunMessage, { kind: "done" | "failed" }> | null = null;
  child.stderr.setEncoding("utf8").on("data", (text: string) => log(text.trimEnd()));
  createInterface(child.stdout).on("line", (line) => {
    const message = messageIn(line);
    if (message === null) log(line);
    else if (message.kind === "progress") progress(message.stage, message.share);
    else if (message.kind === "remark") remark(message.sentence);
    else {
      outcome = message;
      end();
    }
  });
  try {
    const settings = order.fromFeedback === null ? program.settings : program.settingsWithFeedback;
    const ended = new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, killedBy) => resolve(killedBy ?? `code ${code}`));
    });
    // That stdin ends says that nobody wants the run any more.
    child.stdin.write(`${JSON.stringify({ order, settings })}\n`);
    const how = await ended;
    throwFailure(outcome, how, signal, log);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

/** Null where it is none: of what a process that is killed was writing, the last line is a part. */
function messageIn(line: string): RunMessage | null {
  try {
    return JSON.parse(line) as RunMessage;
  } catch {
    return null;
  }
}

function throwFailure(
  outcome: Extract<RunMessage, { kind: "done" | "failed" }> | null,
  end: string,
  signal: AbortSignal,
  log: (line: string) => void,
): void {
  if (outcome?.kind === "done") return;
  signal.throwIfAborted();
  if (outcome === null)
    throw new AppError(
      "engine_failed",
      `The run was ended (${end}) before it was done, as a system does that is short of memory. What it had computed is kept: start it again, or take fewer photos.`,
    );
  if (outcome.stack !== null) log(outcome.stack);
  throw new AppError(outcome.code, outcome.detail);
}
