/** The photos of a batch, one after the other: there may be more than memory holds the names of. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { AppError } from "../errors.js";
import { readBucketUrl } from "../s3.js";
import { openBucketSource } from "./bucket-source.js";
import { isPhoto, readInput, UnreadableInput } from "./files.js";

/** FNV-1a's offset basis and prime, 32 bits (draft-eastlake-fnv). */
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** One part of `count`, 0 to `count - 1`. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Where a batch's photos are. */
export interface BatchSource {
  /** Says the same of it wherever the command runs from. */
  readonly place: string;
  /** Names in an order that does not change while the folder, the list or the bucket does not. */
  names(): AsyncGenerator<string>;
  /** @throws UnreadableInput; AppError `upload_too_large` */
  read(name: string, bytesMax: number): Promise<Buffer>;
  close(): void;
}

/**
 * `path`: a folder, whose photos and those below it are meant, a list with a path on each line, from its own folder, or
 * `s3://BUCKET/PREFIX`.
 */
export async function openSource(path: string): Promise<BatchSource> {
  const bucket = readBucketUrl(path);
  if (bucket !== null) return await openBucketSource(path, bucket);
  const found = await stat(path).catch((cause: unknown) => {
    throw new UnreadableInput(path, "There is no such folder or list.", { cause });
  });
  const place = resolve(path);
  const from = (folder: string, names: () => AsyncGenerator<string>): BatchSource => ({
    place,
    names,
    read: (name, bytesMax) => readPhoto(resolve(folder, name), bytesMax),
    close: () => {},
  });
  if (found.isDirectory()) return from(path, () => below(path, ""));
  if (isPhoto(basename(path))) {
    throw new UnreadableInput(
      path,
      "It is a photo; a folder or a list of photos is meant. `menagerie classify` answers single ones.",
    );
  }
  return from(dirname(path), () => listed(path));
}

/** Many are read at once: what is too large is not read at all. */
async function readPhoto(path: string, bytesMax: number): Promise<Buffer> {
  const found = await stat(path).catch(() => null);
  // Who reads a pipe waits for who writes it.
  if (found !== null && !found.isFile()) throw new UnreadableInput(path, "It is no regular file.");
  if (found !== null && found.size > bytesMax)
    throw new AppError("upload_too_large", `The image is larger than ${bytesMax} bytes.`);
  return await readInput(path);
}

/** Whether a photo belongs to a part: by its name alone, so that parts are the same wherever and whenever they are made. */
export function isIn({ index, count }: Shard, name: string): boolean {
  if (count === 1) return true;
  let hash = FNV_BASIS;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return (hash >>> 0) % count === index;
}

/** Memory holds the names of one folder at a time, and of those that it is in. Hidden ones are left out. */
async function* below(root: string, folder: string): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  // By code units: the same on every system.
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* below(root, name);
    else if (isPhoto(entry.name) && (entry.isFile() || entry.isSymbolicLink())) yield name;
  }
}

async function* listed(path: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    const name = line.trim();
    if (name !== "") yield name;
  }
}
