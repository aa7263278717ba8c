/** The Open Inference Protocol over REST, with fakes behind it: what is taken, what is answered, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packBytes } from "../src/protocols/oip/message.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const RED = Buffer.from("red");
const GREEN = Buffer.from("green");
/** Softmax of 1, 0, 0. */
const WINNER = Math.E / (Math.E + 2);
const PIXELS = { name: "pixels", datatype: "UINT8", shape: [1, 8, 8, 3] };
const IMAGE = { name: "image", datatype: "BYTES", shape: [1] };
const bluePixels = Array.from({ length: 64 }, () => [0, 0, 255]).flat();

describe("the Open Inference Protocol", () => {
  let service: FakeService;
  beforeAll(async () => {
    service = await startFakeService({ requestsPerWindowMax: 1000, imagesPerRequestMax: 3, requestBytesMax: 100_000 });
  });
  afterAll(async () => {
    await service.close();
  });

  const ask = (path: string, init: RequestInit = {}) => fetch(`${service.url}/v2${path}`, init);
  const answer = async (path: string, init: RequestInit = {}) => {
    const response = await ask(path, init);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const infer = (message: object, model = "colours") =>
    answer(`/models/${model}/infer`, { method: "POST", body: JSON.stringify(message) });
  const binary = (message: object, ...raws: Uint8Array[]) => {
    const json = Buffer.from(JSON.stringify(message));
    const headers = { "inference-header-content-length": String(json.length) };
    return ask("/models/colours/infer", { method: "POST", body: Buffer.concat([json, ...raws]), headers });
  };

  it("tells that it lives, is ready, and what it is", async () => {
    expect(await answer("/health/live")).toEqual({ status: 200, body: { live: true } });
    expect(await answer("/health/ready")).toEqual({ status: 200, body: { live: true, ready: true } });
    const { body } = await answer("");
    expect(body).toMatchObject({ name: "menagerie", extensions: expect.arrayContaining(["binary_tensor_data"]) });
    const ready = service.readiness;
    service.readiness = { ...ready, ready: false };
    expect(await answer("/health/ready")).toEqual({ status: 503, body: { live: true, ready: false } });
    service.readiness = ready;
  });

  it.each(["/models/colours", "/models/colours/versions/1"])("tells the tensors of a model at %s", async (path) => {
    const { body } = await answer(path);
    expect(body).toEqual({
      name: "colours",
      versions: ["1"],
      platform: "tensorflow_graphdef",
      inputs: [{ name: "input", datatype: "FP32", shape: [-1, 8, 8, 3] }],
      alternative_inputs: [
        { name: "pixels", datatype: "UINT8", shape: [-1, 8, 8, 3] },
        { name: "image", datatype: "BYTES", shape: [-1] },
      ],
      outputs: [
        { name: "probabilities", datatype: "FP32", shape: [-1, 3] },
        { name: "answer", datatype: "BYTES", shape: [-1] },
      ],
    });
    expect((await answer(`${path}/ready`)).body).toEqual({ name: "colours", ready: true });
  });

  it.each([
    ["/models/nope", "model_unknown"],
    ["/models/nope/ready", "model_unknown"],
    ["/models/colours/versions/7", "version_unknown"],
    ["/models/colours/versions/7/ready", "version_unknown"],
    ["/models/listed/ready", "engine_unavailable"],
    ["/models/damaged/ready", "engine_unavailable"],
  ])("%s is %s, with the reason where its clients look for it", async (path, code) => {
    const { body } = await answer(path);
    expect(body).toMatchObject({ code, error: body["detail"] });
  });

  it("answers pixels with what the graph gives, and with what /infer says of them", async () => {
    const { status, body } = await infer({ id: "mine", inputs: [{ ...PIXELS, data: bluePixels }] });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: "mine", model_name: "colours", model_version: "1" });
    const [graph, text] = body["outputs"] as [{ data: number[] }, { data: string[] }];
    expect(graph).toMatchObject({ name: "probabilities", datatype: "FP32", shape: [1, 3] });
    expect(graph.data[2]).toBeCloseTo(WINNER, 5);
    expect(text).toMatchObject({ name: "answer", datatype: "BYTES", shape: [1] });
    expect(JSON.parse(text.data[0] ?? "")).toMatchObject({
      label: "blue",
      model: { id: "colours" },
      image: { name: "pixels[0]" },
      input: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
  });

  it("answers what the graph is fed, nested or flat, image by image", async () => {
    const image = (channel: number) =>
      Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => [0, 1, 2].map((at) => Number(at === channel))));
    const input = { name: "input", datatype: "FP32", shape: [2, 8, 8, 3] };
    for (const data of [[image(1), image(0)], [image(1), image(0)].flat(3)]) {
      const { body } = await infer({ inputs: [{ ...input, data }], outputs: [{ name: "probabilities" }] });
      expect(body).not.toHaveProperty("id");
      const [graph, ...others] = body["outputs"] as { data: number[]; shape: number[] }[];
      expect(others).toEqual([]);
      expect(graph?.shape).toEqual([2, 3]);
      expect([graph?.data[1], graph?.data[3]].map((score) => score?.toFixed(4))).toEqual(["0.5761", "0.5761"]);
    }
  });

  it("answers encoded images in base64, several at once", async () => {
    const data = [RED, GREEN].map((image) => image.toString("base64"));
    const { body } = await infer({ inputs: [{ ...IMAGE, shape: [2], data }], outputs: [{ name: "answer" }] });
    const [text] = body["outputs"] as { data: string[] }[];
    expect(text?.data.map((item) => JSON.parse(item).label)).toEqual(["red", "green"]);
  });

  it("takes and gives tensors as they are behind the JSON", async () => {
    const raw = packBytes([GREEN, RED]);
    const input = { ...IMAGE, shape: [2, 1], parameters: { binary_data_size: raw.length } };
    const outputs = [{ name: "answer", parameters: { binary_data: false } }, { name: "probabilities" }];
    const response = await binary({ inputs: [input], outputs, parameters: { binary_data_output: true } }, raw);
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    const jsonBytes = Number(response.headers.get("inference-header-content-length"));
    const body = Buffer.from(await response.arrayBuffer());
    const [text, graph] = JSON.parse(body.subarray(0, jsonBytes).toString()).outputs;
    expect(text.data).toHaveLength(2);
    expect(graph).toEqual({
      name: "probabilities",
      datatype: "FP32",
      shape: [2, 3],
      parameters: { binary_data_size: 24 },
    });
    const scores = new Float32Array(new Uint8Array(body.subarray(jsonBytes)).buffer);
    expect([scores[1], scores[3]].map((score) => score?.toFixed(4))).toEqual(["0.5761", "0.5761"]);
  });

  it("gives texts behind the JSON each with its length before it", async () => {
    const response = await binary({
      inputs: [{ ...PIXELS, data: bluePixels }],
      outputs: [{ name: "probabilities", parameters: { binary_data: true, classification: 1 } }],
    });
    const jsonBytes = Number(response.headers.get("inference-header-content-length"));
    const body = Buffer.from(await response.arrayBuffer()).subarray(jsonBytes);
    expect(body.readUInt32LE(0)).toBe(body.length - 4);
    expect(body.subarray(4).toString()).toBe("0.576117:2:blue");
  });

  it("gives the best classes in place of the tensor", async () => {
    const outputs = [{ name: "probabilities", parameters: { classification: 2 } }];
    const { body } = await infer({ inputs: [{ ...PIXELS, data: bluePixels }], outputs });
    const data = ["0.576117:2:blue", "0.211942:0:red"];
    expect(body["outputs"]).toEqual([{ name: "probabilities", datatype: "BYTES", shape: [1, 2], data }]);
  });

  it.each<[string, object, RegExp]>([
    ["no JSON object", [], /object/],
    ["no inputs", { inputs: [] }, /no inputs/],
    ["two inputs", { inputs: [PIXELS, PIXELS].map((input) => ({ ...input, data: bluePixels })) }, /send one of them/],
    ["an input that there is not", { inputs: [{ ...PIXELS, name: "x", data: bluePixels }] }, /"input" or "pixels"/],
    [
      "an output that there is not",
      { inputs: [{ ...PIXELS, data: bluePixels }], outputs: [{ name: "x" }] },
      /"answer"/,
    ],
    ["another datatype", { inputs: [{ ...PIXELS, datatype: "FP16", data: bluePixels }] }, /FP32 .* UINT8 .* BYTES/],
    ["another shape", { inputs: [{ ...PIXELS, shape: [1, 191], data: bluePixels.slice(1) }] }, /fit/],
    ["too few values", { inputs: [{ ...PIXELS, data: [1, 2] }] }, /2 UINT8 values; its shape .* takes 192/],
    ["a value that is no byte", { inputs: [{ ...PIXELS, data: bluePixels.with(7, 256) }] }, /Value 7 .* is 256/],
    ["data that is not regular", { inputs: [{ ...PIXELS, data: [[1], [1, 2]] }] }, /as many on each level/],
    ["no data", { inputs: [PIXELS] }, /no data/],
    [
      "an id that is long",
      { id: "x".repeat(2000), inputs: [PIXELS] },
      /^id: must be a text of at most 1000 characters/,
    ],
    ["a shape that is none", { inputs: [{ ...PIXELS, shape: [-1, 8, 8, 3], data: bluePixels }] }, /\[-1, 8, 8, 3\]/],
    ["an empty batch", { inputs: [{ ...PIXELS, shape: [0, 8, 8, 3], data: [] }] }, /at least 1/],
    [
      "more images than are taken",
      { inputs: [{ ...IMAGE, shape: [4], data: ["", "", "", ""] }] },
      /4 images; it may name 3 at most/,
    ],
    ["numbers for images", { inputs: [{ ...IMAGE, data: [1] }] }, /base64/],
    ["images for numbers", { inputs: [{ ...PIXELS, data: ["cmVk"] }] }, /must be numbers/],
    ["what is no base64", { inputs: [{ ...IMAGE, data: ["a photo!"] }] }, /no base64/],
    ["fewer images than the shape says", { inputs: [{ ...IMAGE, shape: [2], data: ["cmVk"] }] }, /1 image; .* takes 2/],
    [
      "a share of memory",
      { inputs: [{ ...PIXELS, parameters: { shared_memory_region: "x" } }] },
      /inputs\[0\].parameters.shared_memory_region: shared memory/,
    ],
    [
      "classes of the answer",
      {
        inputs: [{ ...PIXELS, data: bluePixels }],
        outputs: [{ name: "answer", parameters: { classification: 1 } }],
      },
      /no classification/,
    ],
  ])("refuses %s and says what is wrong", async (_what, message, detail) => {
    const { status, body } = await infer(message);
    expect(status).toBe(400);
    expect(body["error"]).toMatch(detail);
  });

  it.each<[string, object, Uint8Array[], RegExp]>([
    ["fewer bytes than an input names", { binary_data_size: 192 }, [Buffer.alloc(100)], /100 bytes follow/],
    ["more bytes than the inputs name", { binary_data_size: 192 }, [Buffer.alloc(193)], /193 bytes follow/],
    ["as many bytes as do not fit the shape", { binary_data_size: 12 }, [Buffer.alloc(12)], /12 UINT8 values/],
  ])("refuses %s", async (_what, parameters, raws, detail) => {
    const response = await binary({ inputs: [{ ...PIXELS, parameters }] }, ...raws);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toMatch(detail);
  });

  it("refuses images that end early, and JSON that is shorter than it says", async () => {
    const cut = Buffer.from([9, 0, 0, 0, 1]);
    const images = await binary({ inputs: [{ ...IMAGE, parameters: { binary_data_size: 5 } }] }, cut);
    expect(((await images.json()) as { error: string }).error).toMatch(/ends within image 0/);
    const headers = { "inference-header-content-length": "1000" };
    const short = await answer("/models/colours/infer", { method: "POST", body: "{}", headers });
    expect(short.body).toMatchObject({
      code: "field_invalid",
      error: expect.stringContaining("at most those of the body, 2"),
    });
  });

  it("names the image that has no answer among others, with its code", async () => {
    const data = ["red", "none"].map((image) => Buffer.from(image).toString("base64"));
    const { status, body } = await infer({ inputs: [{ ...IMAGE, shape: [2], data }] });
    expect([status, body["code"]]).toEqual([415, "image_unsupported"]);
    expect(body["error"]).toMatch(/^image\[1\]: /);
  });

  it("refuses floats for an engine that offered no tensors, and takes its pixels", async () => {
    await infer({ inputs: [{ ...PIXELS, data: bluePixels }] });
    for (const model of service.engine.models) model.tensors = false;
    const floats = { name: "input", datatype: "FP32", shape: [1, 8, 8, 3], data: bluePixels };
    const { body } = await infer({ inputs: [floats] });
    expect(body).toMatchObject({ code: "field_invalid", error: expect.stringContaining("uint8 pixels of 8 x 8 x 3") });
    expect((await answer("/models/colours")).body["inputs"]).toMatchObject([{ name: "input", datatype: "UINT8" }]);
    expect((await infer({ inputs: [{ ...PIXELS, name: "input", data: bluePixels }] })).status).toBe(200);
    for (const model of service.engine.models) model.tensors = true;
  });

  it("stops a body that passes its limit", async () => {
    const { body } = await answer("/models/colours/infer", { method: "POST", body: Buffer.alloc(100_001) });
    expect(body).toMatchObject({ code: "upload_too_large" });
  });

  it("lists the models, and takes them out of service and back", async () => {
    const post = (path: string, body = "") => answer(path, { method: "POST", body });
    const stateOf = async (name: string) => {
      const index = (await post("/repository/index")).body as unknown as { name: string; state: string }[];
      return index.find((entry) => entry.name === name)?.state;
    };
    expect([await stateOf("colours"), await stateOf("damaged")]).toEqual(["READY", "UNAVAILABLE"]);
    const unload = await post("/repository/models/colours/unload", '{"parameters":{"unload_dependents":false}}');
    expect(unload).toEqual({ status: 200, body: {} });
    expect(await stateOf("colours")).toBe("UNAVAILABLE");
    expect((await post("/repository/index", '{"ready":true}')).body).toEqual([]);
    expect((await answer("/models/colours/ready")).status).toBe(503);
    expect((await infer({ inputs: [{ ...PIXELS, data: bluePixels }] })).body["code"]).toBe("engine_unavailable");
    expect(await post("/repository/models/colours/load", "{}")).toEqual({ status: 200, body: {} });
    expect((await infer({ inputs: [{ ...PIXELS, data: bluePixels }] })).status).toBe(200);
    expect((await post("/repository/models/nope/load")).body["code"]).toBe("model_unknown");
    expect((await post("/repository/models/nope/unload")).body["code"]).toBe("model_unknown");
    const config = await post("/repository/models/colours/load", '{"parameters":{"config":"{}"}}');
    expect(config.body).toMatchObject({ code: "field_invalid", error: expect.stringContaining("POST /api/models") });
  });

  it("lists registered models beside those of the zoo", async () => {
    const registered = form({ model_file: Buffer.from("graph of mine"), id: "mine" });
    expect((await fetch(`${service.url}/api/models`, { method: "POST", body: registered })).status).toBe(201);
    const { body } = await answer("/repository/index", { method: "POST" });
    expect(body).toContainEqual({ name: "mine", version: "1", state: "READY", reason: "" });
    expect((await infer({ inputs: [{ ...PIXELS, data: bluePixels }] }, "mine/versions/1")).status).toBe(200);
  });
});

it("asks for the roles of registered models where a model is loaded or unloaded", async () => {
  const service = await startFakeService({ anonymousRole: "infer" });
  for (const verb of ["load", "unload"]) {
    const response = await fetch(`${service.url}/v2/repository/models/colours/${verb}`, { method: "POST" });
    expect(response.status).toBe(401);
  }
  expect((await fetch(`${service.url}/v2/repository/index`, { method: "POST" })).status).toBe(200);
  await service.close();
});
