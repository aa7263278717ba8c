/** Where registered models are kept: named bytes, in a folder or in a bucket that replicas share. */
import { AppError } from "../errors.js";

export interface Blob {
  readonly name: string;
  readonly bytes: number;
}

/** Each method rejects with the system's error, or with an `AppError` `storage_full` that says what the operator can do. */
export interface Blobs {
  /** How messages name it. */
  readonly place: string;
  /** Null where there is none of this name. */
  get(name: string): Promise<Uint8Array | null>;
  /** Null where there is none of this name. */
  sizeOf(name: string): Promise<number | null>;
  /** Keeps bytes that nothing names yet: whole, or not at all. Those that were put just before are there. */
  put(name: string, content: Uint8Array): Promise<void>;
  /**
   * The one moment at which a change happens: replaces the entry, or removes it for null. It outlives a power cut.
   * @param named the blobs that the entry names
   * @throws ConflictError
   */
  commit(name: string, entry: string | null, named: readonly string[]): Promise<void>;
  /** Every blob that is whole; of none of them where the place is not made yet. */
  list(): Promise<readonly Blob[]>;
  /** It may be gone already. */
  delete(name: string): Promise<void>;
  /** Removes what a stop in the middle of a `put` or `commit` left. */
  deleteLeftovers(): Promise<void>;
  /**
   * Looks at the place again, and resolves with the names of entries that others changed since the last time; what is said
   * of entries is as of then. Null where nobody else changes them.
   * @throws AwayError
   */
  readonly refresh: (() => Promise<readonly string[]>) | null;
}

/** The place cannot be used now; what is known of it, and what is cached, can be. */
export class AwayError extends AppError {
  constructor(why: string, cause?: unknown) {
    const detail = `The store of models ${why}. Nothing is half-stored; try again.`;
    super("engine_unavailable", detail, { cause, retryAfterSeconds: AWAY_RETRY_SECONDS });
  }
}

const AWAY_RETRY_SECONDS = 5;

/** Another replica changed an entry first, and nothing was committed: what is known has to be refreshed. */
export class ConflictError extends Error {}

/** A later version of the service wrote something, which means what this one cannot know. */
export class LaterError extends Error {}
