/** The models of a zoo that are named on the command line. */
import { AppError } from "../errors.js";
import { type ModelPlace, placesIn } from "../models/file-zoo.js";

/**
 * The folders that `names`, each an id or `id@version`, stand for: of an id alone all its versions. All of the zoo's where
 * nothing is named.
 * @throws AppError `model_unknown`, `version_unknown`.
 */
export async function findModels(dir: string, names: readonly string[]): Promise<ModelPlace[]> {
  const places = await placesIn(dir);
  if (names.length === 0) return places;
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

/** The one folder that `name` stands for: of several versions the latest. @throws AppError, as `findModels`. */
export async function findModel(dir: string, name: string): Promise<ModelPlace> {
  const place = (await findModels(dir, [name])).at(-1);
  if (place === undefined) throw new RangeError("a name stands for a model");
  return place;
}
