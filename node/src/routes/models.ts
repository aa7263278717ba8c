/** The zoo to clients: what there is, what each model expects, its labels, and photos to try it with. */
import { extname } from "node:path";
import type { Request, RequestHandler } from "express";
import { z } from "zod";
import { decided } from "../decide.js";
import { AppError } from "../errors.js";
import type { SendBytes } from "../front/answers.js";
import { visitOf } from "../front/enter.js";
import type { Route, Schema } from "../front/route.js";
import { uploadOf } from "../front/upload.js";
import type { Confidence, ModelSpec } from "../generated/contract.js";
import { MANIFEST_JSON_SCHEMA } from "../generated/contract-schema.js";
import {
  type Classifier,
  EXPORT_ENDINGS,
  type ExportChoice,
  type FetchState,
  type ModelFetcher,
  type ModelIdentity,
  type ModelListing,
  type Models,
  type ModelZoo,
  NO_SETTINGS,
  type Role,
  type ZooModel,
} from "../ports.js";
import { FIELD_SCHEMAS, parseExamples, parseOwnGraph, parseSettings, SETTINGS_SCHEMAS } from "./infer-fields.js";
import {
  BYTES,
  ENGINE,
  EXAMPLE_FIELDS,
  GRAPH,
  GRAPH_FIELDS,
  ID,
  json,
  LABELS,
  listOf,
  NAMED_MODEL,
  named,
  objectOf,
  ok,
  queryOf,
  STRING,
} from "./schemas.js";

const EXPORT_FIELDS: Readonly<Record<string, Schema>> = {
  as: {
    type: "string",
    enum: ["onnx", "frozen", "savedmodel"],
    description: "Written for other programs: an ONNX model, the graph that is served, or the same as a SavedModel.",
  },
  preprocess: {
    type: "string",
    enum: ["0", "1", "true", "false"],
    description: "1, with as: the file takes pixels and gives probabilities, in place of tensor and scores.",
  },
};

const MANIFEST_SCHEMA_TEXT = JSON.stringify(MANIFEST_JSON_SCHEMA);

export interface ModelDeps {
  readonly models: Models;
  readonly zoo: ModelZoo;
  readonly fetcher: ModelFetcher;
  readonly classifier: Classifier;
  readonly sendBytes: SendBytes;
  /** Refuses whoever has not the role. */
  readonly allow: (role: Role) => RequestHandler;
}

export function modelRoutes({ models, zoo, fetcher, classifier, sendBytes, allow }: ModelDeps): Route[] {
  return [
    {
      method: "get",
      path: "/api/models",
      access: "infer",
      summary: "The models of the zoo and the registered ones.",
      answers: ok("All of them.", json(objectOf({ models: listOf(named("ModelSummary")) }))),
      problems: ["overloaded"],
      handle: listModels(models, fetcher, sendBytes),
    },
    {
      method: "post",
      path: "/api/models/inspect",
      access: "infer",
      uploads: true,
      summary: "How a graph is fed and read, with the evidence for each detected field. It is not registered.",
      parameters: queryOf(SETTINGS_SCHEMAS),
      body: {
        "multipart/form-data": {
          schema: {
            type: "object",
            properties: {
              ...GRAPH_FIELDS,
              model_sha256: FIELD_SCHEMAS["model_sha256"],
              ...EXAMPLE_FIELDS,
              ...SETTINGS_SCHEMAS,
            },
          },
        },
      },
      answers: ok("The resolved settings.", json(named("ModelSpec"))),
      problems: ["model_unknown", ...GRAPH, ...LABELS, ...ENGINE],
      handle: inspectModel(models, classifier),
    },
    {
      method: "get",
      path: "/api/models/:id",
      access: "infer",
      works: true,
      summary: "How a model is fed and read. It is loaded where needed.",
      parameters: [ID],
      answers: ok("The resolved settings.", json(named("DescribedModel"))),
      problems: NAMED_MODEL,
      handle: describeModel(models, classifier),
    },
    {
      method: "get",
      path: "/api/models/:id/graph",
      access: "infer",
      works: true,
      summary: "The graph file of a model, as it is or written for other programs.",
      parameters: [ID, ...queryOf(EXPORT_FIELDS)],
      answers: ok("The file.", { "application/octet-stream": { schema: BYTES } }),
      problems: [...NAMED_MODEL, "not_found", "field_invalid", "graph_untranslated"],
      handle: downloadGraph({ models, zoo, sendBytes, allow }),
    },
    {
      method: "get",
      path: "/api/models/:id/labels",
      access: "infer",
      summary: "The label file of a model.",
      parameters: [ID],
      answers: ok("As it is.", { "text/plain": { schema: STRING } }),
      problems: ["model_unknown", "version_unknown", "not_found", "engine_unavailable", "overloaded"],
      handle: downloadLabels(zoo, sendBytes),
    },
    {
      method: "get",
      path: "/api/models/:id/samples",
      access: "infer",
      summary: "The names of photos to try a model with.",
      parameters: [ID],
      answers: ok("All of them.", json(objectOf({ samples: listOf(STRING) }))),
      problems: ["model_unknown", "version_unknown"],
      handle: listSamples(zoo),
    },
    {
      method: "get",
      path: "/api/models/:id/samples/:name",
      access: "infer",
      summary: "One of these photos.",
      parameters: [ID, { name: "name", in: "path", required: true, schema: STRING }],
      answers: ok("As it is.", { "image/*": { schema: BYTES } }),
      problems: ["model_unknown", "version_unknown", "not_found", "engine_unavailable", "overloaded"],
      handle: downloadSample(zoo, sendBytes),
    },
    {
      method: "get",
      path: "/manifest.schema.json",
      access: "anyone",
      summary: "The JSON Schema of manifests.",
      answers: ok("JSON Schema 2020-12.", { "application/schema+json": { schema: { type: "object" } } }),
      problems: [],
      handle: (_request, response) => {
        response.type("application/schema+json").send(MANIFEST_SCHEMA_TEXT);
      },
    },
  ];
}

function listModels(models: Models, fetcher: ModelFetcher, sendBytes: SendBytes): RequestHandler {
  return async (_request, response) => {
    const listed = models.list().map((listing) => {
      const state = fetcher.stateOf(listing.model.manifest.id);
      return { ...summary(listing), fetch: state === null ? null : fetchJson(state) };
    });
    response.type("json");
    await sendBytes(response, JSON.stringify({ models: listed }));
  };
}

/** The resolved spec with its evidence. Loads the model where it is not loaded. */
function describeModel(models: Models, classifier: Classifier): RequestHandler {
  return async (request, response) => {
    const { id, version } = idOf(request);
    const choice = { kind: "zoo", id, version } as const;
    const visit = visitOf(response);
    const describe = () =>
      models.use(choice, NO_SETTINGS, visit, async ({ identity, target }) =>
        described(identity, await classifier.describe(target), target.confidence),
      );
    response.json(await visit.run(describe, models.isStrangers(choice) ? "strangers" : "one"));
  };
}

/** A `DescribedModel`. */
export function described(identity: ModelIdentity, spec: ModelSpec, confidence: Confidence | null) {
  return { ...identity, ...spec, ...(confidence === null ? {} : { confidence }) };
}

/** The resolved spec of a graph that comes with the request. It is not registered, only kept warm as an upload is. */
function inspectModel(models: Models, classifier: Classifier): RequestHandler {
  return async (_request, response) => {
    const upload = uploadOf(response);
    const choice = parseOwnGraph(upload);
    const settings = parseSettings(upload);
    const visit = visitOf(response);
    const examples = parseExamples(upload);
    const describe = async () => {
      const all = await decided({ models, classifier }, visit, choice, settings, examples);
      return await models.use(choice, all, visit, ({ target }) => classifier.describe(target));
    };
    response.json(await visit.run(describe, "strangers"));
  };
}

/** The label file as it is. */
function downloadLabels(zoo: ModelZoo, sendBytes: SendBytes): RequestHandler {
  return async (request, response) => {
    const model = findModel(zoo, request);
    await sendBytes(response, async (charge) => {
      const labels = await model.readLabels(charge);
      if (labels === null) {
        throw new AppError("not_found", `Model ${model.manifest.id} has no labels: its classes are numbered.`);
      }
      response.type("text");
      return labels;
    });
  };
}

function listSamples(zoo: ModelZoo): RequestHandler {
  return (request, response) => {
    response.json({ samples: findModel(zoo, request).samples });
  };
}

/** The photo as it is. */
function downloadSample(zoo: ModelZoo, sendBytes: SendBytes): RequestHandler {
  return async (request, response) => {
    const model = findModel(zoo, request);
    const name = String(request.params["name"]);
    await sendBytes(response, async (charge) => {
      const photo = await model.readSample(name, charge);
      if (photo === null) {
        throw new AppError("not_found", `Model ${model.manifest.id} has no sample ${JSON.stringify(name)}.`);
      }
      response.type(extname(name));
      return photo;
    });
  };
}

/** The graph file. One that a client registered is for those who may register. */
function downloadGraph({
  models,
  zoo,
  sendBytes,
  allow,
}: Pick<ModelDeps, "models" | "zoo" | "sendBytes" | "allow">): RequestHandler {
  return async (request, response) => {
    const model = findModel(zoo, request);
    if (model.registered) allow("models")(request, response, () => {});
    const { id, version } = model.manifest;
    if (model.program !== null) {
      throw new AppError(
        "not_found",
        `Model ${id} is served by a program of this service's, and has no graph to give.`,
      );
    }
    if (!model.present && model.damage === null) {
      throw new AppError("engine_unavailable", `The graph of ${id} was not fetched to this server yet.`);
    }
    const choice = exportOf(request);
    const visit = visitOf(response);
    const name = () => response.attachment(`${id}-${version}${endingOf(choice)}`).type("application/octet-stream");
    if (choice === null) {
      await sendBytes(response, async (charge) => {
        const graph = await visit.run(() => model.readGraph(charge));
        name();
        return graph;
      });
    } else {
      const file = await visit.run(() => models.export(model, choice, visit), model.registered ? "strangers" : "one");
      name();
      await sendBytes(response, file);
    }
  };
}

const EXPORT_QUERY = z.object({
  as: z.enum(["onnx", "frozen", "savedmodel"], "must be onnx, frozen or savedmodel").optional(),
  preprocess: z.enum(["0", "1", "true", "false"], "must be 0, 1, true or false").optional(),
});

/** What is asked for; null for the file as it is. @throws AppError `field_invalid`. */
function exportOf(request: Request): ExportChoice | null {
  const query = EXPORT_QUERY.safeParse(request.query);
  if (!query.success) {
    const [{ path, message } = { path: [], message: "" }] = query.error.issues;
    const name = String(path[0]);
    throw new AppError("field_invalid", `${name}=${String(request.query[name])}: it ${message}.`);
  }
  const { as, preprocess = "0" } = query.data;
  if (as !== undefined) return { form: as, preprocess: preprocess === "1" || preprocess === "true" };
  if (query.data.preprocess === undefined) return null;
  throw new AppError(
    "field_invalid",
    `preprocess=${preprocess}: say with as=onnx, frozen or savedmodel what is written.`,
  );
}

function endingOf(choice: ExportChoice | null): string {
  return choice === null ? ".pb" : EXPORT_ENDINGS[choice.form];
}

function summary({ model, versions, isDefault, state, loaded, memoryBytes, problem }: ModelListing) {
  const { id, version, title, description, licence, input, output, accuracy } = model.manifest;
  return {
    id,
    versions,
    served: versions.includes(version) ? version : null,
    default: isDefault,
    registered: model.registered,
    state,
    loaded,
    memory_bytes: memoryBytes,
    title,
    description,
    licence,
    classes: output.classes ?? null,
    input: { width: input.width ?? null, height: input.height ?? null },
    accuracy: accuracy ?? null,
    problem,
  };
}

/** How far the files of a listed model are, as clients see it. */
export function fetchJson({ receivedBytes, totalBytes, problem }: FetchState) {
  return { received_bytes: receivedBytes, total_bytes: totalBytes, problem };
}

/** `{id}` and `{id}@{version}` in an address. */
export function idOf(request: Request): { id: string; version: string | null } {
  const [id = "", ...version] = String(request.params["id"]).split("@");
  return { id, version: version.length === 0 ? null : version.join("@") };
}

/** The model that an address names. @throws AppError `model_unknown`, `version_unknown`. */
export function findModel(zoo: ModelZoo, request: Request): ZooModel {
  const { id, version } = idOf(request);
  const model = zoo.find(id, version ?? undefined);
  if (model !== undefined) return model;
  const versions = zoo.versionsOf(id);
  if (versions.length === 0) throw new AppError("model_unknown", `There is no model ${JSON.stringify(id)}.`);
  const detail = `Model ${id} has no version ${JSON.stringify(version)}; it has: ${versions.join(", ")}.`;
  throw new AppError("version_unknown", detail);
}
