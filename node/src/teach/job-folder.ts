/**
 * One job on disk, in a folder of its own. `job.json` says what is asked and how far it is; each change of it is whole or not
 * there. `photos` has the photos by their SHA-256, and `photos.jsonl` what each is called: one line a change, the last one
 * of a photo holds.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSystemError } from "../errors.js";
import type { TaughtModel, TeachJob, TeachPhoto } from "../generated/api.js";
import { flushFolder, writeDurably } from "../models/durable-file.js";
import type { NewJob, State } from "../teach-jobs.js";

/** A job of another form cannot be read. */
const SCHEMA = 1;
const JOB_FILE = "job.json";
const INDEX_FILE = "photos.jsonl";
const PHOTOS_FOLDER = "photos";
/** The index is written anew once it is longer than twice what it has to say, and this. */
const INDEX_SLACK_BYTES = 65_536;
/** Of memory that V8 takes for a photo of the list beside its label and name, measured (Node 20). */
const PHOTO_MEMORY_BYTES = 210;
const CHARACTER_MEMORY_BYTES = 2;
/** Of memory for a byte of `job.json`, whose text is short words and numbers. */
const FACTS_MEMORY_SHARE = 3;

/** What is kept of a job beside its photos. */
export interface JobFacts {
  readonly id: string;
  /** As `ownerOf` says it. */
  readonly caller: string;
  /** Its base as id@version. */
  readonly asked: NewJob;
  readonly state: State;
  readonly created: string;
  readonly changed: string;
  /** How often the service ended while it ran. */
  readonly interruptions: number;
  readonly remarks: readonly string[];
  readonly problem: NonNullable<TeachJob["problem"]> | null;
  readonly result: TaughtModel | null;
  /** Of what its runs left. */
  readonly runBytes: number;
}

/** Bytes of a job, or of a change of it. */
export interface JobBytes {
  /** Of its photos, their list, what is known of it, and what its runs left. */
  readonly disk: number;
  /** Of the service's memory: for the list of its photos, and for what is known of it. */
  readonly memory: number;
}

/** Whose a job is, on disk: a digest, in which no name and no address is read. */
export function ownerOf(caller: string): string {
  return createHash("sha256").update(caller).digest("hex");
}

/** Those of an earlier version are names and addresses, which have a space. */
function ownerIn({ caller }: JobFacts): string {
  return caller.includes(" ") ? ownerOf(caller) : caller;
}

interface IndexLine extends Partial<TeachPhoto> {
  readonly sha256: string;
}

export class JobFolder {
  readonly photos = new Map<string, TeachPhoto>();
  #facts: JobFacts;
  #photoBytes = 0;
  /** Of the index, as far as it is whole. */
  #indexBytes = 0;
  /** Of its lines that hold. */
  #heldBytes = 0;
  #listMemoryBytes = 0;
  /** Of `job.json`. */
  #factsBytes = 0;

  private constructor(
    readonly dir: string,
    facts: JobFacts,
  ) {
    this.#facts = facts;
  }

  static async create(dir: string, facts: JobFacts): Promise<JobFolder> {
    await mkdir(join(dir, PHOTOS_FOLDER), { recursive: true });
    const folder = new JobFolder(dir, facts);
    await writeDurably(folder.pathOf(INDEX_FILE), "");
    await folder.save({});
    await flushFolder(dirname(dir));
    return folder;
  }

  /** Null for a folder that was not made whole, or is about to be removed. Rejects for what cannot be read. */
  static async read(dir: string): Promise<JobFolder | null> {
    const text = await textOf(join(dir, JOB_FILE));
    if (text === null) return null;
    const { schema, ...facts } = JSON.parse(text) as JobFacts & { schema: number };
    if (schema !== SCHEMA) throw new Error(`${JOB_FILE} is of another version of the service`);
    const folder = new JobFolder(dir, { ...facts, caller: ownerIn(facts) });
    folder.#factsBytes = Buffer.byteLength(text);
    await folder.#readIndex();
    const { mtime } = await stat(folder.pathOf(INDEX_FILE));
    if (mtime.toISOString() > facts.changed) folder.#facts = { ...folder.facts, changed: mtime.toISOString() };
    return folder;
  }

  get facts(): JobFacts {
    return this.#facts;
  }

  get bytes(): JobBytes {
    return {
      disk: this.#photoBytes + this.#indexBytes + this.#factsBytes + this.#facts.runBytes,
      memory: this.#listMemoryBytes + FACTS_MEMORY_SHARE * this.#factsBytes,
    };
  }

  /** What to put a photo would add. */
  growthOf(photo: TeachPhoto): JobBytes {
    const before = this.photos.get(photo.sha256);
    const now = { disk: photo.bytes + lineOf(photo).length, memory: memoryOf(photo) };
    if (before === undefined) return now;
    return {
      disk: now.disk - before.bytes - lineOf(before).length,
      memory: now.memory - memoryOf(before),
    };
  }

  pathOf(...names: readonly string[]): string {
    return join(this.dir, ...names);
  }

  photoPath(sha256: string): string {
    return this.pathOf(PHOTOS_FOLDER, sha256);
  }

  /** The change is on disk once this resolves; `changed` is now. */
  async save(change: Partial<JobFacts>): Promise<void> {
    const facts = { ...this.#facts, changed: new Date().toISOString(), ...change };
    const text = Buffer.from(JSON.stringify({ schema: SCHEMA, ...facts }));
    await writeDurably(this.pathOf(JOB_FILE), text);
    this.#facts = facts;
    this.#factsBytes = text.length;
  }

  /** Keeps a photo, or what it is called from now on. Without `content` it is there. */
  async put(photo: TeachPhoto, content: Uint8Array | null): Promise<void> {
    if (content !== null) await writeDurably(this.photoPath(photo.sha256), content);
    await this.#append(photo);
  }

  async drop(sha256: string): Promise<void> {
    await this.#append({ sha256 });
    await rm(this.photoPath(sha256), { force: true });
  }

  /** Once this resolves the job is gone; what is left of it is removed at the next start. */
  async remove(): Promise<void> {
    await rm(this.pathOf(JOB_FILE), { force: true });
    await flushFolder(this.dir);
    await rm(this.dir, { recursive: true, force: true });
  }

  #note(line: IndexLine): void {
    const before = this.photos.get(line.sha256);
    if (before !== undefined) {
      this.#photoBytes -= before.bytes;
      this.#heldBytes -= lineOf(before).length;
      this.#listMemoryBytes -= memoryOf(before);
    }
    const { sha256, label, name, bytes } = line;
    if (label === undefined || name === undefined || bytes === undefined) {
      this.photos.delete(sha256);
      return;
    }
    const photo = { sha256, label, name, bytes };
    this.photos.set(sha256, photo);
    this.#photoBytes += bytes;
    this.#heldBytes += lineOf(photo).length;
    this.#listMemoryBytes += memoryOf(photo);
  }

  async #append(line: IndexLine): Promise<void> {
    const path = this.pathOf(INDEX_FILE);
    const bytes = lineOf(line);
    try {
      const file = await open(path, "a");
      try {
        await file.appendFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await truncate(path, this.#indexBytes).catch(() => {});
      throw error;
    }
    this.#indexBytes += bytes.length;
    // As it is read: the texts of a request would keep the whole address in memory that they are cut from.
    this.#note(JSON.parse(bytes.toString()) as IndexLine);
    // Where that fails, the long one is whole.
    if (this.#indexBytes > INDEX_SLACK_BYTES + 2 * this.#heldBytes) await this.#writeIndex().catch(() => {});
    this.#facts = { ...this.#facts, changed: new Date().toISOString() };
  }

  async #writeIndex(): Promise<void> {
    await writeDurably(this.pathOf(INDEX_FILE), Buffer.concat([...this.photos.values()].map(lineOf)));
    this.#indexBytes = this.#heldBytes;
  }

  /** Takes over the whole lines, writes the rest away, and removes photos that no line names. */
  async #readIndex(): Promise<void> {
    const text = (await textOf(this.pathOf(INDEX_FILE))) ?? "";
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    for (const line of whole.split("\n").slice(0, -1)) this.#note(JSON.parse(line) as IndexLine);
    this.#indexBytes = Buffer.byteLength(text);
    if (whole.length !== text.length || this.#indexBytes !== this.#heldBytes) await this.#writeIndex();
    for (const name of await readdir(this.pathOf(PHOTOS_FOLDER)))
      if (!this.photos.has(name)) await rm(this.photoPath(name), { force: true });
  }
}

function memoryOf({ label, name }: TeachPhoto): number {
  return PHOTO_MEMORY_BYTES + CHARACTER_MEMORY_BYTES * (label.length + name.length);
}

function lineOf(line: IndexLine): Buffer {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}
