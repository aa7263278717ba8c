/** Models that clients teach here: the port between routes and `teach`. */
import type { TeachJob, TeachPhoto } from "./generated/api.js";
import type { Registration, TeachStatus } from "./ports.js";

/** `interrupted` is a job that ran when the service ended: it goes on by itself. */
export const STATES = ["collecting", "waiting", "running", "interrupted", "done", "failed", "cancelled"] as const;
export type State = (typeof STATES)[number];

/** What takes the time of a run, in this order. */
export const STAGES = ["photos", "features", "training", "measuring"] as const;
export type Stage = (typeof STAGES)[number];

/** Files of a result. */
export const RESULT_FILES = ["model.zip", "graph.pb", "labels.txt", "manifest.json"] as const;
export type ResultFile = (typeof RESULT_FILES)[number];

/** What a client asks for, with what it leaves out. */
export interface NewJob {
  readonly base: string;
  /** A model that answers the photos that are set aside too. */
  readonly compare?: string | undefined;
  readonly id: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly data: string;
  readonly mirror: boolean;
  readonly other: boolean;
  readonly from_feedback: boolean;
  readonly seed: number;
}

/** What a result is registered as. */
export interface NewModel {
  readonly id?: string | undefined;
  readonly version: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
}

/** A photo as it comes. */
export interface GivenPhoto {
  readonly sha256: string;
  readonly label: string;
  readonly name: string;
  readonly content: Uint8Array;
}

/** A file that is read while it is sent. */
export interface StoredFile {
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** How a job is after a change. Its JSON, a `TeachJob`, is made when it is first wanted, once for all who hear of the change. */
export interface JobNews {
  readonly state: State;
  json(): string;
}

/** Hears how a job is, at each change; null once there is no more to hear. */
export type JobListener = (news: JobNews | null) => void;

/**
 * Jobs of teaching, each its caller's alone. Each method rejects or throws with an `AppError`: `job_unknown` where the caller
 * has no such job, `job_busy` where its state does not allow what is asked, `storage_full` where there is no room for it.
 */
export interface TeachJobs {
  /** @throws AppError `model_unknown` and whatever else its base, or what it is compared with, is refused with. */
  create(caller: string, asked: NewJob): Promise<TeachJob>;
  /** The newest first. */
  list(caller: string): Iterable<TeachJob>;
  find(caller: string, job: string): TeachJob;
  photosOf(caller: string, job: string): TeachPhoto[];
  /** Keeps a photo; one that is there gets the new label and name. */
  putPhoto(caller: string, job: string, photo: GivenPhoto): Promise<void>;
  removePhoto(caller: string, job: string, sha256: string): Promise<void>;
  /** What it had of a result before is gone. */
  start(caller: string, job: string): Promise<TeachJob>;
  cancel(caller: string, job: string): Promise<TeachJob>;
  remove(caller: string, job: string): Promise<void>;
  /** Hears the job as it is now and at each change, until the function that it answers is called. */
  watch(caller: string, job: string, listener: JobListener): () => void;
  /** @throws AppError `job_busy` where there is no result. */
  openFile(caller: string, job: string, name: ResultFile): Promise<StoredFile>;
  /** The result as a model to register; `hold` hears of the bytes that it takes. */
  registration(caller: string, job: string, asked: NewModel, hold: (bytes: number) => void): Promise<Registration>;
  status(): TeachStatus;
  /** Ends the run, which goes on after the next start. */
  close(): Promise<void>;
}
