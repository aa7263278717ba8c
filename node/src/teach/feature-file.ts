/**
 * Features of photos on disk, so that a run that was stopped goes on: one record a photo, its SHA-256 and the values as
 * little-endian f32. A record that was not written whole is cut off.
 */
import { type FileHandle, open } from "node:fs/promises";

const HASH_BYTES = 32;
const VALUE_BYTES = 4;

export class FeatureFile {
  /** Where each photo's record is, by its SHA-256. */
  readonly #places = new Map<string, number>();
  readonly #file: FileHandle;
  readonly #size: number;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** The file under `path`, made where there is none; `size` values a photo. */
  static async open(path: string, size: number): Promise<FeatureFile> {
    const features = new FeatureFile(await open(path, "a+"), size);
    await features.#readPlaces();
    return features;
  }

  has(sha256: string): boolean {
    return this.#places.has(sha256);
  }

  /** Keeps the features of a photo. */
  async put(sha256: string, values: Float32Array): Promise<void> {
    if (values.length !== this.#size) throw new RangeError(`${values.length} values in place of ${this.#size}`);
    const record = Buffer.concat([
      Buffer.from(sha256, "hex"),
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    ]);
    const written = this.#turn.then(async () => {
      if (this.has(sha256)) return;
      await this.#file.appendFile(record);
      this.#places.set(sha256, this.#places.size);
    });
    this.#turn = written.catch(() => {});
    await written;
  }

  /** Fills `row` with the features of a photo, which has to be there. */
  async read(sha256: string, row: Float32Array): Promise<void> {
    const place = this.#places.get(sha256);
    if (place === undefined) throw new RangeError(`there are no features of ${sha256}`);
    const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
    await this.#file.read(bytes, 0, bytes.length, place * this.#recordBytes + HASH_BYTES);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  get #recordBytes(): number {
    return HASH_BYTES + VALUE_BYTES * this.#size;
  }

  async #readPlaces(): Promise<void> {
    const { size: bytes } = await this.#file.stat();
    const count = Math.floor(bytes / this.#recordBytes);
    if (count * this.#recordBytes !== bytes) await this.#file.truncate(count * this.#recordBytes);
    const hash = Buffer.alloc(HASH_BYTES);
    for (let place = 0; place < count; place += 1) {
      await this.#file.read(hash, 0, HASH_BYTES, place * this.#recordBytes);
      this.#places.set(hash.toString("hex"), place);
    }
  }
}
