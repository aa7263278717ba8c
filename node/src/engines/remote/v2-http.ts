/**
 * The Open Inference Protocol, version 2, over HTTP, as its client: tensors as they are where the server offers that
 * (`binary_tensor_data`), else as JSON.
 * https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
import { z } from "zod";
import { AppError } from "../../errors.js";
import type { Runtime } from "../../generated/contract.js";
import { FACTS_BYTES_MAX, type HttpClient, refusedWith, told } from "./http-client.js";
import type { RemoteName } from "./names.js";
import type { Fetched, RemoteServer, Run, ToldModel } from "./server.js";
import type { Form } from "./thread-calls.js";

const JSON_LENGTH_HEADER = "inference-header-content-length";
const BINARY = "binary_tensor_data";

const NAME = z.string().max(1000);
const SERVER = z.object({ name: NAME, version: NAME.default(""), extensions: z.array(NAME).max(100).default([]) });
const TENSOR = z.object({ name: NAME, datatype: NAME, shape: z.array(z.coerce.number().int()).max(16).nullish() });
const MODEL = z.object({
  versions: z.array(NAME).max(10_000).nullish(),
  inputs: z.array(TENSOR).max(100).nullish(),
  outputs: z.array(TENSOR).max(100).nullish(),
});
const ANSWER_HEAD = z.object({
  outputs: z
    .array(
      z.object({
        name: NAME,
        datatype: NAME,
        parameters: z.object({ binary_data_size: z.number().int().min(0).optional() }).nullish(),
      }),
    )
    .max(100),
});

export function v2OverHttp(http: HttpClient): RemoteServer {
  let form: Form = "flat";
  return {
    get form() {
      return form;
    },
    async probe(msMax): Promise<Runtime> {
      const facts = { bytesMax: FACTS_BYTES_MAX, msMax };
      const [ready, server] = await Promise.all([
        http.ask({ path: "/v2/health/ready", ...facts }),
        http.askJson({ path: "/v2", ...facts }),
      ]);
      if (ready.status !== 200) {
        throw new AppError("engine_unavailable", `The remote server is not ready (${ready.status}).`);
      }
      const { name, version, extensions } = told("answer to /v2", () => SERVER.parse(server));
      form = extensions.includes(BINARY) ? "raw" : "flat";
      return { name, version };
    },
    async describe(model, msMax): Promise<ToldModel> {
      const answered = await http.askJson({ path: pathOf(model), bytesMax: FACTS_BYTES_MAX, msMax });
      const { versions, inputs, outputs } = told(`metadata of ${model.name}`, () => MODEL.parse(answered));
      const tensors = (list: typeof inputs) => (list ?? []).map((one) => ({ ...one, shape: one.shape ?? null }));
      return { versions: versions ?? [], inputs: tensors(inputs), outputs: tensors(outputs) };
    },
    async run(run): Promise<Fetched> {
      const { body, headers } = messageOf(run);
      const path = `${pathOf(run.model)}/infer`;
      const answered = await http.ask({ path, body, headers, bytesMax: run.bytesMax, msMax: run.msMax });
      if (answered.status !== 200) throw refusedWith(answered);
      const length = answered.headers[JSON_LENGTH_HEADER];
      return length === undefined ? { json: answered.body } : rawOf(answered.body, Number(length), run.output);
    },
    close: () => http.close(),
  };
}

function pathOf({ name, version }: RemoteName): string {
  const path = `/v2/models/${encodeURIComponent(name)}`;
  return version === null ? path : `${path}/versions/${encodeURIComponent(version)}`;
}

function messageOf({ input, values, form, output }: Run) {
  const isRaw = form === "raw";
  const outputs =
    output === null ? {} : { outputs: [{ name: output, ...(isRaw ? binary({ binary_data: true }) : {}) }] };
  if (isRaw) {
    const inputs = [{ ...input, ...binary({ binary_data_size: values.length }) }];
    const head = Buffer.from(JSON.stringify({ ...binary({ binary_data_output: true }), inputs, ...outputs }));
    return {
      body: [head, values],
      headers: { "content-type": "application/octet-stream", "Inference-Header-Content-Length": String(head.length) },
    };
  }
  // The values are JSON already.
  const before = `{"inputs":[${JSON.stringify(input).slice(0, -1)},"data":`;
  const after = output === null ? "}]}" : `}],${JSON.stringify(outputs).slice(1)}`;
  return {
    body: [Buffer.from(before), values, Buffer.from(after)],
    headers: { "content-type": "application/json" },
  };
}

function binary(parameters: object): object {
  return { parameters };
}

/** The part of the body that is the output; `output` is as in `Run`. @throws AppError `engine_failed`. */
function rawOf(body: Buffer, jsonBytes: number, wanted: string | null): Fetched {
  const wrong = (cause?: unknown) =>
    new AppError("engine_failed", "The remote server's answer is not what its own head says.", { cause });
  if (!Number.isInteger(jsonBytes) || jsonBytes < 0 || jsonBytes > body.length) throw wrong();
  let head: z.infer<typeof ANSWER_HEAD>;
  try {
    head = ANSWER_HEAD.parse(JSON.parse(body.toString("utf8", 0, jsonBytes)));
  } catch (error) {
    throw wrong(error);
  }
  let at = jsonBytes;
  for (const { name, datatype, parameters } of head.outputs) {
    const bytes = parameters?.binary_data_size;
    const isWanted = wanted === null || name === wanted;
    if (bytes === undefined) {
      // Some of the outputs may come as JSON all the same.
      if (isWanted) return { json: body.subarray(0, jsonBytes) };
      continue;
    }
    if (isWanted && at + bytes <= body.length) return { raw: body.subarray(at, at + bytes), datatype };
    at += bytes;
  }
  throw wrong();
}
