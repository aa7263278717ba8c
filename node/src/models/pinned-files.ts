/** Files of a folder that can be read on when another folder has taken its place: their handles stay open. */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { isSystemError } from "../errors.js";
import type { ModelFiles } from "./file-zoo-model.js";
import { folderBlobs } from "./folder-blobs.js";

export interface PinnedFiles extends ModelFiles {
  close(): Promise<void>;
}

/** Pins these files of a folder; the others, and those that are not there, are looked for whenever they are asked for. */
export async function pinFiles(dir: string, names: readonly string[]): Promise<PinnedFiles> {
  const files = folderBlobs(dir);
  const handles = new Map<string, FileHandle>();
  for (const name of names) {
    const handle = await openIfThere(join(dir, name));
    if (handle !== null) handles.set(name, handle);
  }
  return {
    async get(name) {
      const handle = handles.get(name);
      return handle === undefined ? await files.get(name) : await readWhole(handle);
    },
    async sizeOf(name) {
      const handle = handles.get(name);
      return handle === undefined ? await files.sizeOf(name) : (await handle.stat()).size;
    },
    async close() {
      const open = [...handles.values()];
      handles.clear();
      await Promise.all(open.map((handle) => handle.close()));
    },
  };
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
}

/** From its begin, wherever it was read before. */
async function readWhole(handle: FileHandle): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow((await handle.stat()).size);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}
