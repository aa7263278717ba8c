/** TensorFlow Serving's `PredictionService` over gRPC, with fakes behind it. */
import type { Client } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeService, startFakeService } from "./support/fake-service.js";
import { type Answered, ask, openClient } from "./support/grpc.js";

const SERVICE = "tensorflow.serving.PredictionService";
const [FLOAT, UINT8, STRING] = [1, 4, 7];

interface Tensor {
  readonly dtype: number;
  readonly float_val: readonly number[];
  readonly string_val: readonly Buffer[];
}

let service: FakeService;
let client: Client;
beforeAll(async () => {
  service = await startFakeService();
  client = openClient(await service.openGrpc());
});
afterAll(async () => {
  client.close();
  await service.close();
});

const SPEC = { name: "colours", signature_name: "serving_default" };
const call = (name: string, request: object) => ask(client, `${SERVICE}/${name}`, { model_spec: SPEC, ...request });
const predict = (inputs: object, more: object = {}) => call("Predict", { inputs, ...more });
const shapeOf = (...axes: number[]) => ({ dim: axes.map((size) => ({ size })) });
const images = (...texts: string[]) => ({
  dtype: STRING,
  tensor_shape: shapeOf(texts.length),
  string_val: texts.map((text) => Buffer.from(text)),
});
const example = (feature: Record<string, string[]>) => ({
  features: {
    feature: Object.fromEntries(
      Object.entries(feature).map(([name, texts]) => [
        name,
        { bytes_list: { value: texts.map((text) => Buffer.from(text)) } },
      ]),
    ),
  },
});
const outputsOf = ({ answer }: Answered) => (answer as { outputs: Record<string, Tensor> }).outputs;
const labelsOf = (answered: Answered) =>
  outputsOf(answered)["answer"]?.string_val.map((text) => (JSON.parse(text.toString()) as { label: string }).label);

describe("Predict", () => {
  it("takes encoded images as TensorFlow Serving's own example sends them", async () => {
    const answered = await predict({ image_bytes: images("red", "blue") });
    expect(answered.answer).toMatchObject({
      model_spec: { name: "colours", signature_name: "serving_default", version: { value: { low: 1 } } },
      outputs: { probabilities: { dtype: FLOAT, tensor_shape: { dim: [{ size: { low: 2 } }, { size: { low: 3 } }] } } },
    });
    const scores = outputsOf(answered)["probabilities"]?.float_val ?? [];
    expect([scores.length, scores[0]?.toFixed(4), scores[5]?.toFixed(4)]).toEqual([6, "0.5761", "0.5761"]);
    expect(labelsOf(answered)).toEqual(["red", "blue"]);
  });

  it("takes one image that has no shape", async () => {
    expect(labelsOf(await predict({ image_bytes: { dtype: STRING, string_val: [Buffer.from("red")] } }))).toEqual([
      "red",
    ]);
  });

  it("takes what the graph is fed, and pixels: as they are, typed, or one value for all", async () => {
    const tensor_shape = shapeOf(1, 8, 8, 3);
    const green = Array.from({ length: 192 }, (_, index) => Number(index % 3 === 1));
    const raw = Buffer.from(Float32Array.from(green).buffer);
    expect(labelsOf(await predict({ input: { dtype: FLOAT, tensor_shape, tensor_content: raw } }))).toEqual(["green"]);
    expect(labelsOf(await predict({ input: { dtype: FLOAT, tensor_shape, float_val: green } }))).toEqual(["green"]);
    const blue = Buffer.alloc(192, Buffer.from([0, 0, 255]));
    expect(labelsOf(await predict({ pixels: { dtype: UINT8, tensor_shape, tensor_content: blue } }))).toEqual(["blue"]);
    expect(labelsOf(await predict({ pixels: { dtype: UINT8, tensor_shape, int_val: [...blue] } }))).toEqual(["blue"]);
    const same = await predict({ pixels: { dtype: UINT8, tensor_shape, int_val: [7] } });
    expect(outputsOf(same)["probabilities"]?.float_val.map((score) => score.toFixed(3))).toEqual([
      "0.333",
      "0.333",
      "0.333",
    ]);
  });

  it("gives the outputs that are wanted alone", async () => {
    const answered = await predict({ image_bytes: images("red") }, { output_filter: ["probabilities"] });
    expect(Object.keys(outputsOf(answered))).toEqual(["probabilities"]);
  });

  it.each<[string, object, object, string]>([
    ["no input", {}, {}, "image_missing"],
    ["no image", { image_bytes: images("none") }, {}, "image_unsupported"],
    ["an input that is not there", { nope: images("red") }, {}, "field_invalid"],
    ["another dtype", { input: { dtype: 9 } }, {}, "field_invalid"],
    ["an output that is not there", { image_bytes: images("red") }, { output_filter: ["nope"] }, "field_invalid"],
    [
      "a signature that is not there",
      { image_bytes: images("red") },
      { model_spec: { ...SPEC, signature_name: "nope" } },
      "field_invalid",
    ],
    ["a model that is not there", { image_bytes: images("red") }, { model_spec: { name: "nope" } }, "model_unknown"],
    [
      "a version that is not there",
      { image_bytes: images("red") },
      { model_spec: { name: "colours", version: { value: 7 } } },
      "version_unknown",
    ],
    [
      "a label that is not there",
      { image_bytes: images("red") },
      { model_spec: { name: "colours", version_label: "x" } },
      "version_unknown",
    ],
    ["no model", { image_bytes: images("red") }, { model_spec: null }, "model_unknown"],
  ])("refuses %s", async (_what, inputs, more, code) => {
    expect((await predict(inputs, more)).trailers["x-error-code"]).toBe(code);
  });
});

describe("Classify", () => {
  const classify = (...examples: object[]) => call("Classify", { input: { example_list: { examples } } });

  it("gives the best classes of each example, best first", async () => {
    const { answer } = await classify(example({ "image/encoded": ["red"], other: ["x"] }), example({ any: ["blue"] }));
    const { result } = answer as { result: { classifications: { classes: { label: string; score: number }[] }[] } };
    const best = result.classifications.map(({ classes }) => [
      classes.length,
      classes[0]?.label,
      classes[0]?.score.toFixed(4),
    ]);
    expect(best).toEqual([
      [3, "red", "0.5761"],
      [3, "blue", "0.5761"],
    ]);
  });

  it.each<[string, object[], string]>([
    ["no example", [], "image_missing"],
    ["an example without a feature", [{}], "image_missing"],
    ["an example of which nobody knows the image", [example({ a: ["red"], b: ["blue"] })], "field_invalid"],
    ["an example of two images", [example({ image_bytes: ["red", "blue"] })], "field_invalid"],
    ["what is no image", [example({ image_bytes: ["none"] })], "image_unsupported"],
  ])("refuses %s", async (_what, examples, code) => {
    expect((await classify(...examples)).trailers["x-error-code"]).toBe(code);
  });
});

describe("GetModelMetadata", () => {
  it("gives the signatures, each with its tensors", async () => {
    const { answer } = await call("GetModelMetadata", { metadata_field: ["signature_def"] });
    const { metadata, model_spec } = answer as {
      metadata: Record<string, { type_url: string; value: Buffer }>;
      model_spec: object;
    };
    expect(model_spec).toMatchObject({ name: "colours", version: { value: { low: 1 } } });
    expect(metadata["signature_def"]?.type_url).toBe("type.googleapis.com/tensorflow.serving.SignatureDefMap");
    const text = metadata["signature_def"]?.value.toString("latin1") ?? "";
    for (const word of ["serving_default", "image_bytes", "pixels", "tensorflow/serving/classify", "probabilities:0"]) {
      expect(text).toContain(word);
    }
  });

  it.each([[[]], [["nope"]], [["signature_def", "more"]]])("refuses the fields %j", async (metadata_field) => {
    expect((await call("GetModelMetadata", { metadata_field })).trailers["x-error-code"]).toBe("field_invalid");
  });
});
