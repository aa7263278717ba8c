/** The zoo to clients: what there is, what each model expects, and its labels. */
import type { Request, RequestHandler } from "express";
import { AppError } from "../errors.js";
import type { Classifier, ModelListing, Models, ModelZoo, ZooModel } from "../ports.js";
import { holdPermit } from "./gate.js";
import { parseSettings } from "./infer-fields.js";
import { uploadOf } from "./read-upload.js";

export function listModels(models: Models): RequestHandler {
  return (_request, response) => {
    response.json({ models: models.list().map(summary) });
  };
}

/** The resolved spec with its evidence. Loads the model where it is not loaded. */
export function describeModel(models: Models, classifier: Classifier): RequestHandler {
  return async (request, response) => {
    const { id, version } = idOf(request);
    const describe = async () => {
      const { identity, target } = await models.open(
        { kind: "zoo", id, version },
        { overrides: {}, labelOffset: null },
      );
      return { ...identity, ...(await classifier.describe(target)) };
    };
    response.json(await holdPermit(response, describe()));
  };
}

/** The resolved spec of a graph that comes with the request. It is not registered, only kept warm as an upload is. */
export function inspectModel(models: Models, classifier: Classifier): RequestHandler {
  return async (_request, response) => {
    const upload = uploadOf(response);
    const { graph, labels } = upload;
    if (graph === null) throw new AppError("field_invalid", "model_file is missing; send the frozen graph to inspect.");
    const settings = parseSettings(upload);
    const describe = async () => {
      const { target } = await models.open({ kind: "upload", graph, labels }, settings);
      return await classifier.describe(target);
    };
    response.json(await holdPermit(response, describe()));
  };
}

/** The label file as it is. */
export function downloadLabels(zoo: ModelZoo): RequestHandler {
  return async (request, response) => {
    const labels = await find(zoo, request).readLabels();
    response.type("text").send(Buffer.from(labels));
  };
}

function summary({ model, isDefault, state, loaded, problem }: ModelListing) {
  const { id, version, title, description, licence, input, output, accuracy } = model.manifest;
  return {
    id,
    versions: [version],
    default: isDefault,
    state,
    loaded,
    title,
    description,
    licence,
    classes: output.classes ?? null,
    input: { width: input.width ?? null, height: input.height ?? null },
    accuracy: accuracy ?? null,
    problem,
  };
}

function idOf(request: Request): { id: string; version: string | null } {
  const [id = "", ...version] = String(request.params["id"]).split("@");
  return { id, version: version.length === 0 ? null : version.join("@") };
}

function find(zoo: ModelZoo, request: Request): ZooModel {
  const { id, version } = idOf(request);
  const model = zoo.find(id);
  if (model === undefined) throw new AppError("model_unknown", `There is no model ${JSON.stringify(id)}.`);
  if (version !== null && version !== model.manifest.version) {
    throw new AppError(
      "version_unknown",
      `Model ${id} has no version ${JSON.stringify(version)}; it has: ${model.manifest.version}.`,
    );
  }
  return model;
}
