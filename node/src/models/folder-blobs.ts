/** Blobs as the files of one folder, which belongs to one service at a time; others may read it. */
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSystemError } from "../errors.js";
import type { Blob, Blobs } from "./blobs.js";
import { asStorageProblem, flushFolder, PART_SUFFIX, writeDurably } from "./durable-file.js";

export function folderBlobs(dir: string): Blobs {
  const pathOf = (name: string) => join(dir, name);
  const change = async (make: () => Promise<void>) => {
    try {
      await make();
    } catch (error) {
      throw asStorageProblem(error);
    }
  };
  return {
    place: dir,
    refresh: null,
    get: (name) => unlessMissing(readFile(pathOf(name))),
    sizeOf: (name) => sizeOf(pathOf(name)),
    put: (name, content) =>
      change(async () => {
        await makeFolder(dir);
        await writeDurably(pathOf(name), content);
      }),
    commit: (name, entry) =>
      change(async () => {
        if (entry === null) {
          await rm(pathOf(name));
          await flushFolder(dir);
        } else {
          await writeDurably(pathOf(name), entry);
        }
      }),
    async list() {
      const blobs: Blob[] = [];
      for (const name of await namesIn(dir)) {
        if (!name.endsWith(PART_SUFFIX)) blobs.push({ name, bytes: (await sizeOf(pathOf(name))) ?? 0 });
      }
      return blobs;
    },
    delete: (name) => change(() => rm(pathOf(name), { force: true })),
    deleteLeftovers: () =>
      change(async () => {
        for (const name of await namesIn(dir)) if (name.endsWith(PART_SUFFIX)) await rm(pathOf(name), { force: true });
      }),
  };
}

/** Size of a file; null where there is none. */
export async function sizeOf(path: string): Promise<number | null> {
  const found = await unlessMissing(stat(path));
  return found?.isFile() ? found.size : null;
}

/** What lies in a folder; nothing where there is none. */
export async function namesIn(dir: string): Promise<string[]> {
  return (await unlessMissing(readdir(dir))) ?? [];
}

/** The folder's own name outlives a power cut too. */
async function makeFolder(dir: string): Promise<void> {
  const first = await mkdir(dir, { recursive: true });
  if (first !== undefined) await flushFolder(dirname(first));
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}
