/** Registered models on the real service: they outlive its death, and sleep when memory is short. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { form } from "../support/fake-service.js";
import { COLOURS, fileReadingGraph, meanColourGraph } from "../support/graph-def.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

interface Listed {
  readonly id: string;
  readonly state: string;
  readonly loaded: boolean;
  readonly memory_bytes: number | null;
}

const GREEN = solidPng(8, 8, [0, 255, 0]);

let zoo: string;
let store: string;
let service: RunningServer | null;
beforeEach(async () => {
  zoo = await makeColourZoo();
  store = await mkdtemp(join(tmpdir(), "menagerie-registered-"));
  service = null;
});
afterEach(async () => {
  await service?.stop();
  await Promise.all([zoo, store].map((dir) => rm(dir, { recursive: true })));
});

async function start(environment: Record<string, string> = {}): Promise<RunningServer> {
  service = await startServer({ MODELS_DIR: zoo, REGISTERED_MODELS_DIR: store, ...environment });
  return service;
}

async function register({ url }: RunningServer, id: string, graph: Buffer): Promise<Response> {
  const body = form({ id, model_file: graph, label_file: COLOURS, normalization: "0..1" });
  return await fetch(`${url}/api/models`, { method: "POST", body });
}

async function labelOf({ url }: RunningServer, model: string): Promise<string> {
  const body = form({ image_file: GREEN, model });
  const answer = (await (await fetch(`${url}/infer?format=json`, { method: "POST", body })).json()) as {
    results?: [{ label: string }];
  };
  return answer.results?.[0].label ?? JSON.stringify(answer);
}

async function list({ url }: RunningServer): Promise<Listed[]> {
  return ((await (await fetch(`${url}/api/models`)).json()) as { models: Listed[] }).models;
}

it("a model is there after the service was killed, and goes when it is deleted", async () => {
  const first = await start();
  expect((await register(first, "mine", meanColourGraph(8, "mine"))).status).toBe(201);
  expect(await labelOf(first, "mine")).toBe("green");
  await first.stop("SIGKILL");

  const second = await start();
  expect(await labelOf(second, "mine@1")).toBe("green");
  const deletion = await fetch(`${second.url}/api/models/mine`, { method: "DELETE" });
  expect(deletion.status).toBe(204);
  expect(await labelOf(second, "mine")).toMatch(/model_unknown/);
  await expect.poll(() => readdir(store)).toEqual([]);
});

it("a graph that reads a file is refused and not stored", async () => {
  const response = await register(await start(), "spy", fileReadingGraph());
  expect(await response.json()).toMatchObject({ status: 422, code: "graph_op_forbidden" });
  expect(await readdir(store)).toEqual([]);
});

it("registered graphs never run inside the service", async () => {
  const response = await register(await start({ ENGINE: "addon" }), "mine", meanColourGraph(8, "mine"));
  expect(await response.json()).toMatchObject({ status: 403, code: "forbidden" });
  expect(await readdir(store)).toEqual([]);
});

it("models sleep past the limit of memory, end their process, and wake for the next request", async () => {
  const running = await start({ MODELS_LOADED_MAX: "10", MODELS_MEMORY_BYTES_MAX: "1" });
  for (const id of ["a", "b", "c"]) {
    expect((await register(running, id, meanColourGraph(8, id))).status).toBe(201);
    expect(await labelOf(running, id)).toBe("green");
  }
  const awake = async () => (await list(running)).filter(({ loaded }) => loaded).map(({ id }) => id);
  await expect.poll(awake).toEqual(["c"]);
  // One engine, and one spare.
  await expect.poll(() => running.engines().length).toBe(2);
  expect(await labelOf(running, "a")).toBe("green");
  await expect.poll(awake).toEqual(["a"]);
  const measured = (await list(running)).find(({ id }) => id === "a")?.memory_bytes;
  expect(measured).toBeGreaterThan(1_000_000);
  expect((await list(running)).every(({ state }) => state === "available")).toBe(true);
});
