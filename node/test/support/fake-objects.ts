/** A bucket in memory, which can be slow, gone, or lie. */
import { randomUUID } from "node:crypto";
import { AwayError } from "../../src/models/blobs.js";
import type { Objects, StoredObject } from "../../src/models/objects.js";

export class FakeObjects implements Objects {
  readonly kept = new Map<string, StoredObject>();
  isGone = false;
  /** How long an answer takes, to be compared with how long one waits for it; no time passes. */
  answerMs = 0;
  /** Waited for by each call. */
  gate: Promise<void> = Promise.resolve();
  /** Called before an object is replaced. */
  beforeReplace: () => Promise<void> = async () => {};
  /** Replaces whatever is there. */
  ignoresConditions = false;
  /** Replaces the index, and does not say so. */
  losesAnswers = false;
  /** Makes of each object's bytes what is answered. */
  lie = (bytes: Uint8Array) => bytes;
  readonly asked: string[] = [];

  constructor(readonly place = "s3://models") {}

  async get(
    key: string,
    msMax: number,
    bytesMax: number,
    etag: string | null = null,
  ): Promise<StoredObject | "same" | null> {
    await this.#answer("get", key, msMax);
    const found = this.kept.get(key);
    if (found === undefined) return null;
    if (found.etag === etag) return "same";
    const bytes = this.lie(found.bytes);
    if (bytes.length > bytesMax) throw new AwayError(`holds more under ${key} than it may`);
    return { ...found, bytes };
  }

  async put(key: string, bytes: Uint8Array, _sha256: string, msMax: number): Promise<void> {
    await this.#answer("put", key, msMax);
    this.kept.set(key, { bytes: Buffer.from(bytes), etag: randomUUID() });
  }

  async replace(key: string, bytes: Uint8Array, etag: string | null, msMax: number): Promise<string | null> {
    await this.beforeReplace();
    await this.#answer("replace", key, msMax);
    if (!this.ignoresConditions && (this.kept.get(key)?.etag ?? null) !== etag) return null;
    const next = randomUUID();
    this.kept.set(key, { bytes: Buffer.from(bytes), etag: next });
    if (this.losesAnswers && key === "models.json") throw new AwayError("cannot be used now (ECONNRESET)");
    return next;
  }

  close(): void {}

  async #answer(what: string, key: string, msMax: number): Promise<void> {
    this.asked.push(`${what} ${key}`);
    await this.gate;
    if (this.isGone) throw new AwayError("cannot be used now (ECONNREFUSED)");
    if (this.answerMs > msMax) throw new AwayError(`cannot be used now (no answer within ${msMax} ms)`);
  }
}
