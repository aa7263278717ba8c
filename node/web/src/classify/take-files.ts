/**
 * Files on their way in, told apart by what they are: photos are asked about, a graph and labels make a model of one's
 * own. They may come together.
 */
import { kindOf } from "../sniff.js";
import { announcement, own, type Photo, photos, region } from "../state.js";
import { askIfQuick } from "./ask.js";
import { beginBatch, endBatch } from "./many/batch.js";
import { takeGraph, takeLabels } from "./own/own-model.js";

/** So many files of a folder are looked into at once. */
const LOOKED_INTO_AT_ONCE = 16;
/** Of photos in a folder: 2 before 10. */
const ORDER = new Intl.Collator("en", { numeric: true });

/** Takes files of whatever kind. */
export async function takeFiles(files: readonly File[]): Promise<void> {
  const taken: File[] = [];
  let [graph, labels]: [File | null, File | null] = [null, null];
  for (let begin = 0; begin < files.length; begin += LOOKED_INTO_AT_ONCE) {
    const some = files.slice(begin, begin + LOOKED_INTO_AT_ONCE);
    const kinds = await Promise.all(some.map(kindOf));
    for (const [place, file] of some.entries()) {
      if (kinds[place] === "graph") graph = file;
      else if (kinds[place] === "labels") labels = file;
      else taken.push(file);
    }
  }
  // Among many photos, texts are notes that lie in the folder.
  const isModel = graph !== null || (labels !== null && (own.value !== null || taken.length <= 1));
  if (isModel) {
    if (labels !== null) takeLabels(labels);
    if (graph !== null) takeGraph(graph);
    announcement.value = [graph?.name, labels?.name].filter(Boolean).join(" and ").concat(" taken.");
  }
  takePhotos(taken.toSorted((one, other) => ORDER.compare(placeOf(one), placeOf(other))));
}

/** Takes files that are said to be photos: one that is none is refused as such. */
export function takePhotos(files: readonly File[]): void {
  const taken: Photo[] = files.map((file) => ({ name: placeOf(file), file, address: null }));
  if (taken.length === 0) return;
  region.value = { kind: "whole" };
  photos.value = taken;
  if (taken.length > 1) {
    beginBatch(taken);
  } else {
    endBatch();
    askIfQuick();
  }
}

/** The file's path within the folder that was chosen, else its name. */
function placeOf({ webkitRelativePath, name }: File): string {
  return webkitRelativePath || name;
}

/** The files of a drop or a paste; folders are opened. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const direct = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return direct;
  const nested = await Promise.all(entries.map((entry) => (entry === null ? [] : filesBelow(entry))));
  return nested.flat();
}

async function filesBelow(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  // A reader gives a folder piece by piece, and an empty piece at its end.
  for (;;) {
    const piece = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (piece.length === 0) return files;
    for (const below of piece) files.push(...(await filesBelow(below)));
  }
}
