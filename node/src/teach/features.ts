/** What the base says of each photo, and of copies of those that are trained on: their mirror images, and a part of each. */
import { join } from "node:path";
import { AppError } from "../errors.js";
import type { Crop } from "../generated/contract.js";
import type { FileZooModel } from "../models/file-zoo-model.js";
import { sha256 } from "../sha256.js";
import type { Workbench } from "../zoo/workbench.js";
import type { Album, AlbumPhoto } from "./album.js";
import type { Base } from "./base.js";
import { FeatureFile } from "./feature-file.js";
import { inLanes, type Lanes } from "./lanes.js";

/** Of all features. They are there twice while a head is trained, and the WebAssembly instance has 1 GiB. */
const FEATURES_BYTES_MAX = 400 * 1024 * 1024;
/** One in so many photos is set aside at least, and has no copies. */
const SET_ASIDE_ONE_IN = 5;
/** What a part of a photo has of each side; smaller and larger ones helped less (`docs/teach.md`). */
const CROP_SHARE = 0.8;
/** Hexadecimal digits of a photo's hash that say where its part lies, across and down. */
const PLACE_DIGITS = 8;

/**
 * Features of each photo, then of the mirror image of each that is trained on, then of a part of each of those, row by row.
 * Those that `folder` has are not computed again.
 */
export async function computeFeatures(
  workbench: Workbench,
  base: Base,
  album: Album,
  folder: string,
  lanes: Lanes,
): Promise<Float32Array<ArrayBuffer>> {
  const { size } = base.found;
  const trained = album.photos.filter((_, place) => album.heldOut[place] === 0);
  const wanted: readonly { model: FileZooModel; photos: readonly AlbumPhoto[]; part?: (photo: AlbumPhoto) => Crop }[] =
    [
      { model: base.features, photos: album.photos },
      ...(base.mirrored === null ? [] : [{ model: base.mirrored, photos: trained }]),
      { model: base.features, photos: trained, part: partOf },
    ];
  const rowCount = wanted.reduce((sum, { photos }) => sum + photos.length, 0);
  const rows = new Float32Array(rowCount * size);
  let done = 0;
  for (const { model, photos, part } of wanted) {
    const before = done;
    const told = (share: number) => lanes.told((before + share * photos.length) / rowCount);
    const file = await FeatureFile.open(join(folder, await nameOf(model, part === undefined ? 1 : CROP_SHARE)), size);
    try {
      await inLanes(photos, { ...lanes, told }, async (photo, place) => {
        if (!file.has(photo.sha256)) {
          await file.put(photo.sha256, await featuresOf(workbench, model, photo, part?.(photo)));
        }
        const row = before + place;
        await file.read(photo.sha256, rows.subarray(row * size, (row + 1) * size));
      });
    } finally {
      await file.close();
    }
    done += photos.length;
  }
  return rows;
}

/** @throws AppError `field_invalid` where the features of so many photos with their copies take too much memory. */
export function checkFeaturesFit({ found: { size }, mirrored }: Base, photoCount: number): void {
  const copies = mirrored === null ? 1 : 2;
  const trained = photoCount - Math.floor(photoCount / SET_ASIDE_ONE_IN);
  const rowCount = photoCount + copies * trained;
  const bytes = rowCount * size * Float32Array.BYTES_PER_ELEMENT;
  if (bytes <= FEATURES_BYTES_MAX) return;
  const detail = `${rowCount} rows of ${size} features, of ${photoCount} photos and their copies, take ${bytes} bytes, more than ${FEATURES_BYTES_MAX}; take fewer photos, no mirrored copies, or a base with fewer features.`;
  throw new AppError("field_invalid", detail);
}

/** Four fifths of each side, somewhere: the photo itself says where, so that it is the same each time. */
function partOf({ width, height, sha256: hash }: AlbumPhoto): Crop {
  const along = (side: number, digits: string) => {
    const length = Math.max(1, Math.round(CROP_SHARE * side));
    const start = Math.round(((side - length) * Number.parseInt(digits, 16)) / (16 ** PLACE_DIGITS - 1));
    return { start, length };
  };
  const across = along(width, hash.slice(0, PLACE_DIGITS));
  const down = along(height, hash.slice(PLACE_DIGITS, 2 * PLACE_DIGITS));
  return { kind: "rectangle", x: across.start, y: down.start, width: across.length, height: down.length };
}

/** Features are those of a graph, of how it is fed, and of how much of each side. */
async function nameOf({ manifest: { graph, input } }: FileZooModel, share: number): Promise<string> {
  return `${await sha256(Buffer.from(JSON.stringify([graph.sha256, input, share])))}.features`;
}

async function featuresOf(
  workbench: Workbench,
  model: FileZooModel,
  { path, read }: AlbumPhoto,
  part: Crop | undefined,
): Promise<Float32Array> {
  try {
    return await workbench.scores(model, await read(), part);
  } catch (error) {
    if (error instanceof AppError) throw new AppError(error.code, `${path}: ${error.message}`, { cause: error });
    throw error;
  }
}
