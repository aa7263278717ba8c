/**
 * What a batch, or one part of it, has written. `NAME.list` holds the photos in their order, made once; `NAME.jsonl` has a
 * line for each of them in that order, and so is its own journal: what is to be done begins after its last whole line.
 * `NAME.done` says that all is there.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { isSystemError } from "../errors.js";
import { writeParquet } from "./batch-parquet.js";
import type { Shard } from "./batch-source.js";

const WRITE_BYTES = 64 * 1024;
const SYNC_MS = 5000;
const NEWLINE = 0x0a;

/** What `NAME.done` holds. */
export interface Done {
  readonly photos: number;
  readonly failed: number;
}

export class BatchPart {
  readonly #base: string;

  /** Of the folder `out`. */
  constructor(out: string, { index, count }: Shard) {
    const digits = String(count - 1).length;
    const name = count === 1 ? "answers" : `answers-${String(index).padStart(digits, "0")}-of-${count}`;
    this.#base = join(out, name);
  }

  get answersFile(): string {
    return `${this.#base}.jsonl`;
  }

  /** What it came to; null while it is not done. */
  async done(): Promise<Done | null> {
    try {
      return JSON.parse(await readFile(`${this.#base}.done`, "utf8")) as Done;
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return null;
      throw error;
    }
  }

  /**
   * Makes the list, where there is none. `settings` are what the answers depend on.
   * @throws Error where the part was begun with other settings
   */
  async begin(names: AsyncIterable<string>, settings: string): Promise<void> {
    await mkdir(dirname(this.#base), { recursive: true });
    const list = `${this.#base}.list`;
    if (await isThere(list)) {
      const begun = await firstLine(list);
      if (begun === settings) return;
      throw new Error(`${list} was begun with ${begun ?? "nothing"}, not ${settings}: name another folder with --out`);
    }
    const file = await open(`${list}.new`, "w");
    try {
      const writer = new LineWriter(file, 0);
      await writer.add(settings);
      for await (const name of names) await writer.add(JSON.stringify(name));
      await writer.finish();
    } finally {
      await file.close();
    }
    await rename(`${list}.new`, list);
  }

  /** Photos that the list names. */
  async count(): Promise<number> {
    return (await linesOf(`${this.#base}.list`)).count - 1;
  }

  /** Photos that have a whole line. */
  async answered(): Promise<number> {
    return (await linesOf(this.answersFile)).count;
  }

  /** Opens the answers for what is still to be answered; a line that was cut off is taken away. */
  async resume(): Promise<{ answered: number; names: AsyncGenerator<string>; writer: LineWriter; file: FileHandle }> {
    const { count, bytes } = await linesOf(this.answersFile);
    const file = await open(this.answersFile, "a");
    await file.truncate(bytes);
    return { answered: count, names: this.#names(count), writer: new LineWriter(file, bytes), file };
  }

  async finish(done: Done): Promise<void> {
    await writeFile(`${this.#base}.done.new`, `${JSON.stringify(done)}\n`);
    await rename(`${this.#base}.done.new`, `${this.#base}.done`);
  }

  /** Those of the answers. */
  lines(): AsyncIterable<string> {
    return createInterface({ input: createReadStream(this.answersFile) });
  }

  /** Writes all answers, once they are there, as `NAME.parquet`, where that is not there. */
  async writeParquet(): Promise<void> {
    const file = `${this.#base}.parquet`;
    if (!(await isThere(file))) await writeParquet(this.lines(), file);
  }

  /** Lines of answers that say what failed. */
  async failedCount(): Promise<number> {
    let failed = 0;
    for await (const line of this.lines()) {
      if ("error" in (JSON.parse(line) as object)) failed += 1;
    }
    return failed;
  }

  async *#names(skipped: number): AsyncGenerator<string> {
    let at = -1;
    for await (const line of createInterface({ input: createReadStream(`${this.#base}.list`) })) {
      if (at >= skipped) yield JSON.parse(line) as string;
      at += 1;
    }
  }
}

/** Lines that are written many at a time, and are on the disk every few seconds. */
export class LineWriter {
  readonly #file: FileHandle;
  #bytes: number;
  #waiting = "";
  #syncedMs = performance.now();
  #isBroken = false;

  /** `bytes` are those that the file has. */
  constructor(file: FileHandle, bytes: number) {
    this.#file = file;
    this.#bytes = bytes;
  }

  async add(line: string): Promise<void> {
    this.#waiting += `${line}\n`;
    const now = performance.now();
    const isDue = now - this.#syncedMs > SYNC_MS;
    if (this.#waiting.length < WRITE_BYTES && !isDue) return;
    await this.#write();
    if (!isDue) return;
    await this.#file.datasync();
    this.#syncedMs = now;
  }

  /** What could not be written before is not tried again. */
  async finish(): Promise<void> {
    if (this.#isBroken) return;
    await this.#write();
    await this.#file.datasync();
  }

  /** @throws Error where somebody else wrote to the file */
  async #write(): Promise<void> {
    this.#isBroken = true;
    const { size } = await this.#file.stat();
    if (size !== this.#bytes) throw new Error("another process writes the same answers: end one of them");
    const bytes = Buffer.from(this.#waiting);
    this.#waiting = "";
    await this.#file.appendFile(bytes);
    this.#bytes += bytes.length;
    this.#isBroken = false;
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** How many whole lines a file has, and their bytes; none where it is not there. */
async function linesOf(path: string): Promise<{ count: number; bytes: number }> {
  let [count, bytes, read] = [0, 0, 0];
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) {
        count += 1;
        bytes = read + at + 1;
      }
      read += chunk.length;
    }
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
  }
  return { count, bytes };
}

async function firstLine(path: string): Promise<string | undefined> {
  const lines = createInterface({ input: createReadStream(path) });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  return undefined;
}
