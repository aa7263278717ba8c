/** How many jobs there may be, and how many bytes they may take, in fair shares by who asks. */
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import { Shares } from "../shares.js";
import type { Job } from "./job.js";

export interface TeachLimits {
  /** Bytes of all jobs. */
  readonly teachBytesMax: number;
  readonly teachJobsMax: number;
  /** Photos of one job. */
  readonly teachPhotosMax: number;
  /** Of one run. */
  readonly teachMinutesMax: number;
  /** Since a job was last changed. */
  readonly teachDaysMax: number;
}

export class JobRoom {
  readonly #limits: TeachLimits;
  readonly #places: Shares;
  readonly #bytes: Shares;
  /** What is counted of each job. */
  readonly #counted = new Map<Job, number>();

  constructor(limits: TeachLimits) {
    this.#limits = limits;
    this.#places = new Shares(limits.teachJobsMax);
    this.#bytes = new Shares(limits.teachBytesMax);
  }

  get bytes(): number {
    return this.#bytes.total;
  }

  /** Takes a place for a job that is made, until the function that it answers is called. @throws AppError `storage_full`. */
  reserve(caller: string): () => void {
    if (!this.#places.allows(caller)) {
      const detail = `The service keeps ${counted(this.#limits.teachJobsMax, "job")} at most (TEACH_JOBS_MAX), of which one caller leaves as many to others as it has; delete one of yours.`;
      throw new AppError("storage_full", detail);
    }
    this.#places.take(caller);
    return () => this.#places.giveBack(caller);
  }

  /** Counts a job that is there, whatever the limits say. */
  add(job: Job): void {
    this.#places.take(job.caller);
    this.#counted.set(job, 0);
    this.count(job);
  }

  remove(job: Job): void {
    this.#places.giveBack(job.caller);
    this.#bytes.giveBack(job.caller, this.#counted.get(job) ?? 0);
    this.#counted.delete(job);
  }

  /** Its bytes may have changed. */
  count(job: Job): void {
    const before = this.#counted.get(job);
    if (before === undefined) return;
    const { bytes } = job.folder;
    this.#bytes.giveBack(job.caller, before);
    this.#bytes.take(job.caller, bytes);
    this.#counted.set(job, bytes);
  }

  /** Before a run, of which nobody knows yet how much it leaves. @throws AppError `storage_full` where there is no room at all. */
  refuseFull(): void {
    const { teachBytesMax } = this.#limits;
    if (this.#bytes.total < teachBytesMax) return;
    const detail = `Jobs take ${teachBytesMax} bytes at most (TEACH_BYTES_MAX), and all of them are taken; delete a job or photos, or wait until others do.`;
    throw new AppError("storage_full", detail);
  }

  /** Takes room for one more photo while `keep` keeps it. @throws AppError `field_invalid`, `storage_full`. */
  async forPhoto(job: Job, bytes: number, keep: () => Promise<void>): Promise<void> {
    const { teachPhotosMax, teachBytesMax } = this.#limits;
    if (job.folder.photos.size >= teachPhotosMax)
      throw new AppError("field_invalid", `A job has at most ${teachPhotosMax} photos (TEACH_PHOTOS_MAX).`);
    if (!this.#bytes.allows(job.caller, bytes)) {
      const detail = `Jobs take ${teachBytesMax} bytes at most (TEACH_BYTES_MAX), of which one caller leaves as much to others as it has, and yours take ${this.#bytes.heldBy(job.caller)}; delete a job or photos.`;
      throw new AppError("storage_full", detail);
    }
    this.#bytes.take(job.caller, bytes);
    try {
      await keep();
    } finally {
      this.#bytes.giveBack(job.caller, bytes);
      this.count(job);
    }
  }
}
