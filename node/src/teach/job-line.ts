/** Jobs that wait, and the one that runs: one at a time, by turns of their callers, each in the order of its start. */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "../errors.js";
import { FairQueue } from "../fair-queue.js";
import type { TaughtModel } from "../generated/api.js";
import { asStorageProblem } from "../models/durable-file.js";
import { sizeOf } from "../models/folder-blobs.js";
import type { Job } from "./job.js";
import { RUN_PLACES, type RunOptions, runJob } from "./run.js";

export interface JobLineOptions {
  readonly minutesMax: number;
  /** Of one job, with those of feedback. */
  readonly photosMax: number;
  readonly program: RunOptions["program"];
  /** Writes a model that a job names, `id@version`, into a folder, and says whether a client brought it. */
  readonly copyModel: (
    field: "base" | "compare",
    name: string,
    folder: string,
  ) => Promise<{ readonly isStrangers: boolean }>;
  /** Resolves once what was said of answers can be read by a run. */
  readonly settleFeedback: () => Promise<void>;
  /** Throws where a run may not begin. */
  readonly admit: () => void;
  readonly log: (job: string, line: string) => void;
  readonly ended: (job: string, state: string) => void;
}

/** Why a run ends that is no problem of its own. */
class Ended extends Error {}

const MINUTE_MS = 60_000;

export class JobLine {
  readonly #options: JobLineOptions;
  readonly #queue = new FairQueue<Job>();
  /** In the order of their start. */
  readonly #waiting = new Set<Job>();
  #running: { readonly job: Job; readonly controller: AbortController; readonly settled: Promise<void> } | null = null;
  #isClosed = false;

  constructor(options: JobLineOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get running(): number {
    return this.#running === null ? 0 : 1;
  }

  push(job: Job): void {
    this.#queue.push({ caller: job.caller, request: job }, job);
    this.#waiting.add(job);
    this.#next();
  }

  /** How many jobs run before this one, at most: its caller's that came before it, and for each of those turns one of every other caller's. */
  aheadOf(job: Job): number {
    // Its turn has come, and its folder is about to say so.
    if (this.#running?.job === job) return 0;
    const counts = new Map<string, number>();
    let own = 0;
    let isBefore = true;
    for (const other of this.#waiting) {
      if (other === job) isBefore = false;
      else if (other.caller !== job.caller) counts.set(other.caller, (counts.get(other.caller) ?? 0) + 1);
      else if (isBefore) own += 1;
    }
    const others = [...counts.values()].reduce((sum, count) => sum + Math.min(count, own + 1), 0);
    return this.running + own + others;
  }

  /** Takes a job out; where it runs, its run is told to end. */
  drop(job: Job): void {
    if (this.#waiting.delete(job)) this.#queue.remove({ caller: job.caller, request: job }, job);
    if (this.#running?.job === job) this.#running.controller.abort(new Ended("it was cancelled"));
    this.#tell();
  }

  /** Resolves once no process works at the job. */
  async settled(job: Job): Promise<void> {
    if (this.#running?.job === job) await this.#running.settled;
  }

  /** Ends the run; resolves once it has. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#running?.controller.abort(new Ended("the service ends"));
    await this.#running?.settled;
  }

  #next(): void {
    if (this.#isClosed || this.#running !== null) return;
    const job = this.#queue.shift();
    if (job === undefined) return;
    this.#waiting.delete(job);
    const controller = new AbortController();
    const settled = this.#work(job, controller).then(() => {
      this.#running = null;
      this.#next();
    });
    this.#running = { job, controller, settled };
    this.#tell();
  }

  #tell(): void {
    for (const job of this.#waiting) job.tell();
  }

  async #work(job: Job, controller: AbortController): Promise<void> {
    const { minutesMax, log, ended } = this.#options;
    const { folder } = job;
    const timer = setTimeout(() => {
      const detail = `The run took more than ${minutesMax} min (TEACH_MINUTES_MAX); take fewer photos, or start it again: what it had computed is kept.`;
      controller.abort(new AppError("engine_timeout", detail));
    }, minutesMax * MINUTE_MS);
    let error: unknown = null;
    try {
      await this.#run(job, controller.signal);
    } catch (reason) {
      error = reason;
      if (!(reason instanceof AppError || reason instanceof Ended)) log(job.facts.id, messageOf(reason));
    }
    clearTimeout(timer);
    for (const copied of [RUN_PLACES.base, RUN_PLACES.compare])
      await rm(folder.pathOf(copied), { recursive: true, force: true }).catch(() => {});
    // What was cancelled or removed says so already.
    if (job.isRemoved) return;
    await job
      .change(async () => {
        const runBytes = await bytesIn(folder.dir, [RUN_PLACES.models, RUN_PLACES.zip, RUN_PLACES.lesson]);
        const remarks = [...job.remarks];
        if (job.facts.state !== "running") await folder.save({ runBytes });
        else if (error === null) await folder.save({ state: "done", result: await lessonOf(job), remarks, runBytes });
        else if (error instanceof Ended) await folder.save({ state: "interrupted", runBytes });
        else await folder.save({ state: "failed", problem: problemOf(error), remarks, runBytes });
      })
      .catch((reason: unknown) => log(job.facts.id, messageOf(reason)));
    ended(job.facts.id, job.facts.state);
  }

  /** One that was interrupted may have all that it takes. */
  async #run(job: Job, signal: AbortSignal): Promise<void> {
    const { program, admit, copyModel, settleFeedback, photosMax, log } = this.#options;
    const { folder } = job;
    const { id, asked, state } = job.facts;
    const hasResult = (await sizeOf(folder.pathOf(RUN_PLACES.lesson))) !== null;
    await job.change(async () => {
      signal.throwIfAborted();
      job.begin();
      if (state !== "interrupted") await removeResult(job);
      await folder.save({ state: "running" });
    });
    if (state === "interrupted" && hasResult) return;
    admit();
    const { base, compare } = asked;
    const copied = [await copyModel("base", base, folder.pathOf(RUN_PLACES.base))];
    if (compare !== undefined) copied.push(await copyModel("compare", compare, folder.pathOf(RUN_PLACES.compare)));
    const photos = [...folder.photos.values()].map(({ sha256, label, name }) => ({
      ...{ sha256, label, name, file: folder.photoPath(sha256) },
    }));
    const { title = null, description = null, data, mirror, other, from_feedback, seed } = asked;
    const [baseId = ""] = base.split("@");
    if (from_feedback) await settleFeedback();
    await runJob({
      program,
      order: {
        ...{ dir: folder.dir, statement: { id: asked.id, title, description } },
        isStrangers: copied.some(({ isStrangers }) => isStrangers),
        compare: compare !== undefined,
        ...{ data, mirror, other, seed, photos, photosMax, fromFeedback: from_feedback ? baseId : null },
      },
      signal,
      progress: (stage, share) => job.progress(stage, share),
      remark: (sentence) => job.remark(sentence),
      log: (line) => log(id, line),
    });
  }
}

async function removeResult({ folder }: Job): Promise<void> {
  await rm(folder.pathOf(RUN_PLACES.lesson), { force: true });
  await rm(folder.pathOf(RUN_PLACES.zip), { force: true });
}

async function lessonOf({ folder }: Job): Promise<TaughtModel> {
  return JSON.parse(await readFile(folder.pathOf(RUN_PLACES.lesson), "utf8")) as TaughtModel;
}

function problemOf(error: unknown): { code: AppError["code"]; detail: string } {
  const problem = asStorageProblem(error, "jobs", "TEACH_DIR");
  if (problem instanceof AppError) return { code: problem.code, detail: problem.message };
  return { code: "internal", detail: "The run could not be begun; the log of the service says why." };
}

async function bytesIn(dir: string, names: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const name of names) {
    const path = join(dir, name);
    const found = await stat(path).catch(() => null);
    if (found?.isFile()) bytes += found.size;
    if (found?.isDirectory()) bytes += await bytesIn(path, await readdir(path));
  }
  return bytes;
}
