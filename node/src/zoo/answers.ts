/** A model's folder, opened to be asked, and what it answered, kept. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "../errors.js";
import type { Answer } from "../generated/contract.js";
import { writeDurably } from "../models/durable-file.js";
import { MANIFEST_FILE } from "../models/file-zoo.js";
import { FileZooModel, GOLDEN_FILE } from "../models/file-zoo-model.js";
import { folderBlobs } from "../models/folder-blobs.js";
import { parseManifest } from "../models/manifest.js";
import { programOf } from "../models/program.js";
import { goldenCase, goldenText } from "./golden.js";

/**
 * With the fields of its manifest that `change` leaves.
 * @throws AppError `field_invalid` for a manifest that is wrong.
 */
export async function openModel(folder: string, change = (json: object) => json): Promise<FileZooModel> {
  const path = join(folder, MANIFEST_FILE);
  try {
    const manifest = parseManifest(change(JSON.parse(await readFile(path, "utf8"))));
    return await FileZooModel.open(manifest, folderBlobs(folder), { program: programOf(manifest, folder) });
  } catch (error) {
    throw new AppError("field_invalid", `${path} cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}

/** Whether answers of this model are kept. */
export async function hasGolden(folder: string): Promise<boolean> {
  return (await folderBlobs(folder).sizeOf(GOLDEN_FILE)) !== null;
}

/** Writes `golden.json`; `image` is a photo's path from the model's folder. */
export async function writeGolden(
  folder: string,
  cases: readonly { readonly image: string; readonly answer: Answer }[],
): Promise<void> {
  await writeDurably(
    join(folder, GOLDEN_FILE),
    goldenText(cases.map(({ image, answer }) => goldenCase(image, answer))),
  );
}
