/** Files that are whole or not there, whenever the process or the machine stops. */
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Ends the name of a file that is being written. */
export const PART_SUFFIX = ".part";

/**
 * Puts `content` under `path`: written beside it under another name, flushed, renamed, the folder flushed. Once it
 * resolves the file outlives a power cut; when it rejects before the rename, what was under `path` is still there.
 */
export async function writeDurably(path: string, content: Uint8Array | string): Promise<void> {
  const part = join(dirname(path), `${basename(path)}.${randomUUID()}${PART_SUFFIX}`);
  try {
    const file = await open(part, "wx");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await flushFolder(dirname(path));
}

/** Makes what was renamed or removed in a folder outlive a power cut. */
export async function flushFolder(dir: string): Promise<void> {
  const folder = await open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
