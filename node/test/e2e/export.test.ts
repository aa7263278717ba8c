/** A model of a running service, written for other programs by the engine. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { type RunningServer, startServer } from "../support/server.js";

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
  const form = (graph: Buffer, name: string, id: string) => {
    const fields = new FormData();
    fields.set("id", id);
    fields.set("model_file", new Blob([new Uint8Array(graph)]), name);
    fields.set("label_file", new Blob([new Uint8Array(COLOURS)]), "labels.txt");
    return fetch(`${server.url}/api/models`, { method: "POST", body: fields });
  };
  expect((await form(meanColourGraph(), "graph.pb", "colours")).status).toBe(201);
  const { status, text } = await written("colours/graph?as=savedmodel");
  expect(status).toBe(200);
  expect((await form(Buffer.from(text, "latin1"), "model.zip", "again")).status).toBe(201);
});
