/** How many jobs there may be, and how many bytes they may take on disk and in memory, in fair shares by who asks. */
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { TeachPhoto } from "../generated/api.js";
import { Shares } from "../shares.js";
import type { Job } from "./job.js";
import type { JobBytes } from "./job-folder.js";

export interface TeachLimits {
  /** Bytes on disk of all jobs. */
  readonly teachBytesMax: number;
  /** Bytes of memory for the lists of photos of all jobs, and for what is known of them. */
  readonly teachMemoryBytesMax: number;
  readonly teachJobsMax: number;
  /** Photos of one job. */
  readonly teachPhotosMax: number;
  /** Of one run. */
  readonly teachMinutesMax: number;
  /** Since a job was last changed. */
  readonly teachDaysMax: number;
}

type Kind = keyof JobBytes;

/** What jobs take, and the setting that bounds it. */
const KINDS: Readonly<Record<Kind, { readonly words: string; readonly setting: string }>> = {
  disk: { words: "Jobs take", setting: "TEACH_BYTES_MAX" },
  memory: {
    words: "In memory names and labels of photos, and what came of jobs, take",
    setting: "TEACH_MEMORY_BYTES_MAX",
  },
};
const KIND_NAMES = ["disk", "memory"] as const;

export class JobRoom {
  readonly #limits: TeachLimits;
  readonly #places: Shares;
  readonly #bytes: Readonly<Record<Kind, Shares>>;
  /** What is counted of each job. */
  readonly #counted = new Map<Job, JobBytes>();

  constructor(limits: TeachLimits) {
    this.#limits = limits;
    this.#places = new Shares(limits.teachJobsMax);
    this.#bytes = { disk: new Shares(limits.teachBytesMax), memory: new Shares(limits.teachMemoryBytesMax) };
  }

  /** On disk. */
  get bytes(): number {
    return this.#bytes.disk.total;
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
    this.#count(job);
  }

  remove(job: Job): void {
    this.#places.giveBack(job.caller);
    this.#discount(job);
  }

  /** Its bytes may have changed. */
  count(job: Job): void {
    if (!this.#counted.has(job)) return;
    this.#discount(job);
    this.#count(job);
  }

  /** Before a run, of which nobody knows yet how much it leaves. @throws AppError `storage_full` where there is no room at all. */
  refuseFull(): void {
    for (const kind of KIND_NAMES) {
      const { total, max } = this.#bytes[kind];
      if (total < max) continue;
      const { words, setting } = KINDS[kind];
      const detail = `${words} ${max} bytes at most (${setting}), and all of them are taken; delete a job or photos, or wait until others do.`;
      throw new AppError("storage_full", detail);
    }
  }

  /** Takes room for a photo, or for what it is called from now on, while `keep` keeps it. @throws AppError `field_invalid`, `storage_full`. */
  async forPhoto(job: Job, photo: TeachPhoto, keep: () => Promise<void>): Promise<void> {
    const { teachPhotosMax } = this.#limits;
    const { photos } = job.folder;
    if (!photos.has(photo.sha256) && photos.size >= teachPhotosMax)
      throw new AppError("field_invalid", `A job has at most ${teachPhotosMax} photos (TEACH_PHOTOS_MAX).`);
    const { disk, memory } = job.folder.growthOf(photo);
    const growth = { disk: Math.max(0, disk), memory: Math.max(0, memory) };
    for (const kind of KIND_NAMES) this.#refuse(job.caller, kind, growth[kind]);
    this.#take(job.caller, growth);
    try {
      await keep();
    } finally {
      this.#giveBack(job.caller, growth);
      this.count(job);
    }
  }

  #refuse(caller: string, kind: Kind, bytes: number): void {
    const shares = this.#bytes[kind];
    if (bytes === 0 || shares.allows(caller, bytes)) return;
    const { words, setting } = KINDS[kind];
    const detail = `${words} ${shares.max} bytes at most (${setting}), of which one caller leaves as much to others as it has, and yours take ${shares.heldBy(caller)}; delete a job or photos.`;
    throw new AppError("storage_full", detail);
  }

  #count(job: Job): void {
    const { bytes } = job.folder;
    this.#take(job.caller, bytes);
    this.#counted.set(job, bytes);
  }

  #discount(job: Job): void {
    this.#giveBack(job.caller, this.#counted.get(job) ?? { disk: 0, memory: 0 });
    this.#counted.delete(job);
  }

  #take(caller: string, bytes: JobBytes): void {
    for (const kind of KIND_NAMES) this.#bytes[kind].take(caller, bytes[kind]);
  }

  #giveBack(caller: string, bytes: JobBytes): void {
    for (const kind of KIND_NAMES) this.#bytes[kind].giveBack(caller, bytes[kind]);
  }
}
