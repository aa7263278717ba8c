/** An image or a label file in the making. */
import { createHash } from "node:crypto";
import type { UploadedFile } from "../ports.js";

/** What is joined at the end, in a tenth of a millisecond; larger files are joined as they come. */
const JOINED_AT_ONCE_BYTES_MAX = 256 * 1024;
/** What a large file's memory grows by: what it has too much at the end is written with zeros before it is given back. */
const GROWTH_BYTES = 1024 * 1024;

export class FileCollector {
  readonly #name: string;
  readonly #isHashed: boolean;
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #chunksBytes = 0;
  /**
   * Grows in place as the file comes; null while it is small. Memory that threads share would do too, but V8 counts none
   * of it when it decides to collect garbage, and keeps gigabytes.
   */
  #large: ArrayBuffer | null = null;
  /** Bytes of the file in it. */
  #largeBytes = 0;

  /** The file has at most `bytesMax` bytes. */
  constructor(name: string, isHashed: boolean, bytesMax: number) {
    this.#name = name;
    this.#isHashed = isHashed;
    this.#bytesMax = bytesMax;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#chunksBytes += chunk.length;
    if (this.#large !== null || this.#chunksBytes > JOINED_AT_ONCE_BYTES_MAX) this.#join();
  }

  /** Null for a part without a name and without bytes, as forms send one in which nothing was chosen. */
  file(): UploadedFile | null {
    // All of the buffer, so that it can be given to a thread as it is.
    this.#large?.resize(this.#largeBytes);
    const bytes = this.#large === null ? Buffer.concat(this.#chunks) : new Uint8Array(this.#large);
    if (this.#name === "" && bytes.length === 0) return null;
    const sha256 = this.#isHashed ? createHash("sha256").update(bytes).digest("hex") : "";
    return { name: this.#name, bytes, sha256 };
  }

  #join(): void {
    this.#large ??= new ArrayBuffer(0, { maxByteLength: this.#bytesMax });
    const wanted = this.#largeBytes + this.#chunksBytes;
    if (wanted > this.#large.byteLength) {
      this.#large.resize(Math.min(this.#bytesMax, GROWTH_BYTES * Math.ceil(wanted / GROWTH_BYTES)));
    }
    const bytes = new Uint8Array(this.#large);
    for (const chunk of this.#chunks) {
      bytes.set(chunk, this.#largeBytes);
      this.#largeBytes += chunk.length;
    }
    this.#chunks = [];
    this.#chunksBytes = 0;
  }
}
