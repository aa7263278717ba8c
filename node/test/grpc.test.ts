/** The gRPC port through the library's own client, with fakes behind the app. */
import type { Client } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packBytes } from "../src/protocols/oip/message.js";
import { type FakeService, startFakeService } from "./support/fake-service.js";
import { type Answered, ask, methodOf, openClient } from "./support/grpc.js";

const SERVICE = "inference.GRPCInferenceService";

interface InferAnswer {
  readonly outputs: readonly { readonly name: string; readonly datatype: string }[];
  readonly raw_output_contents: readonly Buffer[];
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

describe("health", () => {
  const check = (name: string) => ask(client, "grpc.health.v1.Health/Check", { service: name });

  it.each(["", SERVICE])("of %j follows readiness", async (name) => {
    expect((await check(name)).answer).toEqual({ status: "SERVING" });
    service.readiness = { ...service.readiness, ready: false };
    await expect.poll(async () => (await check(name)).answer).toEqual({ status: "NOT_SERVING" });
    expect((await ask(client, `${SERVICE}/ServerReady`, {})).answer).toEqual({ ready: false });
    expect((await ask(client, `${SERVICE}/ServerLive`, {})).answer).toEqual({ live: true });
    service.readiness = { ...service.readiness, ready: true };
    await expect.poll(async () => (await check(name)).answer).toEqual({ status: "SERVING" });
  });

  it("of a service that is not here is NOT_FOUND", async () => {
    expect(await check("nope")).toMatchObject({
      status: "NOT_FOUND",
      trailers: { "x-request-id": expect.stringMatching(/./) },
    });
  });

  it("is told to whoever watches", async () => {
    const { requestSerialize, responseDeserialize } = methodOf("grpc.health.v1.Health/Watch");
    const take = (bytes: Buffer) => responseDeserialize(bytes);
    const watch = client.makeServerStreamRequest("/grpc.health.v1.Health/Watch", requestSerialize, take, {
      service: "",
    });
    const told: unknown[] = [];
    watch.on("data", (answer) => told.push(answer)).on("error", () => {});
    await expect.poll(() => told).toEqual([{ status: "SERVING" }]);
    service.readiness = { ...service.readiness, ready: false };
    await expect.poll(() => told).toEqual([{ status: "SERVING" }, { status: "NOT_SERVING" }]);
    service.readiness = { ...service.readiness, ready: true };
    watch.cancel();
  });
});

it.each(["v1", "v1alpha"])("reflection %s lists the services and describes them", async (version) => {
  const call = client.makeBidiStreamRequest(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes.toString("latin1"),
  );
  const answers: string[] = [];
  call.on("data", (text: string) => answers.push(text)).on("error", () => {});
  // list_services = 7, file_containing_symbol = 4.
  call.write(Buffer.concat([Buffer.from([0x3a, 1]), Buffer.from("*")]));
  call.write(Buffer.concat([Buffer.from([0x22, SERVICE.length]), Buffer.from(SERVICE)]));
  await expect.poll(() => answers.length).toBe(2);
  call.end();
  expect(answers[0]).toContain(SERVICE);
  expect(answers[0]).toContain("grpc.health.v1.Health");
  expect(answers[1]).toContain("ModelInferRequest");
  expect(answers[1]).toContain(".inference.ModelInferRequest.ParametersEntry");
  await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
});

describe("the Open Inference Protocol", () => {
  const infer = (request: object) => ask(client, `${SERVICE}/ModelInfer`, { model_name: "colours", ...request });
  const call = (name: string, request: object = {}) => ask(client, `${SERVICE}/${name}`, request);
  const pixels = Buffer.alloc(192, Buffer.from([0, 0, 255]));
  const PIXELS = { name: "pixels", datatype: "UINT8", shape: [1, 8, 8, 3] };
  const IMAGES = { name: "image", datatype: "BYTES", shape: [2] };
  const image = (text: string) => packBytes([Buffer.from(text)]);

  /** Label and hash of each image. */
  const labelsOf = ({ answer }: Answered) => {
    const { outputs, raw_output_contents: raws } = answer as InferAnswer;
    const text = raws[outputs.findIndex(({ name }) => name === "answer")] ?? Buffer.alloc(0);
    const labels: string[] = [];
    for (let at = 0; at < text.length; ) {
      const end = at + 4 + text.readUInt32LE(at);
      labels.push((JSON.parse(text.toString("utf8", at + 4, end)) as { label: string }).label);
      at = end;
    }
    return labels;
  };

  it("tells what it is, and the tensors of a model", async () => {
    const { answer } = await call("ServerMetadata");
    expect(answer).toMatchObject({ name: "menagerie", extensions: expect.arrayContaining(["model_repository"]) });
    const metadata = await call("ModelMetadata", { name: "colours" });
    const shape = (...axes: number[]) => axes.map((low) => expect.objectContaining({ low }));
    expect(metadata.answer).toEqual({
      name: "colours",
      versions: ["1"],
      platform: "tensorflow_graphdef",
      inputs: [{ name: "input", datatype: "FP32", shape: shape(-1, 8, 8, 3) }],
      outputs: [
        { name: "probabilities", datatype: "FP32", shape: shape(-1, 3) },
        { name: "answer", datatype: "BYTES", shape: shape(-1) },
      ],
    });
  });

  it.each([
    ["colours", "", { status: "OK", answer: { ready: true } }],
    ["colours", "1", { status: "OK", answer: { ready: true } }],
    ["damaged", "", { status: "OK", answer: { ready: false } }],
    ["colours", "7", { status: "NOT_FOUND", trailers: { "x-error-code": "version_unknown" } }],
    ["nope", "", { status: "NOT_FOUND", trailers: { "x-error-code": "model_unknown" } }],
  ])("says whether %s %s is ready", async (name, version, expected) => {
    expect(await call("ModelReady", { name, version })).toMatchObject(expected);
  });

  it("answers pixels with what the graph gives, and with what /infer says of them, raw or typed", async () => {
    const raw = await infer({ id: "mine", inputs: [PIXELS], raw_input_contents: [pixels] });
    const typed = await infer({ inputs: [{ ...PIXELS, contents: { uint_contents: [...pixels] } }] });
    expect(raw.answer).toMatchObject({ id: "mine", model_name: "colours", model_version: "1" });
    for (const { answer } of [raw, typed]) {
      const { outputs, raw_output_contents: raws } = answer as InferAnswer;
      expect(outputs.map(({ name, datatype }) => [name, datatype])).toEqual([
        ["probabilities", "FP32"],
        ["answer", "BYTES"],
      ]);
      expect(raws[0]?.readFloatLE(8)).toBeCloseTo(Math.E / (Math.E + 2), 5);
    }
    expect([labelsOf(raw), labelsOf(typed)]).toEqual([["blue"], ["blue"]]);
  });

  it("answers what the graph is fed, raw or typed", async () => {
    const values = Array.from({ length: 192 }, (_, index) => Number(index % 3 === 1));
    const input = { name: "input", datatype: "FP32", shape: [1, 8, 8, 3] };
    const raw = Buffer.from(Float32Array.from(values).buffer);
    expect(labelsOf(await infer({ inputs: [input], raw_input_contents: [raw] }))).toEqual(["green"]);
    expect(labelsOf(await infer({ inputs: [{ ...input, contents: { fp32_contents: values } }] }))).toEqual(["green"]);
  });

  it("answers encoded images, raw or typed", async () => {
    const raw = Buffer.concat([image("red"), image("blue")]);
    const contents = { bytes_contents: [Buffer.from("red"), Buffer.from("blue")] };
    expect(labelsOf(await infer({ inputs: [IMAGES], raw_input_contents: [raw] }))).toEqual(["red", "blue"]);
    expect(labelsOf(await infer({ inputs: [{ ...IMAGES, contents }] }))).toEqual(["red", "blue"]);
  });

  it("gives classes where they are asked for", async () => {
    const outputs = [{ name: "probabilities", parameters: { classification: { int64_param: 2 } } }];
    const { answer } = await infer({ inputs: [PIXELS], outputs, raw_input_contents: [pixels] });
    const [text = Buffer.alloc(0)] = (answer as InferAnswer).raw_output_contents;
    expect(text.toString("latin1", 4)).toMatch(/^0\.576117:2:blue/);
  });

  it.each<[string, object, string]>([
    ["no input", {}, "image_missing"],
    ["two inputs", { inputs: [PIXELS, PIXELS], raw_input_contents: [pixels, pixels] }, "field_invalid"],
    ["an input without contents", { inputs: [PIXELS] }, "field_invalid"],
    ["raw contents of no input", { inputs: [PIXELS], raw_input_contents: [pixels, pixels] }, "field_invalid"],
    ["contents twice", { inputs: [{ ...PIXELS, contents: {} }], raw_input_contents: [pixels] }, "field_invalid"],
    ["another datatype", { inputs: [{ ...PIXELS, datatype: "INT8" }], raw_input_contents: [pixels] }, "field_invalid"],
    [
      "a shape that is none",
      { inputs: [{ ...PIXELS, shape: [-1, 8, 8, 3] }], raw_input_contents: [pixels] },
      "field_invalid",
    ],
    [
      "an output that is not there",
      { inputs: [PIXELS], outputs: [{ name: "x" }], raw_input_contents: [pixels] },
      "field_invalid",
    ],
    ["a name as long as a book", { model_name: "x".repeat(2000) }, "field_invalid"],
    ["no image", { inputs: [{ ...IMAGES, shape: [1] }], raw_input_contents: [image("none")] }, "image_unsupported"],
    [
      "shared memory",
      { inputs: [{ ...PIXELS, parameters: { shared_memory_region: { string_param: "r" } } }] },
      "field_invalid",
    ],
    [
      "a model that is not there",
      { model_name: "nope", inputs: [PIXELS], raw_input_contents: [pixels] },
      "model_unknown",
    ],
  ])("refuses %s", async (_what, request, code) => {
    const { status, trailers, details } = await infer(request);
    expect([trailers["x-error-code"], details.length > 10]).toEqual([code, true]);
    expect(status).toBe(code === "model_unknown" ? "NOT_FOUND" : "INVALID_ARGUMENT");
  });

  it("lists the repository, and takes a model out of service and back", async () => {
    const states = async () => {
      const { answer } = await call("RepositoryIndex");
      return (answer as { models: { name: string; state: string }[] }).models.map(({ name, state }) => [name, state]);
    };
    expect(await states()).toEqual([
      ["colours", "READY"],
      ["listed", "UNAVAILABLE"],
      ["damaged", "UNAVAILABLE"],
    ]);
    expect((await call("RepositoryIndex", { ready: true })).answer).toMatchObject({ models: [{ name: "colours" }] });
    expect((await call("RepositoryModelUnload", { model_name: "colours" })).status).toBe("OK");
    expect((await states())[0]).toEqual(["colours", "UNAVAILABLE"]);
    expect(await infer({ inputs: [PIXELS], raw_input_contents: [pixels] })).toMatchObject({ status: "UNAVAILABLE" });
    expect((await call("RepositoryModelLoad", { model_name: "colours" })).status).toBe("OK");
    expect((await infer({ inputs: [PIXELS], raw_input_contents: [pixels] })).status).toBe("OK");
    const parameters = { config: { string_param: "{}" } };
    expect(await call("RepositoryModelLoad", { model_name: "colours", parameters })).toMatchObject({
      trailers: { "x-error-code": "field_invalid" },
    });
  });
});
