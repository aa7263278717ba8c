/** What OpenAPI says of the protocol's messages. */
import type { Schema } from "../../front/route.js";
import { COUNT, listOf, objectOf, STRING } from "../../front/schema.js";

const BOOLEAN: Schema = { type: "boolean" };
const SHAPE = listOf({ type: "integer" });
const PARAMETERS: Schema = { type: "object", additionalProperties: true };
/** Other fields are passed over. */
const open = (schema: Schema): Schema => ({ allOf: [schema] });

export const SERVER_METADATA_SCHEMA = objectOf({ name: STRING, version: STRING, extensions: listOf(STRING) });

const TENSOR_METADATA = objectOf({ name: STRING, datatype: STRING, shape: SHAPE });

export const MODEL_METADATA_SCHEMA = objectOf({
  name: STRING,
  versions: listOf(STRING),
  platform: STRING,
  inputs: listOf(TENSOR_METADATA),
  alternative_inputs: { ...listOf(TENSOR_METADATA), description: "What a request may have in place of the input." },
  outputs: listOf(TENSOR_METADATA),
});

export const MODEL_READY_SCHEMA = objectOf({ name: STRING, ready: { const: true } });

export const INFER_REQUEST_SCHEMA = open(
  objectOf(
    {
      id: STRING,
      parameters: { ...PARAMETERS, description: "binary_data_output: whether outputs follow the JSON as they are." },
      inputs: listOf(
        objectOf(
          {
            name: STRING,
            datatype: { enum: ["FP32", "UINT8", "BYTES"] },
            shape: SHAPE,
            parameters: { ...PARAMETERS, description: "binary_data_size: bytes after the JSON, in place of data." },
            data: { type: "array", description: "Numbers, nested or not; of BYTES images in base64." },
          },
          ["parameters", "data"],
        ),
      ),
      outputs: listOf(
        objectOf(
          {
            name: STRING,
            parameters: {
              ...PARAMETERS,
              description: "binary_data; classification: so many texts score:index:label in place of the tensor.",
            },
          },
          ["parameters"],
        ),
      ),
    },
    ["id", "parameters", "outputs"],
  ),
);

export const INFER_RESPONSE_SCHEMA = objectOf(
  {
    id: STRING,
    model_name: STRING,
    model_version: STRING,
    outputs: listOf(
      objectOf(
        {
          name: STRING,
          datatype: { enum: ["FP32", "BYTES"] },
          shape: SHAPE,
          parameters: objectOf({ binary_data_size: COUNT }),
          data: { type: "array", items: { type: ["number", "string"] } },
        },
        ["parameters", "data"],
      ),
    ),
  },
  ["id"],
);

export const INDEX_REQUEST_SCHEMA = open(objectOf({ ready: BOOLEAN }, ["ready"]));
export const INDEX_SCHEMA = listOf(
  objectOf({ name: STRING, version: STRING, state: { enum: ["READY", "LOADING", "UNAVAILABLE"] }, reason: STRING }),
);
export const REPOSITORY_REQUEST_SCHEMA = open(objectOf({ parameters: PARAMETERS }, ["parameters"]));
