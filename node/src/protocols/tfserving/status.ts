/** What TensorFlow Serving tells of its models: which there are, and whether they answer. */
import { AppError } from "../../errors.js";
import type { Models, ModelZoo } from "../../ports.js";
import type { NamedModel } from "../oip/infer.js";
import { checkReady } from "../oip/metadata.js";

/**
 * `END` where it does not answer.
 * https://github.com/tensorflow/serving/blob/master/tensorflow_serving/apis/get_model_status.proto
 */
export interface VersionStatus {
  readonly version: string;
  readonly state: "AVAILABLE" | "END";
  /** Why it does not; null where it does. */
  readonly problem: string | null;
}

/** Ids of the models that answer, as KServe lists them in the first version of its protocol. */
export function modelNames(models: Models, zoo: ModelZoo): string[] {
  const ids = models.list().map(({ model }) => model.manifest.id);
  return ids.filter((id) => problemOf(models, zoo, { id, version: null }) === null);
}

/** One version, or every one. @throws AppError `model_unknown`, `version_unknown`. */
export function versionStatuses(models: Models, zoo: ModelZoo, model: NamedModel): VersionStatus[] {
  const { id, version } = model;
  const versions = version === null ? zoo.versionsOf(id) : [version];
  if (versions.length === 0) throw new AppError("model_unknown", `There is no model ${JSON.stringify(id)}.`);
  return versions.map((known) => {
    const problem = problemOf(models, zoo, { id, version: known });
    return { version: known, state: problem === null ? "AVAILABLE" : "END", problem };
  });
}

/** Why it does not answer; null where it does. */
function problemOf(models: Models, zoo: ModelZoo, model: NamedModel): string | null {
  try {
    checkReady(models, zoo, model);
    return null;
  } catch (error) {
    if (error instanceof AppError && error.code === "engine_unavailable") return error.message;
    throw error;
  }
}
