/** TensorFlow Serving's REST API, with fakes behind it: what is taken, what is answered, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeService, startFakeService } from "./support/fake-service.js";

const b64 = (text: string) => ({ b64: Buffer.from(text).toString("base64") });
const [RED, BLUE] = [b64("red"), b64("blue")];
/** Softmax of 1, 0, 0. */
const WINNER = Math.E / (Math.E + 2);
const LOSER = 1 / (Math.E + 2);
/** 8 x 8 of one colour. */
const pixels = (...colour: number[]) => Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => colour));
/** As the fake's graph is fed them: its std is 255. */
const FED_BLUE = pixels(0, 0, 1);

describe("TensorFlow Serving's REST API", () => {
  let service: FakeService;
  beforeAll(async () => {
    service = await startFakeService({ imagesPerRequestMax: 3, imageBytesMax: 2000 });
  });
  afterAll(async () => {
    await service.close();
  });

  const get = async (path: string) => {
    const response = await fetch(`${service.url}/v1/models${path}`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const ask = async (call: string, message: object | string, model = "colours") => {
    // As `curl -d` sends it, which says that it is a form.
    const body = typeof message === "string" ? message : JSON.stringify(message);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const response = await fetch(`${service.url}/v1/models/${model}:${call}`, { method: "POST", body, headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const rows = (value: unknown) => (value as number[][]).map((row) => row.map((score) => Number(score.toFixed(5))));
  const scoresOf = (index: number) => [0, 1, 2].map((at) => Number((at === index ? WINNER : LOSER).toFixed(5)));

  it("lists the models that answer, as KServe does", async () => {
    expect(await get("")).toEqual({ status: 200, body: { models: ["colours"] } });
  });

  it.each(["/colours", "/colours/versions/1"])("tells the state of %s", async (path) => {
    const status = { error_code: "OK", error_message: "" };
    expect(await get(path)).toEqual({
      status: 200,
      body: { model_version_status: [{ version: "1", state: "AVAILABLE", status }] },
    });
  });

  it("tells why a model does not answer", async () => {
    expect((await get("/damaged")).body).toMatchObject({
      model_version_status: [
        {
          version: "1",
          state: "END",
          status: { error_code: "UNAVAILABLE", error_message: expect.stringMatching(/./) },
        },
      ],
    });
  });

  it.each(["/colours/metadata", "/colours/versions/1/metadata"])("tells the signatures at %s", async (path) => {
    const { body } = await get(path);
    expect(body["model_spec"]).toEqual({ name: "colours", signature_name: "", version: "1" });
    const { signature_def: signatures } = (body["metadata"] as { signature_def: { signature_def: object } })
      .signature_def;
    expect(Object.keys(signatures)).toEqual(["serving_default", "pixels", "image_bytes", "classify"]);
    const dim = ["-1", "8", "8", "3"].map((size) => ({ size, name: "" }));
    expect(signatures).toMatchObject({
      serving_default: {
        inputs: { input: { dtype: "DT_FLOAT", tensor_shape: { dim, unknown_rank: false }, name: "input:0" } },
        outputs: { probabilities: { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: "-1" }, { size: "3" }] } } },
        method_name: "tensorflow/serving/predict",
      },
      pixels: { inputs: { pixels: { dtype: "DT_UINT8", tensor_shape: { dim } } } },
      image_bytes: { inputs: { image_bytes: { dtype: "DT_STRING", tensor_shape: { dim: [{ size: "-1" }] } } } },
      classify: { method_name: "tensorflow/serving/classify" },
    });
  });

  it.each([
    ["images", { instances: [RED, BLUE] }, [0, 2]],
    ["images by name", { instances: [{ image: RED }, { image: BLUE }] }, [0, 2]],
    ["what the graph is fed", { instances: [FED_BLUE] }, [2]],
    ["what the graph is fed, by name", { instances: [{ input: pixels(1, 0, 0) }, { input: FED_BLUE }] }, [0, 2]],
    ["pixels by name", { instances: [{ pixels: pixels(0, 255, 0) }] }, [1]],
    ["pixels by signature", { signature_name: "pixels", instances: [pixels(0, 255, 0), pixels(0, 0, 255)] }, [1, 2]],
    [
      "images as its own example names them",
      { signature_name: "image_bytes", instances: [{ image_bytes: BLUE }] },
      [2],
    ],
    ["the default signature by name", { signature_name: "serving_default", instances: [RED] }, [0]],
  ])("predicts rows of %s", async (_what, message, indices) => {
    const { status, body } = await ask("predict", message);
    expect([status, Object.keys(body)]).toEqual([200, ["predictions"]]);
    expect(rows(body["predictions"])).toEqual(indices.map(scoresOf));
  });

  it.each([
    ["an image", { inputs: RED }, [0]],
    ["images", { inputs: [RED, BLUE] }, [0, 2]],
    ["images by name", { inputs: { image: [RED, BLUE] } }, [0, 2]],
    ["an image by name", { inputs: { image: BLUE } }, [2]],
    ["what the graph is fed", { inputs: [FED_BLUE, pixels(1, 0, 0)] }, [2, 0]],
    ["what the graph is fed, by name", { inputs: { input: [FED_BLUE] } }, [2]],
    ["pixels", { inputs: { pixels: [pixels(0, 255, 0)] } }, [1]],
  ])("predicts columns of %s", async (_what, message, indices) => {
    const { status, body } = await ask("predict", message);
    expect([status, Object.keys(body)]).toEqual([200, ["outputs"]]);
    expect(rows(body["outputs"])).toEqual(indices.map(scoresOf));
  });

  it("classifies examples, every class of each, the best first", async () => {
    const { status, body } = await ask("classify", { examples: [{ image: BLUE }, { "image/encoded": RED }] });
    expect(status).toBe(200);
    const results = body["results"] as [string, number][][];
    expect(results.map((best) => best.map(([label]) => label))).toEqual([
      ["blue", "red", "green"],
      ["red", "green", "blue"],
    ]);
    expect(results[0]?.[0]?.[1]).toBeCloseTo(WINNER, 5);
  });

  it("takes what all examples have in common from their context", async () => {
    const { body } = await ask("classify", { signature_name: "classify", context: { image: RED }, examples: [{}, {}] });
    expect((body["results"] as [string][][]).map(([best]) => best?.[0])).toEqual(["red", "red"]);
  });

  it("answers a version by its address", async () => {
    const { body } = await ask("predict", { instances: [RED] }, "colours/versions/1");
    expect(rows(body["predictions"])).toEqual([scoresOf(0)]);
    expect((await ask("classify", { examples: [{ image: RED }] }, "colours/versions/1")).status).toBe(200);
    expect((await ask("predict", { instances: [RED] }, "colours/versions/7")).body).toMatchObject({
      code: "version_unknown",
    });
  });

  it.each<[string, string, object | string, number, RegExp]>([
    ["both formats", "predict", { instances: [RED], inputs: [RED] }, 400, /instances .* or inputs/],
    ["neither", "predict", {}, 400, /instances .* or inputs/],
    ["no images", "predict", { instances: [] }, 400, /instances is empty/],
    ["one thing that is no list", "predict", { instances: RED }, 400, /must be a list/],
    ["a field that there is not", "predict", { instance: [RED] }, 400, /no field "instance"/],
    ["an input that there is not", "predict", { instances: [{ photo: RED }] }, 400, /no BYTES input "photo"/],
    ["two inputs", "predict", { instances: [{ image: RED, more: RED }] }, 400, /instances\[0\] has 2 inputs/],
    ["two inputs in columns", "predict", { inputs: { image: [RED], pixels: [[1]] } }, 400, /has 2 inputs/],
    ["inputs of two names", "predict", { instances: [{ image: RED }, { input: RED }] }, 400, /instances\[1\] names/],
    ["images among numbers", "predict", { instances: [RED, FED_BLUE] }, 400, /instances\[0\] must be numbers/],
    ["numbers of two shapes", "predict", { instances: [{ input: [1, 2] }, { input: [1] }] }, 400, /instances\[1\]/],
    ["numbers of another shape", "predict", { instances: [[1, 2, 3]] }, 400, /./],
    ["a text that is no image", "predict", { instances: ["red"] }, 400, /must be numbers/],
    ["what is no base64", "predict", { instances: [{ b64: "re d" }] }, 400, /no base64/],
    ["what is no image", "predict", { instances: [b64("none")] }, 415, /no image/],
    ["one bad image of two", "predict", { instances: [RED, b64("none")] }, 415, /image\[1\]/],
    ["too many images", "predict", { instances: [RED, RED, RED, RED] }, 400, /may name 3 at most/],
    ["an image that is too large", "predict", { instances: [b64("x".repeat(2001))] }, 413, /2000 bytes/],
    ["a signature that there is not", "predict", { signature_name: "x", instances: [RED] }, 400, /no signature "x"/],
    [
      "a signature of another call",
      "classify",
      { signature_name: "pixels", examples: [{ image: RED }] },
      400,
      /pixels/,
    ],
    ["no examples", "classify", {}, 400, /no examples/],
    ["an example without an image", "classify", { examples: [{ width: 8 }] }, 400, /examples\[0\] has 0 features/],
    ["an example of two images", "classify", { examples: [{ a: RED, b: RED }] }, 400, /examples\[0\] has 2 features/],
    ["what is no JSON", "predict", "{", 400, /JSON cannot be read/],
    ["what is no object", "predict", "[1]", 400, /must be a JSON object/],
  ])("refuses %s, and says why where its clients look", async (_what, call, message, status, words) => {
    const answer = await ask(call, message);
    expect(answer.status).toBe(status);
    expect(answer.body["error"]).toMatch(words);
    expect(answer.body["error"]).toBe(answer.body["detail"]);
  });

  it.each(["", "/metadata", "/versions/7", "/versions/7/metadata"])("knows no model nope%s", async (path) => {
    expect(await get(`/nope${path}`)).toMatchObject({ status: 404, body: { code: "model_unknown" } });
  });

  it("says which method a call takes", async () => {
    const response = await fetch(`${service.url}/v1/models/colours`, { method: "DELETE" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    for (const path of ["colours:predict", "colours:classify", "colours/versions/1:predict"]) {
      for (const method of ["PUT", "GET"]) {
        const refused = await fetch(`${service.url}/v1/models/${path}`, { method });
        expect([refused.status, refused.headers.get("allow")], `${method} ${path}`).toEqual([405, "POST"]);
      }
    }
  });

  it("holds to the request's own deadline", async () => {
    const late = await startFakeService();
    late.classifier.gate = new Promise(() => {});
    const body = JSON.stringify({ instances: [RED] });
    const response = await fetch(`${late.url}/v1/models/colours:predict?deadline_ms=60`, { method: "POST", body });
    expect(response.status).toBe(504);
    await late.close();
  });
});
