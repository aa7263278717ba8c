/**
 * TensorFlow Serving's REST API, as its client: tensors as JSON, in columns (`inputs`, `outputs`).
 * https://www.tensorflow.org/tfx/serving/api_rest
 */
import { z } from "zod";
import { AppError } from "../../errors.js";
import { FACTS_BYTES_MAX, type HttpClient, refusedWith, told } from "./http-client.js";
import type { RemoteName } from "./names.js";
import type { RemoteServer, ToldTensor } from "./server.js";

const SIGNATURE = "serving_default";
/** `DataType` of TensorFlow, as the Open Inference Protocol has it. */
const DATATYPES: Readonly<Record<string, string>> = {
  DT_FLOAT: "FP32",
  DT_DOUBLE: "FP64",
  DT_UINT8: "UINT8",
  DT_INT32: "INT32",
  DT_INT64: "INT64",
};

const NAME = z.string().max(1000);
const STATUS = z.object({
  model_version_status: z.array(z.object({ version: NAME, state: NAME })).max(10_000),
});
const TENSORS = z.record(
  NAME,
  z.object({
    dtype: NAME,
    tensor_shape: z
      .object({
        dim: z
          .array(z.object({ size: z.coerce.number().int() }))
          .max(16)
          .default([]),
        unknown_rank: z.boolean().default(false),
      })
      .default({ dim: [], unknown_rank: false }),
  }),
);
const METADATA = z.object({
  metadata: z.object({
    signature_def: z.object({
      signature_def: z.object({ [SIGNATURE]: z.object({ inputs: TENSORS, outputs: TENSORS }) }),
    }),
  }),
});

/** TensorFlow Serving does not say its version. */
const RUNTIME = { name: "TensorFlow Serving", version: "" };

export function tfServingOverHttp(http: HttpClient): RemoteServer {
  return {
    form: "nested",
    async probe(msMax) {
      // There is no question of the whole server: whatever it answers to this, it answers.
      const { status } = await http.ask({ path: "/v1/models", bytesMax: FACTS_BYTES_MAX, msMax });
      if (status >= 500) throw new AppError("engine_unavailable", `The remote server is not ready (${status}).`);
      return RUNTIME;
    },
    async describe(model, msMax) {
      const facts = { bytesMax: FACTS_BYTES_MAX, msMax };
      const [status, metadata] = await Promise.all([
        http.askJson({ path: pathOf(model), ...facts }),
        http.askJson({ path: `${pathOf(model)}/metadata`, ...facts }),
      ]);
      const what = `metadata of ${model.name}`;
      const versions = told(what, () => STATUS.parse(status)).model_version_status;
      const { [SIGNATURE]: signature } = told(what, () => METADATA.parse(metadata)).metadata.signature_def
        .signature_def;
      return {
        versions: versions.filter(({ state }) => state === "AVAILABLE").map(({ version }) => version),
        inputs: tensorsOf(signature.inputs),
        outputs: tensorsOf(signature.outputs),
      };
    },
    async run({ model, input, values, bytesMax, msMax }) {
      const before = `{"signature_name":"${SIGNATURE}","inputs":{${JSON.stringify(input.name)}:`;
      // The values are JSON already.
      const body = [Buffer.from(before), values, Buffer.from("}}")];
      const headers = { "content-type": "application/json" };
      const answered = await http.ask({ path: `${pathOf(model)}:predict`, body, headers, bytesMax, msMax });
      if (answered.status !== 200) throw refusedWith(answered);
      return { json: answered.body };
    },
    close: () => http.close(),
  };
}

function pathOf({ name, version }: RemoteName): string {
  const path = `/v1/models/${encodeURIComponent(name)}`;
  return version === null ? path : `${path}/versions/${encodeURIComponent(version)}`;
}

function tensorsOf(tensors: z.infer<typeof TENSORS>): ToldTensor[] {
  return Object.entries(tensors).map(
    ([
      name,
      {
        dtype,
        tensor_shape: { dim, unknown_rank: isUnknown },
      },
    ]) => ({
      name,
      datatype: DATATYPES[dtype] ?? dtype,
      shape: isUnknown ? null : dim.map(({ size }) => size),
    }),
  );
}
