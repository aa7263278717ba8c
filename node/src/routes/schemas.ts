/** What the descriptions of our own API in OpenAPI are made of, beside what every room's are (`front/schema.ts`). */
import type { Content, Schema } from "../front/route.js";
import {
  BYTES,
  COUNT,
  ENGINE,
  GRAPH,
  IMAGE,
  LABELS,
  listOf,
  named,
  objectOf,
  orNull,
  STRING,
} from "../front/schema.js";
import type { ErrorCode } from "../generated/contract.js";
import { CONTRACT_SCHEMAS } from "../generated/contract-schema.js";
import { STORE_PROBLEMS } from "../ports.js";
import { TEACH_COMPONENTS } from "./teach-schemas.js";

export * from "../front/schema.js";

/** Whatever may come of an image that does not come with its request. */
export const WHEREABOUTS: readonly ErrorCode[] = ["image_unknown", "url_forbidden", "url_unreachable"];

/** Whatever may come of classifying an image. */
export const CLASSIFY: readonly ErrorCode[] = [
  ...IMAGE,
  ...GRAPH,
  ...LABELS,
  ...ENGINE,
  "model_unknown",
  "version_unknown",
  ...WHEREABOUTS,
];

/** Whatever may come of changing a registered model. */
export const CHANGE: readonly ErrorCode[] = ["engine_unavailable", "model_unknown", "version_unknown", "storage_full"];

const IMAGE_FORMATS = "JPEG, PNG, WebP, GIF (first frame) or BMP.";
/** One image. */
export const IMAGE_FILE_FIELD: Schema = { ...BYTES, description: IMAGE_FORMATS };
/** Fields that say where an image is. */
export const SOURCE_FIELDS = {
  image_url: {
    ...listOf(STRING),
    description: "The address of an image, where the operator allows its host; repeated as image_file.",
  },
  image_path: {
    ...listOf(STRING),
    description: "The path of an image below the operator's folder, where there is one; repeated as image_file.",
  },
} as const satisfies Readonly<Record<string, Schema>>;
/** Those, and what is kept here. */
export const REFERENCE_FIELDS: Readonly<Record<string, Schema>> = {
  ...SOURCE_FIELDS,
  image_id: { ...listOf(STRING), description: "An image that POST /api/images keeps; repeated as image_file." },
};
export const MODEL_FIELD: Schema = {
  ...listOf(STRING),
  description: "An id of the zoo, or id@version; repeated for several models on each image. The default model.",
};
export const GRAPH_FIELDS: Readonly<Record<string, Schema>> = {
  model_file: { ...BYTES, description: "A frozen graph (.pb)." },
  label_file: { ...BYTES, description: "The labels of its classes." },
};
export const EXAMPLE_FIELDS: Readonly<Record<string, Schema>> = {
  example_file: {
    ...listOf(BYTES),
    description: "A photo, best one whose label is known: it decides settings that the graph leaves open; repeated.",
  },
  example_label: {
    ...listOf(STRING),
    description: "What it shows, empty where nobody knows; repeated, in the order of the photos.",
  },
};
/** A form with images, models and these text fields, or an image alone. */
export const imageBody = (fields: Readonly<Record<string, object>>): Content => ({
  "multipart/form-data": {
    schema: {
      type: "object",
      properties: {
        image_file: { ...listOf(BYTES), description: IMAGE_FORMATS },
        ...REFERENCE_FIELDS,
        model: MODEL_FIELD,
        ...GRAPH_FIELDS,
        ...fields,
      },
    },
  },
  "image/*": { schema: BYTES },
  "application/octet-stream": { schema: BYTES },
});
export const ID: Schema = {
  name: "id",
  in: "path",
  required: true,
  description: "Id of a model, or id@version.",
  schema: STRING,
};
export const REGISTRATION_FIELDS: Readonly<Record<string, Schema>> = {
  id: { ...STRING, description: "Lower-case letters, digits, ., _ and -; at most 64, and no id of the zoo." },
  version: { ...STRING, description: "Letters, digits, ., _ and -; at most 64. 1 when absent." },
  manifest: { ...STRING, description: "A manifest or any part of one, as JSON text." },
};
export const FORMAT: Schema = {
  name: "format",
  in: "query",
  description: "Form of the answer, whatever Accept says.",
  schema: { type: "string", enum: ["json", "html", "text"] },
};

/** Schemas by the name that they are referred to with. */
export const COMPONENTS: Readonly<Record<string, Schema>> = {
  ...(CONTRACT_SCHEMAS as Record<string, Schema>),
  ...TEACH_COMPONENTS,
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
  ModelIdentity: objectOf({ id: STRING, version: STRING, sha256: STRING, runtime: named("ModelRuntime") }, ["runtime"]),
  ModelRuntime: {
    ...objectOf({ name: STRING, version: STRING, reason: STRING }, ["reason"]),
    description: "What ran the model; with RUNTIME=auto, why it was this one where that is not the rule.",
  },
  AnsweredItem: {
    allOf: [
      named("Answer"),
      objectOf({ image: objectOf({ name: STRING }), model: named("ModelIdentity"), warnings: listOf(STRING) }, [
        "warnings",
      ]),
    ],
  },
  ExplainedItem: {
    allOf: [named("AnsweredItem"), objectOf({ request_id: STRING, explanation: named("Explanation") })],
  },
  FailedItem: objectOf({
    image: objectOf({ name: STRING }),
    model: objectOf({ id: STRING }),
    error: named("Problem"),
  }),
  InferAnswer: objectOf(
    {
      request_id: STRING,
      degraded: {
        const: true,
        description: "With fallback=empty: labels are missing that the service could not give.",
      },
      results: listOf({ anyOf: [named("AnsweredItem"), named("FailedItem")] }),
      error: { ...named("Problem"), description: "Why, where all of them are missing." },
    },
    ["degraded", "error"],
  ),
  DescribedModel: {
    allOf: [
      named("ModelIdentity"),
      named("ModelSpec"),
      objectOf({ confidence: { ...named("Confidence"), description: "Absent where the model says nothing of it." } }, [
        "confidence",
      ]),
    ],
  },
  ModelSummary: objectOf({
    id: STRING,
    versions: listOf(STRING),
    served: orNull(STRING),
    default: { type: "boolean" },
    registered: { type: "boolean" },
    state: { enum: ["available", "loading", "failed", "not fetched", "unloaded"] },
    loaded: { type: "boolean" },
    memory_bytes: orNull(COUNT),
    title: STRING,
    description: STRING,
    licence: STRING,
    classes: orNull(COUNT),
    input: objectOf({ width: orNull(COUNT), height: orNull(COUNT) }),
    accuracy: orNull(named("Accuracy")),
    problem: orNull(STRING),
    fetch: orNull(named("FetchState")),
  }),
  FetchState: objectOf({ received_bytes: COUNT, total_bytes: orNull(COUNT), problem: orNull(STRING) }),
  RightOf: objectOf({ right: COUNT, n: COUNT }),
  LabelledAnswer: {
    ...objectOf({ request_id: STRING, index: COUNT, label: STRING, answered: STRING, right: { type: "boolean" } }),
    description: "What an answer was, and what it should have been.",
  },
  AccuracyReport: {
    allOf: [
      named("Agreement"),
      objectOf({
        id: STRING,
        version: STRING,
        answers: COUNT,
        top5: named("RightOf"),
        bands: listOf({ allOf: [named("RightOf"), objectOf({ band: named("Band") })] }),
        days: listOf({ allOf: [named("RightOf"), objectOf({ day: { type: "string", format: "date" } })] }),
      }),
    ],
  },
  Readiness: objectOf({
    ready: { type: "boolean" },
    live: { const: true },
    reason: orNull(STRING),
    default_model: orNull(STRING),
    models_loaded: COUNT,
    held: objectOf({ requests: COUNT, waiting: COUNT, bytes: COUNT, connections: COUNT }),
    images_kept: objectOf({ count: COUNT, bytes: COUNT }),
    feedback: orNull(
      objectOf({
        store: { enum: ["sqlite", "postgresql"] },
        problem: orNull({ enum: STORE_PROBLEMS }),
        waiting: COUNT,
        dropped: COUNT,
        images_dropped: COUNT,
      }),
    ),
    models_store: orNull(
      objectOf({ problem: orNull(STRING), heard_seconds_ago: orNull({ type: "number", minimum: 0 }) }),
    ),
    engine: objectOf({
      kind: { enum: ["process", "addon", "remote", "fake"] },
      ready: { type: "boolean" },
      runtime: orNull(named("Runtime")),
      libtensorflow: orNull(STRING),
      kernels: orNull(STRING),
      sandbox: orNull(named("Sandbox")),
      cgroup: objectOf({ held: { type: "boolean" }, reason: orNull(STRING) }),
      programs: listOf(objectOf({ model: STRING, engine: STRING, sandbox: named("Sandbox") })),
    }),
  }),
};
