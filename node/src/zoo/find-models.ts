/** The models of a zoo that are named on the command line. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../errors.js";
import { MANIFEST_FILE, type ModelPlace, placesIn } from "../models/file-zoo.js";

/** The folders of models that are this zoo's own: what `pull` fetches is its makers' to answer for. */
export async function findOwnModels(dir: string): Promise<ModelPlace[]> {
  const places = await placesIn(dir);
  const isPulled = await Promise.all(places.map(({ entry }) => hasSource(join(dir, entry, MANIFEST_FILE))));
  return places.filter((_, index) => !isPulled[index]);
}

async function hasSource(path: string): Promise<boolean> {
  return (await manifestAt(path)).source !== undefined;
}

/** As it stands there, right or wrong; empty where it cannot be read. */
async function manifestAt(path: string): Promise<{ readonly source?: unknown; readonly version?: unknown }> {
  try {
    return (JSON.parse(await readFile(path, "utf8")) as object | null) ?? {};
  } catch {
    return {};
  }
}

/**
 * The folders that `names`, each an id or `id@version`, stand for: of an id alone all its versions.
 * @throws AppError `model_unknown`, `version_unknown`.
 */
export async function findModels(dir: string, names: readonly string[]): Promise<ModelPlace[]> {
  const ids = new Set(names.map((name) => name.split("@")[0]));
  const places = await Promise.all(
    (await placesIn(dir)).map(async (place) => (ids.has(place.id) ? await withVersion(dir, place) : place)),
  );
  return names.flatMap((name) => {
    const [id = "", version] = name.split("@");
    const versions = places.filter((place) => place.id === id);
    if (versions.length === 0) {
      const known = new Set(places.map((place) => place.id));
      throw new AppError(
        "model_unknown",
        `There is no folder of a model ${id} in ${dir}; there are: ${[...known].join(", ") || "none"}.`,
      );
    }
    const found = versions.filter((place) => version === undefined || (place.version ?? version) === version);
    if (found.length > 0) return found;
    const known = versions.map((place) => place.version).join(", ");
    throw new AppError("version_unknown", `Model ${id} has no version ${version} in ${dir}; it has: ${known}.`);
  });
}

/** A folder without versions has that of its manifest; none where that cannot be read. */
async function withVersion(dir: string, place: ModelPlace): Promise<ModelPlace> {
  if (place.version !== null) return place;
  const { version } = await manifestAt(join(dir, place.entry, MANIFEST_FILE));
  return typeof version === "string" ? { ...place, version } : place;
}

/** The one folder that `name` stands for: of several versions the latest. @throws AppError, as `findModels`. */
export async function findModel(dir: string, name: string): Promise<ModelPlace> {
  const place = (await findModels(dir, [name])).at(-1);
  if (place === undefined) throw new RangeError("a name stands for a model");
  return place;
}
