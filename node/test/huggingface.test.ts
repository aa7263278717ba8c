/** Hugging Face's image classification, with fakes behind it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeService, startFakeService } from "./support/fake-service.js";

const RED = Buffer.from("red");
const encoded = RED.toString("base64");

describe("Hugging Face's image classification", () => {
  let service: FakeService;
  beforeAll(async () => {
    service = await startFakeService({ imageBytesMax: 1000 });
  });
  afterAll(async () => {
    await service.close();
  });

  const ask = async (
    body: Uint8Array<ArrayBuffer> | object,
    model = "colours",
    headers: Record<string, string> = {},
  ) => {
    const sent = body instanceof Uint8Array ? body : JSON.stringify(body);
    const init = { method: "POST", body: sent, headers };
    const response = await fetch(`${service.url}/hf/models/${model}`, init);
    return { status: response.status, body: (await response.json()) as unknown };
  };

  it.each<Record<string, string>>([
    {},
    { "content-type": "image/png" },
    { "content-type": "application/x-www-form-urlencoded" },
    { "content-type": "application/json" },
  ])("takes an image as the body, whatever type it is said to have: %j", async (headers) => {
    const { status, body } = await ask(RED, "colours", headers);
    expect(status).toBe(200);
    expect(body).toEqual([
      { label: "red", score: expect.closeTo(Math.E / (Math.E + 2), 5) },
      { label: "green", score: expect.closeTo(1 / (Math.E + 2), 5) },
      { label: "blue", score: expect.closeTo(1 / (Math.E + 2), 5) },
    ]);
  });

  it("takes an image in base64, and how many classes are wanted", async () => {
    expect((await ask({ inputs: encoded })).body).toHaveLength(3);
    expect((await ask({ inputs: encoded, parameters: { top_k: 1, unknown: true } })).body).toMatchObject([
      { label: "red" },
    ]);
    expect((await ask({ inputs: encoded, parameters: { top_k: null, function_to_apply: null } })).status).toBe(200);
  });

  it("answers a version", async () => {
    expect((await ask(RED, "colours@1")).status).toBe(200);
    expect((await ask(RED, "colours@7")).body).toMatchObject({ code: "version_unknown" });
  });

  it.each<[string, Uint8Array<ArrayBuffer> | object, number, RegExp]>([
    ["no image", Buffer.alloc(0), 400, /empty/],
    ["what is no image", Buffer.from("none"), 415, /no image/],
    ["an image that is too large", Buffer.alloc(1001, "x"), 413, /1000 bytes/],
    ["no inputs", { input: encoded }, 400, /no inputs/],
    ["what is no base64", { inputs: "re d" }, 400, /no base64/],
    ["an address", { inputs: "https://example.org/red.png" }, 400, /no base64/],
    ["no classes", { inputs: encoded, parameters: { top_k: 0 } }, 400, /top_k=0/],
    ["a function of its own", { inputs: encoded, parameters: { function_to_apply: "none" } }, 400, /function_to_apply/],
    ["parameters that are none", { inputs: encoded, parameters: "top_k" }, 400, /parameters must be/],
  ])("refuses %s, and says why where its clients look", async (_what, body, status, words) => {
    const answer = await ask(body);
    expect(answer.status).toBe(status);
    expect((answer.body as { error: string }).error).toMatch(words);
  });

  it("knows no model nope", async () => {
    expect(await ask(RED, "nope")).toMatchObject({ status: 404, body: { code: "model_unknown" } });
  });
});
