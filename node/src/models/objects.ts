/** A bucket of objects that others may change too: what an S3-compatible store does, and no more of it. */

export interface StoredObject {
  readonly bytes: Uint8Array;
  /** Another one for other bytes. */
  readonly etag: string;
}

/** Each method rejects with an `AwayError` where the bucket does not do it within its time. */
export interface Objects {
  /** How messages to the operator name it. */
  readonly place: string;
  /** Null where there is none of this key; `same` where it still has this ETag. Rejects where it has more than `bytesMax`. */
  get(key: string, msMax: number, bytesMax: number, etag?: string | null): Promise<StoredObject | "same" | null>;
  /** @param sha256 of the bytes, in hex: the store refuses others */
  put(key: string, bytes: Uint8Array, sha256: string, msMax: number): Promise<void>;
  /**
   * Replaces the object that has this ETag; null: makes the first one. Resolves with the new ETag, or null where another
   * object is there, and stays.
   */
  replace(key: string, bytes: Uint8Array, etag: string | null, msMax: number): Promise<string | null>;
  close(): void;
}

const PROBE_KEY = ".doctor";
const PROBE_MS_MAX = 10_000;
const NOBODYS_ETAG = `"${"0".repeat(32)}"`;

/** Whether the store refuses to replace what is there already, and what is another object by now. @throws AwayError */
export async function keepsConditions(objects: Objects): Promise<boolean> {
  const replace = (etag: string | null) => objects.replace(PROBE_KEY, Buffer.from("menagerie"), etag, PROBE_MS_MAX);
  await replace(null);
  return (await replace(null)) === null && (await replace(NOBODYS_ETAG)) === null;
}
