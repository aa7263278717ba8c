/** What OpenAPI says of the protocol's messages. */
import type { Schema } from "../../front/route.js";
import { listOf, objectOf, STRING } from "../../front/schema.js";

const ANYTHING: Schema = {};
const NUMBER: Schema = { type: "number" };
const mapOf = (schema: Schema): Schema => ({ type: "object", additionalProperties: schema });
/** Without the closing of our own bodies: what stands in it is checked where it is read. */
const open = (schema: Schema): Schema => ({ allOf: [schema] });
const SIGNATURE_NAME: Schema = { ...STRING, description: "serving_default where it is absent." };

export const PREDICT_REQUEST_SCHEMA = open(
  objectOf(
    {
      signature_name: SIGNATURE_NAME,
      instances: {
        type: "array",
        description: 'An item for each image: numbers, {"b64": …}, or an object that names it.',
      },
      inputs: { ...ANYTHING, description: "All images at once, or an object that names them." },
    },
    ["signature_name", "instances", "inputs"],
  ),
);
const ROWS = listOf({ anyOf: [NUMBER, listOf(NUMBER)] });
export const PREDICT_RESPONSE_SCHEMA: Schema = {
  anyOf: [objectOf({ predictions: ROWS }), objectOf({ outputs: ROWS })],
};

export const CLASSIFY_REQUEST_SCHEMA = open(
  objectOf({ signature_name: SIGNATURE_NAME, context: mapOf(ANYTHING), examples: listOf(mapOf(ANYTHING)) }, [
    "signature_name",
    "context",
  ]),
);
export const CLASSIFY_RESPONSE_SCHEMA = objectOf({
  results: listOf(listOf({ type: "array", items: { type: ["string", "number"] }, minItems: 2, maxItems: 2 })),
});

export const MODELS_SCHEMA = objectOf({ models: listOf(STRING) });

export const STATUS_SCHEMA = objectOf({
  model_version_status: listOf(
    objectOf({
      version: STRING,
      state: { enum: ["AVAILABLE", "END"] },
      status: objectOf({ error_code: { enum: ["OK", "UNAVAILABLE"] }, error_message: STRING }),
    }),
  ),
});

const TENSORS = mapOf(
  objectOf({
    dtype: { enum: ["DT_FLOAT", "DT_UINT8", "DT_STRING"] },
    tensor_shape: objectOf({
      dim: listOf(objectOf({ size: STRING, name: STRING })),
      unknown_rank: { type: "boolean" },
    }),
    name: STRING,
  }),
);
const SIGNATURES = mapOf(objectOf({ inputs: TENSORS, outputs: TENSORS, method_name: STRING }));
export const METADATA_SCHEMA = objectOf({
  model_spec: objectOf({ name: STRING, signature_name: STRING, version: STRING }),
  metadata: objectOf({ signature_def: objectOf({ signature_def: SIGNATURES }) }),
});
