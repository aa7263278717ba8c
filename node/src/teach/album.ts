/** The photos that a model is taught with, looked at before anything is trained. */
import { counted } from "../counted.js";
import { messageOf } from "../errors.js";
import type { PhotoLook } from "../ports.js";
import { sha256 } from "../sha256.js";
import { loadWasm } from "../wasm-module.js";
import type { LabelledPhoto } from "../zoo/calibrate.js";
import type { Workbench } from "../zoo/workbench.js";
import { inLanes, type Lanes } from "./lanes.js";
import { refusing } from "./refusing.js";

/** Pairs that are named of each complaint. */
const NAMED_MAX = 5;

/** A photo that can be read. */
export interface AlbumPhoto extends LabelledPhoto, PhotoLook {
  readonly sha256: string;
}

export interface Album {
  /** Sorted. */
  readonly labels: readonly string[];
  /** Each once. */
  readonly photos: readonly AlbumPhoto[];
  /** Of each photo the place of its label. */
  readonly classes: Uint32Array<ArrayBuffer>;
  /** Of each photo 1 where nothing is trained on it. */
  readonly heldOut: Uint8Array;
  /** Of each photo a number that it shares with those that are nearly the same. */
  readonly groups: Uint32Array;
}

/**
 * Reads each photo, whose labels are those of `labelsOfGiven`, and sets a fifth of them aside; where `mirror`, mirror images
 * count as the same photo. `remark` hears what was left out and what is odd, a sentence each.
 * @throws AppError `field_invalid` where there are too few photos or classes.
 */
export async function openAlbum(
  workbench: Workbench,
  given: readonly LabelledPhoto[],
  labels: readonly string[],
  { mirror, seed }: { readonly mirror: boolean; readonly seed: number },
  remark: (sentence: string) => void,
  lanes: Lanes,
): Promise<Album> {
  const read = await inLanes(given, lanes, (photo) => readPhoto(workbench, photo));
  for (const one of read) if ("problem" in one) remark(`${one.path} is left out: ${one.problem}`);
  const photos = unambiguous(
    read.filter((one) => "look" in one),
    remark,
  );
  const classes = Uint32Array.from(photos, ({ label }) => labels.indexOf(label));
  const looks = Buffer.concat(photos.map(({ look }) => look));
  const { heldOut, groups, pairs } = refusing(() =>
    loadWasm().splitPhotos(looks, classes, JSON.stringify(labels), mirror, seed),
  );
  const near = Array.from({ length: pairs.length / 2 }, (_, place) => [
    photos[pairs[2 * place] ?? 0],
    photos[pairs[2 * place + 1] ?? 0],
  ]);
  const across = near.filter(([one, other]) => one?.label !== other?.label);
  if (near.length > across.length)
    remark(
      `Photos that are nearly the same as another one of their class: ${near.length - across.length}; they stand on one side with it, trained on or set aside.`,
    );
  for (const [one, other] of across.slice(0, NAMED_MAX))
    remark(`${one?.path} and ${other?.path} are nearly the same photo in two classes; one of them may be misplaced.`);
  if (across.length > NAMED_MAX) remark(`So may ${counted(across.length - NAMED_MAX, "photo")} more.`);
  return { labels, photos, classes, heldOut, groups };
}

async function readPhoto(
  workbench: Workbench,
  photo: LabelledPhoto,
): Promise<AlbumPhoto | { path: string; problem: string }> {
  try {
    const bytes = await photo.read();
    const [hash, look] = await Promise.all([sha256(bytes), workbench.look(bytes)]);
    return { ...photo, sha256: hash, ...look };
  } catch (error) {
    return { path: photo.path, problem: messageOf(error) };
  }
}

/** Each photo once; one that two classes have is left out of both, since nobody knows which is right. */
function unambiguous(photos: readonly AlbumPhoto[], remark: (sentence: string) => void): AlbumPhoto[] {
  const byHash = new Map<string, AlbumPhoto[]>();
  for (const photo of photos) byHash.set(photo.sha256, [...(byHash.get(photo.sha256) ?? []), photo]);
  const kept: AlbumPhoto[] = [];
  for (const [first, ...others] of byHash.values()) {
    if (first === undefined) continue;
    const other = others.find(({ label }) => label !== first.label);
    if (other !== undefined)
      remark(`${first.path} and ${other.path} are the same photo in two classes, and left out of both.`);
    else {
      kept.push(first);
      if (others.length > 0) remark(`${first.path} is there ${others.length + 1} times, and counted once.`);
    }
  }
  return kept;
}
