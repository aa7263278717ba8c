/** One photo by every way into the Open Inference Protocol, on the real engine: the same answer as by `POST /infer`. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openImages } from "@menagerie/wasm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { ModelSpec } from "../../src/generated/contract.js";
import { packBytes } from "../../src/protocols/oip/message.js";
import { type RunningServer, startServer } from "../support/server.js";

const MODEL = "flowers5";

interface Answer {
  readonly label: string;
  readonly index: number;
  readonly probability: number;
  readonly input: { readonly sha256: string };
}

let server: RunningServer;
let photo: Uint8Array<ArrayBuffer>;
let spec: ModelSpec;
let pixels: Uint8Array;
let expected: Answer;

beforeAll(async () => {
  server = await startServer({ MODELS_DIR: join(ROOT_DIR, "models") });
  photo = new Uint8Array(await readFile(join(ROOT_DIR, "models/samples/daisy-2.jpg")));
  spec = (await (await fetch(`${server.url}/api/models/${MODEL}`)).json()) as ModelSpec;
  ({ pixels } = (await openImages()).model(spec).prepare(photo));
  const headers = { "content-type": "image/jpeg", accept: "application/json" };
  const answer = await fetch(`${server.url}/infer?model=${MODEL}`, { method: "POST", body: photo, headers });
  [expected] = ((await answer.json()) as { results: [Answer] }).results;
}, 60_000);
afterAll(async () => {
  await server.stop();
});

/** With the raw bytes behind the JSON where there are any. */
async function infer(input: object, raw?: Uint8Array) {
  const parameters = raw === undefined ? {} : { parameters: { binary_data_size: raw.length } };
  const json = Buffer.from(JSON.stringify({ inputs: [{ ...input, ...parameters }] }));
  const headers = { "inference-header-content-length": String(json.length) };
  const body = Buffer.concat([json, raw ?? new Uint8Array()]);
  const response = await fetch(`${server.url}/v2/models/${MODEL}/infer`, { method: "POST", body, headers });
  const message = (await response.json()) as { error?: string; outputs: [{ data: number[] }, { data: string[] }] };
  expect(message.error).toBeUndefined();
  const [graph, texts] = message.outputs;
  return { scores: graph.data, answers: texts.data.map((text) => JSON.parse(text) as Answer) };
}

/** What the graph is fed of these pixels: its channels are R, G, B, and last. */
function fed(): Float32Array {
  const { mean, std } = spec.input;
  const at = (values: readonly number[], index: number) => Math.fround(values[index % values.length] ?? 0);
  return Float32Array.from(pixels, (pixel, index) => Math.fround(pixel - at(mean, index)) / at(std, index));
}

describe("one photo", () => {
  const same = () => ({ label: expected.label, index: expected.index, probability: expected.probability });
  const bytes = { name: "image", datatype: "BYTES", shape: [1] };
  const uint8 = () => ({ name: "pixels", datatype: "UINT8", shape: [1, spec.input.height, spec.input.width, 3] });
  const fp32 = () => ({ ...uint8(), name: spec.input.tensor, datatype: "FP32" });

  it.each<[string, () => [object, Uint8Array?]]>([
    ["encoded, in base64", () => [{ ...bytes, data: [Buffer.from(photo).toString("base64")] }]],
    ["encoded, behind the JSON", () => [bytes, packBytes([photo])]],
    ["as pixels, behind the JSON", () => [uint8(), pixels]],
    ["as pixels, in JSON", () => [{ ...uint8(), data: [...pixels] }]],
  ])("%s, has the label, the probability and the hash of /infer", async (_way, message) => {
    const { scores, answers } = await infer(...message());
    expect(answers).toMatchObject([{ ...same(), input: { sha256: expected.input.sha256 } }]);
    expect(scores).toHaveLength(spec.output.classes);
    expect(scores.indexOf(Math.max(...scores))).toBe(expected.index);
  });

  it.each<[string, () => [object, Uint8Array?]]>([
    ["behind the JSON", () => [fp32(), new Uint8Array(fed().buffer)]],
    ["in JSON", () => [{ ...fp32(), data: [...fed()] }]],
  ])("as the graph is fed it, %s, has the label and the probability of /infer", async (_way, message) => {
    expect((await infer(...message())).answers).toMatchObject([same()]);
  });

  it("has the same answer wherever it stands in a batch", async () => {
    const shape = [3, ...uint8().shape.slice(1)];
    const { scores, answers } = await infer(
      { ...uint8(), shape },
      Buffer.concat([pixels, new Uint8Array(pixels.length), pixels]),
    );
    expect([answers[0], answers[2]]).toMatchObject([same(), same()]);
    expect(answers[1]?.input.sha256).not.toBe(expected.input.sha256);
    const { classes } = spec.output;
    expect(scores.slice(0, classes)).toEqual(scores.slice(2 * classes));
  });

  it("is refused in a shape that is not the model's, which the refusal names", async () => {
    const body = JSON.stringify({ inputs: [{ ...uint8(), shape: [1, 10, 10, 3], data: Array(300).fill(0) }] });
    const response = await fetch(`${server.url}/v2/models/${MODEL}/infer`, { method: "POST", body });
    const { input } = spec;
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([
      400,
      expect.stringContaining(`[10, 10, 3]; this model takes [${input.height}, ${input.width}, 3]`),
    ]);
  });
});

it("a model that is unloaded gives its engine up, and has one again when it is loaded", async () => {
  const post = (path: string) => fetch(`${server.url}/v2/repository/models/waste6/${path}`, { method: "POST" });
  const loaded = async () => {
    const { models } = (await (await fetch(`${server.url}/api/models`)).json()) as {
      models: { id: string; loaded: boolean }[];
    };
    return models.find(({ id }) => id === "waste6")?.loaded;
  };
  expect((await post("load")).status).toBe(200);
  expect(await loaded()).toBe(true);
  expect((await post("unload")).status).toBe(200);
  await expect.poll(loaded).toBe(false);
  expect((await fetch(`${server.url}/v2/models/waste6/ready`)).status).toBe(503);
  expect((await post("load")).status).toBe(200);
  expect(await loaded()).toBe(true);
}, 30_000);
