/** Files that are named on the command line, and why they cannot be read, in words. */
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, extname, join, relative, sep } from "node:path";
import { AppError, isSystemError, messageOf } from "../errors.js";

/** By these endings photos are found in folders; a file that is named itself may have any. */
const PHOTO_ENDINGS = [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp"];

const IS_FOLDER = "It is a folder; name a file.";
const NO_PHOTO = `There is no photo in this folder; photos end in ${PHOTO_ENDINGS.join(", ")}.`;

/** `photo-2` before `photo-10`, as people count. */
const NAMES = new Intl.Collator("en", { numeric: true });

/** What was named cannot be read; `reason` is a sentence that says why. */
export class UnreadableInput extends Error {
  constructor(
    path: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${path}: ${reason}`, options);
  }
}

/** @throws UnreadableInput */
export async function readInput(path: string): Promise<Buffer> {
  return await readFile(path).catch((error: unknown) => {
    throw new UnreadableInput(path, reasonOf(error));
  });
}

/** @throws UnreadableInput for what is not there, or is no file. */
export async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw new UnreadableInput(path, reasonOf(error));
  });
  if (found.isDirectory()) throw new UnreadableInput(path, IS_FOLDER);
}

/** Refuses what cannot be written later, before the work for it is done. @throws AppError `field_invalid` */
export async function checkOutput(option: string, path: string): Promise<void> {
  const refuse = (reason: string) => new AppError("field_invalid", `${option} ${path}: ${reason}`);
  if (path === "") throw new AppError("field_invalid", `${option} is empty; name a file.`);
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw refuse(IS_FOLDER);
  if (found !== null && !found.isFile()) throw refuse("It is no file that could be replaced; name another one.");
  const folder = dirname(path);
  if (!(await isFolder(folder))) throw refuse(`There is no folder ${folder}; make it, or name another file.`);
}

/** A file that is there stays until the new one is whole. @throws AppError `field_invalid`, `storage_full` */
export async function writeOutput(option: string, path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const part = `${path}.new`;
  try {
    await writeFile(part, pieces);
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {});
    if (isSystemError(cause, "ENOSPC", "EDQUOT"))
      throw new AppError("storage_full", `${option} ${path}: The disk has no room for it.`, { cause });
    const reason = isSystemError(cause, "EACCES", "EPERM", "EROFS")
      ? "This user may not write there."
      : messageOf(cause);
    throw new AppError("field_invalid", `${option} ${path}: ${reason}`, { cause });
  }
}

/** A photo that was named, or the folder in which none was found. */
export interface Photo {
  readonly path: string;
  readonly problem?: UnreadableInput;
}

/** The photos that `paths` name: each file as it is, and of a folder those in it and below it, sorted by name. */
export async function findPhotos(paths: readonly string[]): Promise<Photo[]> {
  const found = await Promise.all(paths.map(async (path) => ((await isFolder(path)) ? photosBelow(path) : [{ path }])));
  return found.flat();
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Hidden files are left out: some systems keep a file of their own beside each photo, under its name. */
async function photosBelow(folder: string): Promise<Photo[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
    const paths = files.map(({ parentPath, name }) => join(parentPath, name));
    const photos = paths.filter((path) => isPhoto(relative(folder, path))).sort(NAMES.compare);
    if (photos.length > 0) return photos.map((path) => ({ path }));
    return [{ path: folder, problem: new UnreadableInput(folder, NO_PHOTO) }];
  } catch (error) {
    return [{ path: folder, problem: new UnreadableInput(folder, reasonOf(error)) }];
  }
}

/** Whether its ending is a photo's; no hidden file is one, nor what is in a hidden folder. */
export function isPhoto(path: string): boolean {
  const isHidden = path.split(sep).some((part) => part.startsWith("."));
  return !isHidden && PHOTO_ENDINGS.includes(extname(path).toLowerCase());
}

function reasonOf(error: unknown): string {
  if (isSystemError(error, "ENOENT", "ENOTDIR")) return "There is no such file.";
  if (isSystemError(error, "EACCES", "EPERM")) return "This user may not read it.";
  if (isSystemError(error, "EISDIR")) return IS_FOLDER;
  return `It cannot be read: ${messageOf(error)}.`;
}
