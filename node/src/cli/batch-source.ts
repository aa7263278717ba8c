/** The photos of a batch, one after the other: there may be more than memory holds the names of. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { isPhoto, UnreadableInput } from "./files.js";

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
  /** What names are relative to. */
  readonly folder: string;
  /** Names in an order that does not change while the folder, or the list, does not. */
  names(): AsyncGenerator<string>;
}

/** `path`: a folder, whose photos and those below it are meant, or a list with a path on each line, from its own folder. */
export async function openSource(path: string): Promise<BatchSource> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new UnreadableInput(path, "There is no such folder or list.", { cause });
  });
  if (found.isDirectory()) return { folder: path, names: () => below(path, "") };
  if (isPhoto(basename(path))) {
    throw new UnreadableInput(
      path,
      "It is a photo; a folder or a list of photos is meant. `menagerie classify` answers single ones.",
    );
  }
  return { folder: dirname(path), names: () => listed(path) };
}

/** Where a photo of the source is. */
export function placeOf({ folder }: BatchSource, name: string): string {
  return resolve(folder, name);
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
