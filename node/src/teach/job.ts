/** A job in memory: what its folder has, how far its run is, and who listens. Its changes happen one after the other. */
import { AppError } from "../errors.js";
import type { TeachJob } from "../generated/api.js";
import { asStorageProblem } from "../models/durable-file.js";
import type { JobListener, JobNews, Stage, State } from "../teach-jobs.js";
import type { JobFacts, JobFolder } from "./job-folder.js";

/** Sentences of a run that are kept. */
const REMARKS_MAX = 200;

/** States in which a job is in the line or at work. */
const ACTIVE: readonly State[] = ["waiting", "running", "interrupted"];

/** What the others are to a job. */
export interface Among {
  /** How many jobs run before this one while it waits. */
  readonly aheadOf: (job: Job) => number;
  /** Hears of one whose bytes may have changed. */
  readonly changed: (job: Job) => void;
}

export class Job {
  readonly #listeners = new Set<JobListener>();
  #lastChange: Promise<unknown> = Promise.resolve();
  #progress: { readonly stage: Stage; readonly share: number } | null = null;
  #remarks: string[] = [];
  #leftOut = 0;
  isRemoved = false;

  constructor(
    readonly folder: JobFolder,
    private readonly among: Among,
  ) {}

  get facts(): JobFacts {
    return this.folder.facts;
  }

  get caller(): string {
    return this.facts.caller;
  }

  get isActive(): boolean {
    return ACTIVE.includes(this.facts.state);
  }

  /** Does `work` when all changes before it are done. Rejects where the job was removed meanwhile, and as `work` does. */
  async change<T>(work: () => Promise<T>): Promise<T> {
    const changed = this.#lastChange.then(() => {
      if (this.isRemoved) throw new AppError("job_unknown", "The job was removed.");
      return work();
    });
    this.#lastChange = changed.catch(() => {});
    try {
      return await changed;
    } catch (error) {
      throw asStorageProblem(error, "jobs", "TEACH_DIR");
    } finally {
      this.among.changed(this);
      this.tell();
    }
  }

  /** @throws AppError `job_busy` while it waits or runs. */
  refuseActive(): void {
    const { state } = this.facts;
    if (this.isActive)
      throw new AppError("job_busy", `The job is ${state}; cancel it first, or wait until it is done.`);
  }

  /** Before a run. */
  begin(): void {
    [this.#progress, this.#remarks, this.#leftOut] = [null, [], 0];
  }

  progress(stage: Stage, share: number): void {
    this.#progress = { stage, share };
    this.tell();
  }

  remark(sentence: string): void {
    if (this.#remarks.length < REMARKS_MAX) this.#remarks.push(sentence);
    else this.#leftOut += 1;
    this.tell();
  }

  /** What its run has said. */
  get remarks(): readonly string[] {
    return this.#leftOut === 0 ? this.#remarks : [...this.#remarks, `So are ${this.#leftOut} remarks more.`];
  }

  watch(listener: JobListener): () => void {
    this.#listeners.add(listener);
    listener(this.#news());
    return () => this.#listeners.delete(listener);
  }

  tell(): void {
    if (this.#listeners.size === 0) return;
    const news = this.#news();
    for (const listener of this.#listeners) listener(news);
  }

  #news(): JobNews {
    let text: string | null = null;
    const json = () => {
      text ??= JSON.stringify(this.json());
      return text;
    };
    return { state: this.facts.state, json };
  }

  /** Says that there is no more to hear. */
  dismiss(): void {
    for (const listener of this.#listeners) listener(null);
    this.#listeners.clear();
  }

  /** As clients see it. */
  json(): TeachJob {
    const { id, asked, state, created, changed, remarks, problem, result } = this.facts;
    const { base, compare, data, mirror, other, from_feedback, seed, title, description } = asked;
    const counts = new Map<string, number>();
    for (const { label } of this.folder.photos.values()) counts.set(label, (counts.get(label) ?? 0) + 1);
    const isRunning = state === "running";
    return {
      ...{ id, state },
      model: { id: asked.id, ...(title !== undefined && { title }), ...(description !== undefined && { description }) },
      ...{
        base,
        ...(compare !== undefined && { compare }),
        data,
        mirror,
        other,
        from_feedback,
        seed,
        created,
        changed,
      },
      photos: this.folder.photos.size,
      bytes: this.folder.bytes.disk,
      classes: [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([label, photos]) => ({ label, photos })),
      ...((state === "waiting" || state === "interrupted") && { ahead: this.among.aheadOf(this) }),
      ...(isRunning && this.#progress),
      remarks: [...(isRunning ? this.remarks : remarks)],
      ...(problem !== null && { problem }),
      ...(result !== null && { result }),
    };
  }
}
