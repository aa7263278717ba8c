/** What the protocol tells of the service and of each model. */
import { AppError } from "../../errors.js";
import { VERSION } from "../../generated/contract.js";
import { type Models, type ModelZoo, NO_SETTINGS, type OpenModel, type Visit } from "../../ports.js";
import { ANY, fedShape, type TensorMetadata, valuesPerImage } from "../../tensors.js";
import type { NamedModel } from "./infer.js";
import { OTHER_NAMES } from "./inputs.js";
import { ANSWER } from "./outputs.js";

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  /** The one that a request has. */
  readonly inputs: readonly TensorMetadata[];
  /** What a request may have in its place. */
  readonly alternative_inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

export const SERVER_METADATA = {
  name: "menagerie",
  version: VERSION,
  extensions: ["binary_tensor_data", "classification", "model_repository"],
};

/** Loads the model where it is not loaded. */
export async function modelMetadata(
  models: Models,
  zoo: ModelZoo,
  visit: Visit,
  model: NamedModel,
): Promise<ModelMetadata> {
  const choice = { kind: "zoo", ...model } as const;
  const describe = () => models.use(choice, NO_SETTINGS, visit, async (open) => metadataOf(open, zoo));
  return await visit.run(describe, models.isStrangers(choice) ? "strangers" : "one");
}

/** @throws AppError why the model would not answer now: `model_unknown`, `version_unknown` or `engine_unavailable`. */
export function checkReady(models: Models, zoo: ModelZoo, { id, version }: NamedModel): void {
  const listing = models.list().find(({ model }) => model.manifest.id === id);
  const model = zoo.find(id, version ?? undefined);
  if (model === undefined) {
    if (listing === undefined && zoo.versionsOf(id).length === 0) {
      throw new AppError("model_unknown", `There is no model ${JSON.stringify(id)}.`);
    }
    const detail = `Model ${id} has no version ${JSON.stringify(version)}; it has: ${zoo.versionsOf(id).join(", ")}.`;
    throw new AppError("version_unknown", detail);
  }
  const state = listing?.model === model ? listing.state : model.present ? "available" : "not fetched";
  if (state === "available" || state === "loading") return;
  throw new AppError("engine_unavailable", `Model ${id} is not ready: ${listing?.problem ?? `it is ${state}`}.`);
}

function metadataOf({ identity, target: { spec, tensors } }: OpenModel, zoo: ModelZoo): ModelMetadata {
  const { id } = identity;
  const { input, output } = spec;
  const pixels = { datatype: "UINT8", shape: [ANY, input.height, input.width, input.channels] };
  const isFed = tensors && input.dtype === "float32";
  return {
    name: id,
    versions: zoo.versionsOf(id),
    platform: zoo.find(id, identity.version)?.program ? "program" : "tensorflow_graphdef",
    inputs: [
      isFed
        ? { name: input.tensor, datatype: "FP32", shape: [ANY, ...fedShape(spec)] }
        : { name: input.tensor, ...pixels },
    ],
    alternative_inputs: [
      { name: OTHER_NAMES.UINT8, ...pixels },
      { name: OTHER_NAMES.BYTES, datatype: "BYTES", shape: [ANY] },
    ],
    outputs: [
      { name: output.tensor, datatype: "FP32", shape: [ANY, valuesPerImage(spec)] },
      { name: ANSWER, datatype: "BYTES", shape: [ANY] },
    ],
  };
}
