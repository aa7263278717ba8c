/**
 * Messages as TensorFlow Serving's REST API carries them, written: protobuf's JSON, in which whole numbers of 64 bits are texts.
 * https://www.tensorflow.org/tfx/serving/api_rest
 */

import type { TensorMetadata } from "../../tensors.js";
import type { InferResponse } from "../oip/message.js";
import type { ModelMetadata } from "../oip/metadata.js";
import type { Classified } from "./classify.js";
import type { PredictFormat } from "./rest-request.js";
import { type Signature, signaturesOf } from "./signatures.js";
import type { VersionStatus } from "./status.js";

/** `DataType` of TensorFlow. */
const DTYPES: Readonly<Record<string, string>> = { FP32: "DT_FLOAT", UINT8: "DT_UINT8", BYTES: "DT_STRING" };

/** The graph's own output alone: of several a client would get an object in place of the values. */
export function writePredict({ outputs: [output] }: InferResponse, format: PredictFormat): object {
  const [, width = 1] = output?.shape ?? [];
  const values = output?.values instanceof Float32Array ? Array.from(output.values) : [];
  // A tensor with one value for each image is a list of them.
  const rows = width === 1 ? values : chunks(values, width);
  return format === "row" ? { predictions: rows } : { outputs: rows };
}

export function writeClassify({ results }: Classified): object {
  return { results: results.map((best) => best.map(({ label, score }) => [label, score])) };
}

export function writeStatus(statuses: readonly VersionStatus[]): object {
  return {
    model_version_status: statuses.map(({ version, state, problem }) => ({
      version,
      state,
      status: { error_code: problem === null ? "OK" : "UNAVAILABLE", error_message: problem ?? "" },
    })),
  };
}

export function writeMetadata(metadata: ModelMetadata, version: string): object {
  const written = Object.entries(signaturesOf(metadata)).map(([name, signature]) => [name, writeSignature(signature)]);
  return {
    model_spec: { name: metadata.name, signature_name: "", version },
    metadata: { signature_def: { signature_def: Object.fromEntries(written) } },
  };
}

function writeSignature({ method, inputs, outputs }: Signature): object {
  return { inputs: writeTensors(inputs), outputs: writeTensors(outputs), method_name: method };
}

function writeTensors(tensors: readonly TensorMetadata[]): object {
  const written = tensors.map(({ name, datatype, shape }) => {
    const dim = shape.map((size) => ({ size: String(size), name: "" }));
    return [name, { dtype: DTYPES[datatype], tensor_shape: { dim, unknown_rank: false }, name: `${name}:0` }];
  });
  return Object.fromEntries(written);
}

function chunks(values: readonly number[], width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
}
