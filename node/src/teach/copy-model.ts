/** A model of the service as a folder that a run has for itself: what becomes of the model meanwhile changes nothing. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../errors.js";
import { MANIFEST_FILE } from "../models/file-zoo.js";
import type { ModelZoo, ZooModel } from "../ports.js";
import { LICENCE_FILE } from "../zoo/judge.js";

/**
 * `name` is id or id@version, and `field` what asks for it.
 * @throws AppError `model_unknown`, `version_unknown`, `engine_unavailable` where its graph is not here, `field_invalid` where it has none.
 */
export function findModel(zoo: ModelZoo, field: "base" | "compare", name: string): ZooModel {
  const [id = "", ...rest] = name.split("@");
  const version = rest.length === 0 ? undefined : rest.join("@");
  const model = zoo.find(id, version);
  if (model === undefined) {
    const versions = zoo.versionsOf(id);
    if (versions.length === 0) throw new AppError("model_unknown", `There is no model ${JSON.stringify(id)}.`);
    const detail = `Model ${id} has no version ${JSON.stringify(version)}; it has: ${versions.join(", ")}.`;
    throw new AppError("version_unknown", detail);
  }
  if (model.program !== null)
    throw new AppError(
      "field_invalid",
      `${field}=${name}: it is served by a program, and has no graph that a run could take.`,
    );
  if (model.damage !== null) throw new AppError("engine_unavailable", `Model ${id} is damaged on the server.`);
  if (!model.present)
    throw new AppError("engine_unavailable", `The graph of ${id} was not fetched to this server yet.`);
  return model;
}

/** Writes it into `folder`, and says whether a client brought it; what lay there is gone. */
export async function copyModel(
  model: ZooModel,
  licenceOf: (id: string, version: string) => Promise<Uint8Array | null>,
  folder: string,
): Promise<{ readonly isStrangers: boolean }> {
  const { manifest } = model;
  const { graph, labels, id, version } = manifest;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, graph.file), await model.readGraph());
  const names = await model.readLabels();
  if (labels !== undefined && names !== null) await writeFile(join(folder, labels.file), names);
  const licence = await licenceOf(id, version);
  if (licence !== null) await writeFile(join(folder, LICENCE_FILE), licence);
  await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(manifest));
  return { isStrangers: model.registered };
}
