/** A model of a running service, written for other programs by the engine. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-web";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { AnsweredItem, InferAnswer } from "../../src/generated/api.js";
import { runCommand } from "../support/command.js";
import { form } from "../support/fake-service.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { type RunningServer, startServer } from "../support/server.js";

const PROBABILITY_DIFFERENCE_MAX = 1e-4;
const { preprocess } = createRequire(import.meta.url)(join(ROOT_DIR, "wasm/pkg/menagerie_wasm.js")) as {
  preprocess(image: Uint8Array, inputJson: string, optionsJson: string): { pixels: Uint8Array };
};
/** Of what flowers5 sees. */
const SIDE = 144;

/** The pixels of a photo that a model without any settings of its own would see. */
function coloursOf(photo: Uint8Array, fit: Readonly<Record<string, string>>): Uint8Array {
  const colours = {
    dtype: "uint8",
    layout: "NHWC",
    channels: 3,
    channel_order: "RGB",
    mean: [0, 0, 0],
    std: [1, 1, 1],
  };
  const input = { tensor: "pixels", width: SIDE, height: SIDE, ...colours, ...fit };
  const limits = { pixels_max: 1e8, side_pixels_max: 20_000 };
  return preprocess(photo, JSON.stringify(input), JSON.stringify({ top_k: 1, score_threshold: 0, limits })).pixels;
}

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({});
}, 60_000);
afterAll(() => server.stop());

const written = async (path: string) => {
  const response = await fetch(`${server.url}/api/models/${path}`);
  return { status: response.status, text: Buffer.from(await response.arrayBuffer()).toString("latin1") };
};

it("has the labels, the settings and the temperature of its manifest", async () => {
  const { status, text } = await written("flowers5/graph?as=onnx&preprocess=1");
  expect(status).toBe(200);
  for (const part of ["pixels", "probabilities", '["daisy","dandelion","roses","sunflowers","tulips"]', "[127.5,"])
    expect(text).toContain(part);
  const [, temperature] = /temperature[^0-9]{2}([0-9.]+)/.exec(text) ?? [];
  expect(Number(temperature)).not.toBe(1);
  expect(Number(temperature)).toBeGreaterThan(0.1);
});

it("is written of a registered model, and registers again as a SavedModel", async () => {
  const registered = (graph: Buffer, name: string, id: string) => {
    const fields = new FormData();
    fields.set("id", id);
    fields.set("model_file", new Blob([new Uint8Array(graph)]), name);
    fields.set("label_file", new Blob([new Uint8Array(COLOURS)]), "labels.txt");
    return fetch(`${server.url}/api/models`, { method: "POST", body: fields });
  };
  expect((await registered(meanColourGraph(), "graph.pb", "colours")).status).toBe(201);
  const { status, text } = await written("colours/graph?as=savedmodel");
  expect(status).toBe(200);
  expect((await registered(Buffer.from(text, "latin1"), "model.zip", "again")).status).toBe(201);
});

describe("menagerie export", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "menagerie-export-"));
    for (const name of ["folder", "flowers5"]) await mkdir(join(dir, name));
    await writeFile(join(dir, "graph.pb"), meanColourGraph());
  });
  afterAll(() => rm(dir, { recursive: true }));
  const run = (...args: string[]) => runCommand(["export", ...args, "--to", "onnx"], { cwd: dir });

  it("takes settings that the graph does not tell", async () => {
    const settings = JSON.stringify({ mean: [10], std: [20], channel_order: "BGR" });
    const { exitCode, stderr } = await run("graph.pb", "--settings", settings, "--out", "told.onnx");
    expect(exitCode, stderr).toBe(0);
    const text = await readFile(join(dir, "told.onnx"), "latin1");
    for (const part of ["[10.0,10.0,10.0]", "[20.0,20.0,20.0]", "BGR"]) expect(text).toContain(part);
  });

  it("means the model of the zoo where a folder here has its name", async () => {
    const { exitCode, stderr, stdout } = await run("flowers5", "--out", "zoo.onnx");
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^zoo\.onnx: \d+ bytes\n$/);
  });

  it("makes colours grey for a graph of grey in three channels, in each form, as the service does", async () => {
    const photo = await readFile(join(ROOT_DIR, "models/samples/tulips-1.jpg"));
    const fit = { resize: "stretch", resize_filter: "antialias" };
    const ask = async (graph: Buffer, fields: Readonly<Record<string, string>>) => {
      const body = form({ image_file: photo, model_file: graph, ...fit, ...fields });
      const headers = { accept: "application/json" };
      const response = await fetch(`${server.url}/infer`, { method: "POST", body, headers });
      const { results, error } = (await response.json()) as InferAnswer;
      expect(error).toBeUndefined();
      const [{ top }] = results as [AnsweredItem];
      return top.toSorted((one, other) => one.index - other.index).map(({ probability }) => probability);
    };
    const graph = await readFile(join(ROOT_DIR, "models/flowers5/graph.pb"));
    const wanted = await ask(graph, { channel_order: "GRAY" });
    const apart = (found: Iterable<number>) =>
      Math.max(...Array.from(found, (value, at) => Math.abs(value - (wanted[at] ?? 2))));
    expect(apart(await ask(graph, {}))).toBeGreaterThan(100 * PROBABILITY_DIFFERENCE_MAX);

    await writeFile(join(dir, "flowers.pb"), graph);
    const write = async (to: string) => {
      const settings = JSON.stringify({ channel_order: "GRAY" });
      const args = ["export", "flowers.pb", "--to", to, "--preprocess", "--settings", settings, "--out", `grey.${to}`];
      const { exitCode, stderr } = await runCommand(args, { cwd: dir });
      expect(exitCode, stderr).toBe(0);
      return readFile(join(dir, `grey.${to}`));
    };
    for (const to of ["frozen", "savedmodel"]) {
      const found = await ask(await write(to), { channel_order: "RGB" });
      expect(apart(found), to).toBeLessThan(PROBABILITY_DIFFERENCE_MAX);
    }
    const onnx = await InferenceSession.create(new Uint8Array(await write("onnx")));
    const fed = new Tensor("uint8", coloursOf(photo, fit), [1, SIDE, SIDE, 3]);
    const { probabilities } = await onnx.run({ pixels: fed });
    expect(probabilities?.dims).toEqual([1, wanted.length]);
    expect(apart(probabilities?.data as Float32Array)).toBeLessThan(PROBABILITY_DIFFERENCE_MAX);
  });

  it.each([
    [["graph.pb", "--out", "folder"], "--out folder: It is a folder; name a file."],
    [
      ["graph.pb", "--out", "none/x.onnx"],
      "--out none/x.onnx: There is no folder none; make it, or name another file.",
    ],
    [["graph.pb", "--out", ""], "--out is empty; name a file."],
    [["graph.pb", "--out", "/dev/null"], "--out /dev/null: It is no file that could be replaced"],
    [["graph.pb", "--settings", "[]"], "It must be a JSON object"],
    [["graph.pb", "--settings", '{"meen":[0]}'], "meen: there is no such setting; there are input_tensor, layout"],
    [["graph.pb", "--settings", '{"mean":[1,"2"]}'], "mean: must be 1 to 3 numbers"],
    [["graph.pb", "--settings", '{"resize":"crop"}'], "resize=crop: must be one of `stretch`, `center-crop`, `pad`"],
    [["graph.pb", "--settings", '{"width":0}'], "width=0: must be"],
    [["folder"], "folder: It is a folder; name a file. There is no folder of a model folder"],
    [["flowers5", "--settings", "{}"], "flowers5 is a model, whose manifest has its settings"],
  ])("%j is refused in words, and nothing is written", async (args, words) => {
    const before = await readdir(dir);
    const { exitCode, stderr } = await run(...args);
    expect([exitCode, stderr]).toEqual([expect.any(Number), expect.stringContaining(words)]);
    expect(exitCode).not.toBe(0);
    expect(await readdir(dir)).toEqual(before);
  });
});
