/** A folder that is one model, as KServe's storage initialiser mounts it: a graph and its labels, and nothing else. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { form } from "../support/fake-service.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { solidPng } from "../support/png.js";
import { type RunningServer, startServer } from "../support/server.js";

let dir: string;
let server: RunningServer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-mounted-"));
  await writeFile(join(dir, "saved.pb"), meanColourGraph());
  await writeFile(join(dir, "labels.txt"), COLOURS);
  server = await startServer({ MODELS_DIR: dir, MODEL_ID: "colours" });
});
afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true });
});

it("is the default, and answers by its name in the protocols of KServe", async () => {
  const photo = solidPng(64, 48, [0, 255, 0]);
  const body = form({ image_file: photo });
  const answer = await (await fetch(`${server.url}/infer?format=json`, { method: "POST", body })).json();
  expect(answer).toMatchObject({ results: [{ label: "green", model: { id: "colours" } }] });
  const instances = [{ b64: photo.toString("base64") }];
  const first = await fetch(`${server.url}/v1/models/colours:predict`, {
    method: "POST",
    body: JSON.stringify({ instances }),
  });
  expect(await first.json()).toMatchObject({
    predictions: [[expect.any(Number), expect.any(Number), expect.any(Number)]],
  });
  expect((await fetch(`${server.url}/v2/models/colours/ready`)).status).toBe(200);
});
