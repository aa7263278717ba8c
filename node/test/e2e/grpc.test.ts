/** One photo by every way into the gRPC port, on the real engine: the same answer as by `POST /infer`. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@grpc/grpc-js";
import { openImages } from "@menagerie/wasm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { ModelSpec } from "../../src/generated/contract.js";
import { packBytes } from "../../src/protocols/oip/message.js";
import { type Answered, ask, openClient } from "../support/grpc.js";
import { type RunningServer, startServer } from "../support/server.js";

const MODEL = "flowers5";
const INFER = "inference.GRPCInferenceService/ModelInfer";
const PREDICT = "tensorflow.serving.PredictionService/Predict";
const CLASSIFY = "tensorflow.serving.PredictionService/Classify";

interface Answer {
  readonly label: string;
  readonly index: number;
  readonly probability: number;
  readonly input: { readonly sha256: string };
}

let server: RunningServer;
let client: Client;
let photo: Uint8Array<ArrayBuffer>;
let spec: ModelSpec;
let pixels: Buffer;
let expected: Answer;

beforeAll(async () => {
  server = await startServer({ MODELS_DIR: join(ROOT_DIR, "models"), GRPC_PORT: "0" });
  client = openClient(/ and gRPC (\S+)/.exec(server.announcement)?.[1] ?? "");
  photo = new Uint8Array(await readFile(join(ROOT_DIR, "models/samples/daisy-2.jpg")));
  spec = (await (await fetch(`${server.url}/api/models/${MODEL}`)).json()) as ModelSpec;
  pixels = Buffer.from((await openImages()).model(spec).prepare(photo).pixels);
  const headers = { "content-type": "image/jpeg", accept: "application/json" };
  const answer = await fetch(`${server.url}/infer?model=${MODEL}`, { method: "POST", body: photo, headers });
  [expected] = ((await answer.json()) as { results: [Answer] }).results;
}, 60_000);
afterAll(async () => {
  client.close();
  await server.stop();
});

const pixelShape = () => [1, spec.input.height, spec.input.width, 3];
const dims = (axes: readonly number[]) => ({ dim: axes.map((size) => ({ size })) });
const same = () => ({
  label: expected.label,
  index: expected.index,
  probability: expected.probability,
  input: { sha256: expected.input.sha256 },
});

/** What the graph is fed of these pixels: its channels are R, G, B, and last. */
function fed(): Float32Array<ArrayBuffer> {
  const { mean, std } = spec.input;
  const at = (values: readonly number[], index: number) => Math.fround(values[index % values.length] ?? 0);
  return Float32Array.from(pixels, (pixel, index) => Math.fround(pixel - at(mean, index)) / at(std, index));
}

function answerOfInfer({ answer, details }: Answered): Answer {
  const { outputs, raw_output_contents: raws } = answer as {
    outputs: { name: string }[];
    raw_output_contents: Buffer[];
  };
  expect(details).toBe("OK");
  const text = raws[outputs.findIndex(({ name }) => name === "answer")];
  return JSON.parse(text?.toString("utf8", 4) ?? "") as Answer;
}

describe("one photo", () => {
  it.each<[string, () => object]>([
    [
      "encoded",
      () => ({ inputs: [{ name: "image", datatype: "BYTES", shape: [1] }], raw_input_contents: [packBytes([photo])] }),
    ],
    [
      "as pixels",
      () => ({ inputs: [{ name: "pixels", datatype: "UINT8", shape: pixelShape() }], raw_input_contents: [pixels] }),
    ],
    [
      "as typed pixels",
      () => ({
        inputs: [{ name: "pixels", datatype: "UINT8", shape: pixelShape(), contents: { uint_contents: [...pixels] } }],
      }),
    ],
  ])("%s, has the label, the probability and the hash of /infer by ModelInfer", async (_way, message) => {
    expect(answerOfInfer(await ask(client, INFER, { model_name: MODEL, ...message() }))).toMatchObject(same());
  });

  it("as the graph is fed it has the label and the probability of /infer by ModelInfer", async () => {
    const inputs = [{ name: spec.input.tensor, datatype: "FP32", shape: pixelShape() }];
    const message = { model_name: MODEL, inputs, raw_input_contents: [Buffer.from(fed().buffer)] };
    const { label, index, probability } = same();
    expect(answerOfInfer(await ask(client, INFER, message))).toMatchObject({ label, index, probability });
  });

  it.each<[string, () => object]>([
    ["encoded", () => ({ image_bytes: { dtype: 7, tensor_shape: dims([1]), string_val: [photo] } })],
    ["as pixels", () => ({ pixels: { dtype: 4, tensor_shape: dims(pixelShape()), tensor_content: pixels } })],
  ])("%s, has the label, the probability and the hash of /infer by Predict", async (_way, inputs) => {
    const { answer, details } = await ask(client, PREDICT, { model_spec: { name: MODEL }, inputs: inputs() });
    expect(details).toBe("OK");
    const { outputs } = answer as { outputs: { answer: { string_val: Buffer[] } } };
    expect(JSON.parse(outputs.answer.string_val[0]?.toString() ?? "")).toMatchObject(same());
  });

  it("has the label and the probability of /infer by Classify", async () => {
    const feature = { "image/encoded": { bytes_list: { value: [photo] } } };
    const input = { example_list: { examples: [{ features: { feature } }] } };
    const { answer } = await ask(client, CLASSIFY, { model_spec: { name: MODEL }, input });
    const { result } = answer as { result: { classifications: [{ classes: { label: string; score: number }[] }] } };
    const [best] = result.classifications[0].classes;
    expect([best?.label, best?.score]).toEqual([expected.label, Math.fround(expected.probability)]);
  });
});

it("a stop ends the port, and the process, while a client keeps its connection", async () => {
  const health = async () => (await ask(client, "grpc.health.v1.Health/Check", { service: "" })).answer;
  await expect.poll(health).toEqual({ status: "SERVING" });
  expect(await server.stop()).toBe(0);
  const { status } = await ask(client, "inference.GRPCInferenceService/ServerLive", {});
  expect(status).toBe("UNAVAILABLE");
});
