/** Files that are named on the command line, and why they cannot be read, in words. */
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { isSystemError, messageOf } from "../errors.js";

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
