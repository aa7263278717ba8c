/**
 * Files on their way in, told apart by what they are: photos are asked about, a graph and labels make a model of one's
 * own. They may come together.
 */
import { byPath, type FoundFile } from "../found-files.js";
import { kindOf } from "../sniff.js";
import { announcement, own, type Photo, photos, region } from "../state.js";
import { askIfQuick } from "./ask.js";
import { beginBatch, endBatch } from "./many/batch.js";
import { takeGraph, takeLabels } from "./own/own-model.js";

/** So many files of a folder are looked into at once. */
const LOOKED_INTO_AT_ONCE = 16;

/** Takes files of whatever kind. */
export async function takeFiles(found: readonly FoundFile[]): Promise<void> {
  const taken: FoundFile[] = [];
  let [graph, labels]: [File | null, File | null] = [null, null];
  for (let begin = 0; begin < found.length; begin += LOOKED_INTO_AT_ONCE) {
    const some = found.slice(begin, begin + LOOKED_INTO_AT_ONCE);
    const kinds = await Promise.all(some.map(({ file }) => kindOf(file)));
    for (const [place, one] of some.entries()) {
      if (kinds[place] === "graph") graph = one.file;
      else if (kinds[place] === "labels") labels = one.file;
      else taken.push(one);
    }
  }
  // Among many photos, texts are notes that lie in the folder.
  const isModel = graph !== null || (labels !== null && (own.value !== null || taken.length <= 1));
  if (isModel) {
    if (labels !== null) takeLabels(labels);
    if (graph !== null) takeGraph(graph);
    announcement.value = [graph?.name, labels?.name].filter(Boolean).join(" and ").concat(" taken.");
  }
  takePhotos(byPath(taken));
}

/** Takes files that are said to be photos: one that is none is refused as such. */
export function takePhotos(found: readonly FoundFile[]): void {
  const taken: Photo[] = found.map(({ file, path }) => ({ name: path, file, address: null }));
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
