/** What the real service says of the cell, and that its settings reach the engine. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { form } from "../support/fake-service.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

const MEMORY_BYTES_MAX = 200_000_000;
const RED = solidPng(16, 16, [255, 0, 0]);

let server: RunningServer;
let zoo: string;
beforeAll(async () => {
  zoo = await makeColourZoo();
  server = await startServer({ MODELS_DIR: zoo, ENGINE_MEMORY_BYTES_MAX: String(MEMORY_BYTES_MAX) });
});
afterAll(async () => {
  await server.stop();
  await rm(zoo, { recursive: true });
});

describe.runIf(process.platform === "linux")("the cell of the built service", () => {
  it("stands in /readyz with what holds, and its engine has an allow-list", async () => {
    const ready = (await (await fetch(`${server.url}/readyz`)).json()) as {
      engine: { sandbox: { held: string[]; missing: string[] }; cgroup: { held: boolean; reason: string | null } };
    };
    const { sandbox, cgroup } = ready.engine;
    expect(sandbox.held).toEqual(expect.arrayContaining(["environment", "memory", "cpu", "core", "descriptors"]));
    expect(sandbox.missing.filter((missing) => missing.startsWith("allow-list"))).toEqual([]);
    expect(cgroup.held).toBe(cgroup.reason === null);
  });

  it("has the memory of the settings: a graph that needs more is refused before it is loaded", async () => {
    // One image has 4096 x 4096 x 3 x 4 = 201,326,592 bytes.
    const parts = { image_file: RED, model_file: meanColourGraph(4096), label_file: COLOURS };
    const response = await fetch(`${server.url}/infer?format=json`, { method: "POST", body: form(parts) });
    expect(await response.json()).toMatchObject({
      status: 422,
      code: "graph_too_large",
      detail: expect.stringContaining(`the limit of ${MEMORY_BYTES_MAX} bytes`),
    });
  });
});
