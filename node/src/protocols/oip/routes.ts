/** The Open Inference Protocol, version 2, over REST. */
import type { Request, RequestHandler, Response } from "express";
import type { Classify } from "../../classify.js";
import type { SendBytes } from "../../front/answers.js";
import { visitOf } from "../../front/enter.js";
import { bodyOf } from "../../front/read-raw.js";
import type { Route, Schema } from "../../front/route.js";
import {
  BYTES,
  COUNT,
  IMAGE,
  json,
  MODEL_IN_PATH,
  NAMED_MODEL,
  objectOf,
  ok,
  VERSION_IN_PATH,
} from "../../front/schema.js";
import type { Classifier, Models, ModelZoo, Readiness } from "../../ports.js";
import { infer, type NamedModel } from "./infer.js";
import { checkReady, modelMetadata, SERVER_METADATA } from "./metadata.js";
import { checkLoadParameters, repositoryIndex } from "./repository.js";
import { readInferRequest, readRepositoryRequest, writeInferResponse } from "./rest-message.js";
import {
  INDEX_REQUEST_SCHEMA,
  INDEX_SCHEMA,
  INFER_REQUEST_SCHEMA,
  INFER_RESPONSE_SCHEMA,
  MODEL_METADATA_SCHEMA,
  MODEL_READY_SCHEMA,
  REPOSITORY_REQUEST_SCHEMA,
  SERVER_METADATA_SCHEMA,
} from "./schemas.js";

export interface OipDeps {
  readonly classify: Classify;
  readonly models: Models;
  readonly zoo: ModelZoo;
  readonly classifier: Pick<Classifier, "readJson">;
  readonly readiness: () => Readiness;
  readonly sendBytes: SendBytes;
  readonly imagesPerRequestMax: number;
}

/** Bytes of the JSON, of a message after which more follows. */
const JSON_LENGTH_HEADER = "inference-header-content-length";
const LENGTH_PARAMETER: Schema = {
  name: "Inference-Header-Content-Length",
  in: "header",
  description: "Bytes of the JSON, where the values of tensors follow it.",
  schema: COUNT,
};
const ANY_JSON = (schema: Schema) => ({ ...json(schema), "application/octet-stream": { schema: BYTES } });

export function oipRoutes(deps: OipDeps): Route[] {
  const { readiness } = deps;
  return [
    {
      method: "get",
      path: "/v2",
      access: "anyone",
      summary: "Open Inference Protocol: what this service is.",
      answers: ok("It is told.", json(SERVER_METADATA_SCHEMA)),
      problems: [],
      handle: (_request, response) => {
        response.json(SERVER_METADATA);
      },
    },
    {
      method: "get",
      path: "/v2/health/live",
      access: "probe",
      summary: "Open Inference Protocol: whether the process runs.",
      answers: ok("It does.", json(objectOf({ live: { const: true } }))),
      problems: [],
      handle: (_request, response) => {
        response.json({ live: true });
      },
    },
    {
      method: "get",
      path: "/v2/health/ready",
      access: "probe",
      summary: "Open Inference Protocol: whether requests are served now.",
      answers: {
        ...ok("They are.", json(objectOf({ live: { const: true }, ready: { type: "boolean" } }))),
        503: {
          description: "They are not.",
          content: json(objectOf({ live: { const: true }, ready: { type: "boolean" } })),
        },
      },
      problems: [],
      handle: (_request, response) => {
        const { ready } = readiness();
        response.status(ready ? 200 : 503).json({ live: true, ready });
      },
    },
    ...["/v2/models/:model", "/v2/models/:model/versions/:version"].flatMap((path) => modelRoutes(deps, path)),
    ...repositoryRoutes(deps),
  ];
}

function modelRoutes(deps: OipDeps, path: string): Route[] {
  const { models, zoo } = deps;
  const parameters = path.includes(":version") ? [MODEL_IN_PATH, VERSION_IN_PATH] : [MODEL_IN_PATH];
  return [
    {
      method: "get",
      path,
      access: "infer",
      works: true,
      summary: "Open Inference Protocol: the tensors of a model. It is loaded where needed.",
      parameters,
      answers: ok("Its tensors.", json(MODEL_METADATA_SCHEMA)),
      problems: NAMED_MODEL,
      handle: async (request, response) => {
        response.json(await modelMetadata(models, zoo, visitOf(response), modelOf(request)));
      },
    },
    {
      method: "get",
      path: `${path}/ready`,
      access: "infer",
      summary: "Open Inference Protocol: whether a model answers.",
      parameters,
      answers: ok("It does.", json(MODEL_READY_SCHEMA)),
      problems: ["model_unknown", "version_unknown", "engine_unavailable"],
      handle: (request, response) => {
        const model = modelOf(request);
        checkReady(models, zoo, model);
        response.json({ name: model.id, ready: true });
      },
    },
    {
      method: "post",
      path: `${path}/infer`,
      access: "infer",
      reads: true,
      summary: "Open Inference Protocol: classifies a tensor, pixels, or encoded images.",
      parameters: [...parameters, LENGTH_PARAMETER],
      body: ANY_JSON(INFER_REQUEST_SCHEMA),
      answers: ok("Every image was classified.", ANY_JSON(INFER_RESPONSE_SCHEMA)),
      problems: [...IMAGE, ...NAMED_MODEL],
      handle: inferOverRest(deps),
    },
  ];
}

function inferOverRest(deps: OipDeps): RequestHandler {
  const { classifier, sendBytes } = deps;
  return async (request, response) => {
    const visit = visitOf(response);
    const readJson = (bytes: Uint8Array) => classifier.readJson(bytes, visit);
    const asked = await readInferRequest(bodyOf(response), request.get(JSON_LENGTH_HEADER), readJson);
    const answer = await infer(deps, visit, modelOf(request), asked.request);
    const { body, jsonBytes } = await writeInferResponse(answer, asked.isBinary);
    response.type(jsonBytes === null ? "json" : "application/octet-stream");
    if (jsonBytes !== null) response.set(JSON_LENGTH_HEADER, String(jsonBytes));
    await sendBytes(response, body);
  };
}

function repositoryRoutes({ models, classifier }: OipDeps): Route[] {
  const bodyOfCall = (response: Response) =>
    readRepositoryRequest(bodyOf(response), (bytes) => classifier.readJson(bytes, visitOf(response)));
  return [
    {
      method: "post",
      path: "/v2/repository/index",
      access: "infer",
      reads: true,
      summary: "Open Inference Protocol: the models, each with whether it answers.",
      body: ANY_JSON(INDEX_REQUEST_SCHEMA),
      answers: ok("All of them, or those that are ready.", json(INDEX_SCHEMA)),
      problems: [],
      handle: async (_request, response) => {
        const { isReadyOnly } = await bodyOfCall(response);
        response.json(repositoryIndex(models, isReadyOnly));
      },
    },
    {
      method: "post",
      path: "/v2/repository/models/:model/load",
      access: "models",
      reads: true,
      summary: "Open Inference Protocol: loads a model, and takes it back into service where it was unloaded.",
      parameters: [MODEL_IN_PATH],
      body: ANY_JSON(REPOSITORY_REQUEST_SCHEMA),
      answers: ok("It is loaded.", json({ type: "object" })),
      problems: NAMED_MODEL,
      handle: async (request, response) => {
        const { parameters } = await bodyOfCall(response);
        checkLoadParameters(parameters);
        const { id } = modelOf(request);
        const visit = visitOf(response);
        const kind = models.isStrangers({ kind: "zoo", id, version: null }) ? "strangers" : "one";
        await visit.run(() => models.load(id, visit), kind);
        response.json({});
      },
    },
    {
      method: "post",
      path: "/v2/repository/models/:model/unload",
      access: "models",
      reads: true,
      summary: "Open Inference Protocol: takes a model out of service and ends its engines, until it is loaded again.",
      parameters: [MODEL_IN_PATH],
      body: ANY_JSON(REPOSITORY_REQUEST_SCHEMA),
      answers: ok("It is out of service; requests that use it are finished.", json({ type: "object" })),
      problems: ["model_unknown", "version_unknown"],
      handle: async (request, response) => {
        await bodyOfCall(response);
        models.unload(modelOf(request).id);
        response.json({});
      },
    },
  ];
}

function modelOf({ params }: Request): NamedModel {
  const { model, version } = params;
  return { id: String(model), version: typeof version === "string" ? version : null };
}
