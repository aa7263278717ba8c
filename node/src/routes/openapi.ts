/**
 * `GET /openapi.json`: every route with what it takes and every status that it answers, as OpenAPI 3.1.
 *
 * Text fields are those of the schemas that validate (`infer-fields.ts`), answers those of the contract's Rust types
 * (`generated/contract-schema.ts`), statuses those of the table of error codes.
 */
import type { RequestHandler } from "express";
import { HTTP_STATUS } from "../errors.js";
import type { ErrorCode } from "../generated/contract.js";
import { CONTRACT_SCHEMAS } from "../generated/contract-schema.js";
import { FIELD_SCHEMAS, SETTINGS_SCHEMAS } from "./infer-fields.js";

type Schema = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, { readonly schema: Schema }>>;

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly Schema[];
  readonly body?: Content;
  /** Answers other than problems, by status. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly content?: Content }>>;
  readonly problems: readonly ErrorCode[];
}

const VERSION = "0.1.0";
const BYTES: Schema = { type: "string", format: "binary" };
const STRING: Schema = { type: "string" };
const COUNT: Schema = { type: "integer", minimum: 0 };

const named = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
const listOf = (items: Schema): Schema => ({ type: "array", items });
/** An object whose fields are all there, but for those in `optional`. */
const objectOf = (properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const json = (schema: Schema): Content => ({ "application/json": { schema } });
const ok = (description: string, content: Content) => ({ 200: { description, content } });

/** Whatever stands before the work of a route. */
const RATE: readonly ErrorCode[] = ["rate_limited"];
const KEYS: readonly ErrorCode[] = [...RATE, "unauthorized", "forbidden"];
const GATE: readonly ErrorCode[] = ["overloaded"];
const UPLOAD: readonly ErrorCode[] = ["field_invalid", "upload_too_large"];
/** Whatever may come of loading a model. */
const ENGINE: readonly ErrorCode[] = ["engine_failed", "engine_unavailable", "engine_timeout"];
const GRAPH: readonly ErrorCode[] = ["graph_invalid", "graph_op_forbidden", "graph_ambiguous", "graph_too_large"];
const LABELS: readonly ErrorCode[] = ["labels_missing", "labels_mismatch", "labels_invalid"];
const IMAGE: readonly ErrorCode[] = ["image_missing", "image_unsupported", "image_undecodable", "image_too_large"];

/** Whatever may come of changing a registered model. */
const CHANGE: readonly ErrorCode[] = [...KEYS, "model_unknown", "version_unknown", "storage_full"];

const URL_FIELD: Schema = {
  ...listOf(STRING),
  description: "The address of an image, where the operator allows its host; repeated as image_file.",
};
const MODEL_FIELD: Schema = {
  ...listOf(STRING),
  description: "An id of the zoo, or id@version; repeated for several models on each image. The default model.",
};
const GRAPH_FIELDS: Readonly<Record<string, Schema>> = {
  model_file: { ...BYTES, description: "A frozen graph (.pb)." },
  label_file: { ...BYTES, description: "The labels of its classes." },
};
const ID: Schema = {
  name: "id",
  in: "path",
  required: true,
  description: "Id of a model, or id@version.",
  schema: STRING,
};
const VERSION_IN_PATH: Schema = { name: "version", in: "path", required: true, schema: STRING };
const REGISTRATION_FIELDS: Readonly<Record<string, Schema>> = {
  id: { ...STRING, description: "Lower-case letters, digits, ., _ and -; at most 64, and no id of the zoo." },
  version: { ...STRING, description: "Letters, digits, ., _ and -; at most 64. 1 when absent." },
  manifest: { ...STRING, description: "A manifest or any part of one, as JSON text." },
};
const FORMAT: Schema = {
  name: "format",
  in: "query",
  description: "Form of the answer, whatever Accept says.",
  schema: { type: "string", enum: ["json", "html", "text"] },
};

const COMPONENTS: Readonly<Record<string, Schema>> = {
  ...(CONTRACT_SCHEMAS as Record<string, Schema>),
  Problem: {
    description: "RFC 9457 problem details; error is the same as detail.",
    ...objectOf({
      type: STRING,
      title: STRING,
      status: { type: "integer" },
      detail: STRING,
      code: named("ErrorCode"),
      request_id: STRING,
      error: STRING,
    }),
  },
  ModelIdentity: objectOf({ id: STRING, version: STRING, sha256: STRING }),
  AnsweredItem: {
    allOf: [named("Answer"), objectOf({ image: objectOf({ name: STRING }), model: named("ModelIdentity") })],
  },
  FailedItem: objectOf({
    image: objectOf({ name: STRING }),
    model: objectOf({ id: STRING }),
    error: named("Problem"),
  }),
  InferAnswer: objectOf({
    request_id: STRING,
    results: listOf({ anyOf: [named("AnsweredItem"), named("FailedItem")] }),
  }),
  DescribedModel: { allOf: [named("ModelIdentity"), named("ModelSpec")] },
  ModelSummary: objectOf({
    id: STRING,
    versions: listOf(STRING),
    served: orNull(STRING),
    default: { type: "boolean" },
    registered: { type: "boolean" },
    state: { enum: ["available", "loading", "failed", "not fetched"] },
    loaded: { type: "boolean" },
    memory_bytes: orNull(COUNT),
    title: STRING,
    description: STRING,
    licence: STRING,
    classes: orNull(COUNT),
    input: objectOf({ width: orNull(COUNT), height: orNull(COUNT) }),
    accuracy: orNull(named("Accuracy")),
    problem: orNull(STRING),
  }),
  Readiness: objectOf({
    ready: { type: "boolean" },
    live: { const: true },
    reason: orNull(STRING),
    default_model: orNull(STRING),
    models_loaded: COUNT,
    engine: objectOf({
      kind: { enum: ["process", "addon", "fake"] },
      ready: { type: "boolean" },
      libtensorflow: orNull(STRING),
      sandbox: orNull(named("Sandbox")),
    }),
  }),
};

/** By path as Express has it, then by method. */
const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/healthz": {
    get: {
      summary: "Whether the process runs.",
      answers: ok("It does.", json(objectOf({ live: { const: true } }))),
      problems: [],
    },
  },
  "/readyz": {
    get: {
      summary: "Whether requests are served now, and by what.",
      answers: {
        ...ok("They are.", json(named("Readiness"))),
        503: { description: "They are not; reason says why.", content: json(named("Readiness")) },
      },
      problems: [],
    },
  },
  "/openapi.json": {
    get: { summary: "This document.", answers: ok("The document.", json({ type: "object" })), problems: RATE },
  },
  "/infer": {
    post: {
      summary: "Classifies each image with each model, images outermost.",
      parameters: [FORMAT, ...queryOf({ image_url: URL_FIELD, model: MODEL_FIELD, ...FIELD_SCHEMAS })],
      body: {
        "multipart/form-data": {
          schema: {
            type: "object",
            properties: {
              image_file: { ...listOf(BYTES), description: "JPEG, PNG, WebP, GIF (first frame) or BMP." },
              image_url: URL_FIELD,
              model: MODEL_FIELD,
              ...GRAPH_FIELDS,
              ...FIELD_SCHEMAS,
            },
          },
        },
        "image/*": { schema: BYTES },
        "application/octet-stream": { schema: BYTES },
      },
      answers: ok("One item at least was classified.", {
        ...json(named("InferAnswer")),
        "text/html": { schema: STRING },
        "text/plain": { schema: STRING },
      }),
      problems: [
        ...KEYS,
        ...GATE,
        ...UPLOAD,
        ...IMAGE,
        ...GRAPH,
        ...LABELS,
        ...ENGINE,
        "model_unknown",
        "version_unknown",
        "url_forbidden",
        "url_unreachable",
      ],
    },
  },
  "/api/models": {
    get: {
      summary: "The models of the zoo and the registered ones.",
      answers: ok("All of them.", json(objectOf({ models: listOf(named("ModelSummary")) }))),
      problems: KEYS,
    },
    post: {
      summary: "Registers a model: it is loaded, checked and kept.",
      parameters: queryOf({ ...REGISTRATION_FIELDS, ...SETTINGS_SCHEMAS }),
      body: {
        "multipart/form-data": {
          schema: { type: "object", properties: { ...GRAPH_FIELDS, ...REGISTRATION_FIELDS, ...SETTINGS_SCHEMAS } },
        },
      },
      answers: {
        ...ok("The very same model was registered before.", json(named("DescribedModel"))),
        201: { description: "The model is registered.", content: json(named("DescribedModel")) },
      },
      problems: [...KEYS, ...GATE, ...UPLOAD, ...GRAPH, ...LABELS, ...ENGINE, "model_exists", "storage_full"],
    },
  },
  "/api/models/inspect": {
    post: {
      summary: "How a graph is fed and read, with the evidence for each detected field. It is not registered.",
      parameters: queryOf(SETTINGS_SCHEMAS),
      body: {
        "multipart/form-data": { schema: { type: "object", properties: { ...GRAPH_FIELDS, ...SETTINGS_SCHEMAS } } },
      },
      answers: ok("The resolved settings.", json(named("ModelSpec"))),
      problems: [...KEYS, ...GATE, ...UPLOAD, ...GRAPH, ...LABELS, ...ENGINE],
    },
  },
  "/api/models/:id": {
    get: {
      summary: "How a model is fed and read. It is loaded where needed.",
      parameters: [ID],
      answers: ok("The resolved settings.", json(named("DescribedModel"))),
      problems: [...KEYS, ...GATE, ...GRAPH, ...LABELS, ...ENGINE, "model_unknown", "version_unknown"],
    },
    delete: {
      summary: "Removes a registered model with every version; with id@version that version.",
      parameters: [ID],
      answers: { 204: { description: "It is gone; requests that use it are finished." } },
      problems: CHANGE,
    },
  },
  "/api/models/:id/versions/:version": {
    delete: {
      summary: "Removes a version of a registered model.",
      parameters: [ID, VERSION_IN_PATH],
      answers: { 204: { description: "It is gone; requests that use it are finished." } },
      problems: CHANGE,
    },
  },
  "/api/models/:id/default": {
    put: {
      summary: "Chooses the version of a registered model for requests that name none.",
      parameters: [ID],
      body: json(objectOf({ version: STRING })),
      answers: ok("It is chosen.", json(objectOf({ id: STRING, served: STRING }))),
      problems: [...CHANGE, "field_invalid"],
    },
  },
  "/api/models/:id/graph": {
    get: {
      summary: "The graph file of a model.",
      parameters: [ID],
      answers: ok("As it is.", { "application/octet-stream": { schema: BYTES } }),
      problems: [...KEYS, ...GATE, "model_unknown", "version_unknown", "engine_unavailable"],
    },
  },
  "/api/models/:id/labels": {
    get: {
      summary: "The label file of a model.",
      parameters: [ID],
      answers: ok("As it is.", { "text/plain": { schema: STRING } }),
      problems: [...KEYS, "model_unknown", "version_unknown", "not_found", "engine_unavailable"],
    },
  },
};

/** The document. */
export function openApiDocument(): object {
  const paths = Object.entries(OPERATIONS).map(([path, operations]) => [
    path.replace(/:(\w+)/g, "{$1}"),
    Object.fromEntries(Object.entries(operations).map(([method, operation]) => [method, describe(operation)])),
  ]);
  return {
    openapi: "3.1.0",
    info: { title: "Menagerie", version: VERSION, description: "Image classification with frozen TensorFlow graphs." },
    paths: Object.fromEntries(paths),
    security: [{}, { bearer: [] }, { apiKey: [] }],
    components: {
      schemas: COMPONENTS,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
      },
    },
  };
}

export function serveOpenApi(): RequestHandler {
  const document = openApiDocument();
  return (_request, response) => {
    response.json(document);
  };
}

function describe({ summary, parameters = [], body, answers, problems }: Operation): Schema {
  return {
    summary,
    parameters,
    ...(body === undefined ? {} : { requestBody: { content: body } }),
    responses: { ...problemResponses([...problems, "internal"]), ...answers },
  };
}

/** One response a status; several codes may share it. */
function problemResponses(codes: readonly ErrorCode[]): Readonly<Record<number, Schema>> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    byStatus.set(HTTP_STATUS[code], [...(byStatus.get(HTTP_STATUS[code]) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, sharing]) => [
      status,
      {
        description: sharing.join(", "),
        content: {
          "application/problem+json": {
            schema: { allOf: [named("Problem"), objectOf({ code: { enum: sharing } })] },
          },
          "text/html": { schema: STRING },
        },
      },
    ]),
  );
}

function queryOf(fields: Readonly<Record<string, object>>): Schema[] {
  return Object.entries(fields).map(([name, schema]) => ({ name, in: "query", schema }));
}
