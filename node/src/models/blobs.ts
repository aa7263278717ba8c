/** Where registered models are kept: named bytes, in a folder or elsewhere. */

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
  /** Keeps bytes that nothing names yet: whole, or not at all. */
  put(name: string, content: Uint8Array): Promise<void>;
  /** The one moment at which a change happens: replaces the entry, or removes it for null. It outlives a power cut. */
  commit(name: string, entry: string | null): Promise<void>;
  /** Every blob that is whole; of none of them where the place is not made yet. */
  list(): Promise<readonly Blob[]>;
  /** It may be gone already. */
  delete(name: string): Promise<void>;
  /** Removes what a stop in the middle of a `put` or `commit` left. */
  deleteLeftovers(): Promise<void>;
}
