/**
 * Reads images that are on the server already: regular files below the operator's folder, whatever a client writes. Off
 * without a folder. What is not there, lies outside of it by a link, or is no regular file is all the same to a client.
 */
import { constants, type FileHandle, open, realpath } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { AppError, isSystemError } from "../errors.js";
import type { ReadImagePath } from "../ports.js";

export interface PathReaderOptions {
  /** Undefined: none is read. */
  readonly dir: string | undefined;
  readonly bytesMax: number;
}

/** A link in the place of the file is not followed any more, and a pipe is not waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What a path can lead to that is no file to be read. */
const ABSENT = ["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EACCES", "EPERM", "ENAMETOOLONG", "ENXIO", "ENODEV"];
/** Of a path that is repeated to the client. */
const SHOWN_CHARACTERS_MAX = 200;

export function createPathReader({ dir, bytesMax }: PathReaderOptions): ReadImagePath {
  return async (path) => {
    const shown = JSON.stringify(path.slice(0, SHOWN_CHARACTERS_MAX));
    if (dir === undefined) {
      const detail = `image_path=${shown}: this service reads no files; send the image itself as image_file.`;
      throw new AppError("field_invalid", detail);
    }
    if (!isPlain(path)) {
      const detail = `image_path=${shown}: it must be a relative path with / between its parts, none of them . or .. or empty.`;
      throw new AppError("field_invalid", detail);
    }
    const handle = await openBelow(dir, path).catch((error: unknown) => {
      if (isSystemError(error, ...ABSENT)) return null;
      throw error;
    });
    const bytes = handle === null ? null : await readRegular(handle, bytesMax).finally(() => handle.close());
    if (bytes === null) throw new AppError("image_unknown", `There is no image at image_path=${shown}.`);
    return bytes;
  };
}

function isPlain(path: string): boolean {
  const parts = path.split("/");
  return !/[\0\\]/.test(path) && parts.every((part) => part !== "" && part !== "." && part !== "..");
}

/** Null where it lies elsewhere, by a link. */
async function openBelow(dir: string, path: string): Promise<FileHandle | null> {
  const root = await realpath(dir);
  const file = await realpath(join(root, path));
  const inside = relative(root, file);
  if (inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return null;
  return await open(file, FLAGS);
}

/** Null for what is no regular file. @throws AppError `upload_too_large`. */
async function readRegular(handle: FileHandle, bytesMax: number): Promise<Uint8Array | null> {
  const stats = await handle.stat();
  if (!stats.isFile()) return null;
  if (stats.size > bytesMax) {
    throw new AppError("upload_too_large", `The image at the path is larger than ${bytesMax} bytes.`);
  }
  // A file that grows meanwhile is read as far as it was.
  const bytes = new Uint8Array(stats.size);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length === bytes.length ? bytes : bytes.slice(0, length);
}
