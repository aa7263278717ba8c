/** A folder as an archive, its files as they are: photos and weights hardly shrink. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { type Zippable, zipSync } from "fflate";

/** The files lie below `name` in it. */
export async function zipFolder(folder: string, name: string): Promise<Uint8Array> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents: Zippable = {};
  for (const file of files.toSorted())
    contents[[name, ...relative(folder, file).split(sep)].join("/")] = await readFile(file);
  return zipSync(contents, { level: 0 });
}
