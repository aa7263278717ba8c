/** A file in the making: each chunk is copied to its place and hashed as it comes, so that nothing is left for the end. */
import { createHash } from "node:crypto";
import type { UploadedFile } from "../ports.js";

export class FileCollector {
  /** Pages that are never written take no memory. */
  readonly #room: Buffer;
  readonly #hash = createHash("sha256");
  #length = 0;

  constructor(bytesMax: number) {
    this.#room = Buffer.allocUnsafeSlow(bytesMax);
  }

  /** @throws RangeError past `bytesMax`. */
  add(chunk: Uint8Array): void {
    this.#room.set(chunk, this.#length);
    this.#hash.update(chunk);
    this.#length += chunk.length;
  }

  /** What came; null for a part without a name and without bytes, as forms send one in which nothing was chosen. */
  file(name: string | undefined): UploadedFile | null {
    if (name === undefined && this.#length === 0) return null;
    return { name: name ?? "", bytes: this.#room.subarray(0, this.#length), sha256: this.#hash.digest("hex") };
  }
}
