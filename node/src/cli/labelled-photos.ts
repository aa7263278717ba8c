/** Photos whose labels are known: a folder with one folder a label, or a table of path and label. */
import { readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { LabelledPhoto } from "../zoo/calibrate.js";
import { findPhotos, readInput, UnreadableInput } from "./files.js";

/** A field of RFC 4180, and the comma or the line end behind it. */
const FIELD = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/y;

/** @throws UnreadableInput for a folder or a table that holds no photo, and for a line that is none. */
export async function findLabelledPhotos(path: string): Promise<LabelledPhoto[]> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? await inFolders(path) : await inTable(path);
}

async function inFolders(path: string): Promise<LabelledPhoto[]> {
  const entries = await readdir(path, { withFileTypes: true });
  const labels = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
  if (labels.length === 0)
    throw new UnreadableInput(
      path,
      "There is no folder in it; put the photos of each label into a folder of its name.",
    );
  const photos: LabelledPhoto[] = [];
  for (const label of labels.sort()) {
    for (const { path: photo, problem } of await findPhotos([join(path, label)])) {
      if (problem !== undefined) throw problem;
      photos.push(labelled(photo, label));
    }
  }
  return photos;
}

/** Paths are those from the table's folder. A head line may stand first. */
async function inTable(path: string): Promise<LabelledPhoto[]> {
  const rows = rowsOf((await readInput(path)).toString("utf8").replace(/^\uFEFF/, ""));
  const photos = rows.flatMap((cells, index) => {
    const [photo = "", label = "", ...rest] = cells.map((cell) => cell.trim());
    if (index === 0 && photo.toLowerCase() === "path" && label.toLowerCase() === "label") return [];
    if (photo === "" || label === "" || rest.length > 0)
      throw new UnreadableInput(path, `Line ${index + 1} is no path and label with a comma between them.`);
    return [labelled(resolve(dirname(path), photo), label)];
  });
  if (photos.length === 0) throw new UnreadableInput(path, "It names no photo.");
  return photos;
}

function rowsOf(text: string): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < text.length) {
    const [, cell = "", end = ""] = FIELD.exec(text) ?? [];
    // What is no field, as a quote in the middle of one, is refused as its line.
    if (FIELD.lastIndex === 0) return [...rows, []];
    cells.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end === ",") continue;
    if (cells.join("") !== "") rows.push(cells);
    cells = [];
  }
  return rows;
}

function labelled(path: string, label: string): LabelledPhoto {
  return { path, label, read: () => readInput(path) };
}
