/** What the base says of each photo, and of the mirror image of those that are trained on. */
import { join } from "node:path";
import { AppError } from "../errors.js";
import type { FileZooModel } from "../models/file-zoo.js";
import { sha256 } from "../sha256.js";
import type { Workbench } from "../zoo/workbench.js";
import type { Album, AlbumPhoto } from "./album.js";
import type { Base } from "./base.js";
import { FeatureFile } from "./feature-file.js";
import { inLanes, type Lanes } from "./lanes.js";

/** Of all features. They are there twice while a head is trained, and the WebAssembly instance has 1 GiB. */
const FEATURES_BYTES_MAX = 400 * 1024 * 1024;

/**
 * Features of each photo, then of the mirror image of each that is trained on, row by row. Those that `folder` has are not
 * computed again.
 * @throws AppError `field_invalid` where they take too much memory.
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
  const wanted = [
    { model: base.features, photos: album.photos },
    ...(base.mirrored === null ? [] : [{ model: base.mirrored, photos: trained }]),
  ];
  const rowCount = wanted.reduce((sum, { photos }) => sum + photos.length, 0);
  const bytes = rowCount * size * Float32Array.BYTES_PER_ELEMENT;
  if (bytes > FEATURES_BYTES_MAX) {
    const detail = `${rowCount} rows of ${size} features take ${bytes} bytes, more than ${FEATURES_BYTES_MAX}; take fewer photos, no mirrored copies, or a base with fewer features.`;
    throw new AppError("field_invalid", detail);
  }
  const rows = new Float32Array(rowCount * size);
  let done = 0;
  for (const { model, photos } of wanted) {
    const before = done;
    const told = (share: number) => lanes.told((before + share * photos.length) / rowCount);
    const file = await FeatureFile.open(join(folder, await nameOf(model)), size);
    try {
      await inLanes(photos, { ...lanes, told }, async (photo, place) => {
        if (!file.has(photo.sha256)) await file.put(photo.sha256, await featuresOf(workbench, model, photo));
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

/** Features are those of a graph and of how it is fed. */
async function nameOf({ manifest: { graph, input } }: FileZooModel): Promise<string> {
  return `${await sha256(Buffer.from(JSON.stringify([graph.sha256, input])))}.features`;
}

async function featuresOf(
  workbench: Workbench,
  model: FileZooModel,
  { path, read }: AlbumPhoto,
): Promise<Float32Array> {
  try {
    return await workbench.scores(model, await read());
  } catch (error) {
    if (error instanceof AppError) throw new AppError(error.code, `${path}: ${error.message}`, { cause: error });
    throw error;
  }
}
