/** Files that are whole or not there, whenever the process or the machine stops. */
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError, isSystemError } from "../errors.js";

/** Ends the name of a file that is being written. */
export const PART_SUFFIX = ".part";

const FULL = ["ENOSPC", "EDQUOT", "EFBIG"];
/** The folder belongs to another user or is read-only, or a file is in its place. */
const UNWRITABLE = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"];

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

/** What the operator can mend, as `storage_full`; another error as it is. `setting` names the folder of `what`. */
export function asStorageProblem(error: unknown, what = "models", setting = "REGISTERED_MODELS_DIR"): unknown {
  const problem = (why: string) => new AppError("storage_full", `${why} Nothing was stored.`, { cause: error });
  if (isSystemError(error, ...FULL)) {
    return problem(`The disk has no room for this (${error.code}); delete ${what}, or give it more.`);
  }
  if (isSystemError(error, ...UNWRITABLE)) {
    return problem(
      `The service may not write its folder of ${what} (${error.code}); its operator sets ${setting} to one that it may write.`,
    );
  }
  return error;
}
