/** Registering models over HTTP. What the store does with them is in model-store.test.ts. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../src/config.js";
import type { Role } from "../src/ports.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";
import { COLOURS } from "./support/graph-def.js";

const GRAPH = Buffer.from("graph of mine");
const OTHER = Buffer.from("graph of another kind");
const RED = Buffer.from("red");

type Parts = Parameters<typeof form>[0];

let service: FakeService;
beforeEach(async () => {
  service = await startFakeService({ requestsPerWindowMax: 1000 });
});
afterEach(() => service.close());

async function restart(config: Partial<Config>): Promise<void> {
  await service.close();
  service = await startFakeService({ requestsPerWindowMax: 1000, ...config });
}

function call(method: string, path: string, body?: unknown): Promise<Response> {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  return fetch(`${service.url}${path}`, { method, ...json });
}

function register(parts: Parts): Promise<Response> {
  const body = form({ model_file: GRAPH, label_file: COLOURS, id: "mine", ...parts });
  return fetch(`${service.url}/api/models`, { method: "POST", body });
}

function infer(model: string): Promise<Response> {
  return fetch(`${service.url}/infer?format=json`, { method: "POST", body: form({ image_file: RED, model }) });
}

async function modelOf(answer: Response): Promise<unknown> {
  const { results } = (await answer.json()) as { results: [{ model: unknown }] };
  return results[0].model;
}

async function listed(id: string): Promise<Record<string, unknown> | undefined> {
  const { models } = (await (await call("GET", "/api/models")).json()) as { models: Record<string, unknown>[] };
  return models.find((model) => model["id"] === id);
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("POST /api/models", () => {
  it("registers a model, which answers by its id and is found with its files", async () => {
    const response = await register({});
    expect([response.status, response.headers.get("location")]).toEqual([201, "/api/models/mine@1"]);
    expect(await response.json()).toMatchObject({
      id: "mine",
      version: "1",
      sha256: sha256(GRAPH),
      labels: { count: 3 },
      verdict: { allowed: true },
    });
    expect(await modelOf(await infer("mine"))).toEqual({ id: "mine", version: "1", sha256: sha256(GRAPH) });
    expect(await listed("mine")).toMatchObject({
      versions: ["1"],
      served: "1",
      registered: true,
      state: "available",
      loaded: true,
      title: "mine",
      licence: "NOASSERTION",
      classes: 3,
    });
    const graph = await call("GET", "/api/models/mine/graph");
    expect(graph.headers.get("content-type")).toBe("application/octet-stream");
    expect(graph.headers.get("content-disposition")).toBe("attachment; filename=mine-1.pb");
    expect(Buffer.from(await graph.arrayBuffer())).toEqual(GRAPH);
    expect(await (await call("GET", "/api/models/mine/labels")).text()).toBe(COLOURS.toString());
  });

  it("answers 200 to the very same model and 409 to another one", async () => {
    expect((await register({})).status).toBe(201);
    expect((await register({})).status).toBe(200);
    for (const other of [{ model_file: OTHER }, { label_file: Buffer.from("a\nb\nc\n") }, { size: "9" }]) {
      const response = await register(other);
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([409, "model_exists"]);
    }
    expect(await readdir(service.registeredModelsDir)).toHaveLength(3);
  });

  it("registers once when the same model comes many times at once", async () => {
    const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await register({})).status));
    expect(statuses.toSorted()).toEqual([200, 200, 200, 200, 200, 201]);
  });

  it("keeps what labelled photos decided, and why", async () => {
    const pairs = { example_file: [RED, RED], example_label: ["red", "green"] };
    const answer = await (await register(pairs)).json();
    const decided = {
      field: "input.channel_order",
      value: "BGR",
      source: "examples",
      because: "with 2 labelled photos",
    };
    expect(answer).toMatchObject({ evidence: [decided], warnings: ["a label may be wrong"] });
    const described = await (await call("GET", "/api/models/mine")).json();
    expect(described).toMatchObject({ input: { channel_order: "BGR" }, evidence: [decided], warnings: [] });
    const [stored] = service.engine.requests.slice(-1);
    expect(stored).toMatchObject({ source: "manifest", overrides: { channel_order: "BGR" } });
  });

  it("takes labels, settings and a manifest, or leaves them out", async () => {
    const manifest = JSON.stringify({
      schema: 1,
      id: "other",
      version: "7",
      title: "<b>Mine</b>",
      description: "d",
      licence: "CC0-1.0",
      default: true,
      graph: { file: "elsewhere.pb", bytes: null, sha256: sha256(GRAPH) },
      labels: { file: "l.txt", sha256: null },
      input: { width: 5, mean: [1], std: [2] },
      output: { kind: "softmax" },
    });
    expect((await register({ manifest, size: "8", label_offset: "0" })).status).toBe(201);
    expect(service.engine.requests.at(-1)).toMatchObject({
      overrides: { width: 8, height: 8, mean: [1], std: [2], output_kind: "softmax" },
      source: "manifest",
      label_count: 3,
    });
    expect(await listed("mine")).toMatchObject({
      versions: ["7"],
      title: "<b>Mine</b>",
      licence: "CC0-1.0",
      default: false,
      input: { width: 8, height: 8 },
    });
    const bare = form({ model_file: OTHER, id: "bare" });
    expect((await fetch(`${service.url}/api/models`, { method: "POST", body: bare })).status).toBe(201);
    expect((await call("GET", "/api/models/bare/labels")).status).toBe(404);
    expect(await modelOf(await infer("bare@1"))).toMatchObject({ id: "bare" });
  });

  it.each<[string, Parts, number, string, RegExp]>([
    ["a graph that is none", { model_file: Buffer.from("junk") }, 422, "graph_invalid", /not a graph/],
    ["an empty graph", { model_file: Buffer.alloc(0) }, 422, "graph_invalid", /not a graph/],
    ["empty labels", { label_file: Buffer.alloc(0), model_file: GRAPH }, 422, "labels_invalid", /empty/],
    ["no id", { id: "" }, 400, "field_invalid", /id is missing/],
    ["a path for an id", { id: "../../etc" }, 400, "field_invalid", /id=\.\.\/\.\.\/etc: must be lower-case/],
    ["a long id", { id: "a".repeat(65) }, 400, "field_invalid", /64/],
    ["a path for a version", { version: "../1" }, 400, "field_invalid", /version=\.\.\/1: must be/],
    ["the id of uploads", { id: "uploaded" }, 400, "field_invalid", /names graphs that come with a request/],
    ["the id of a model of the zoo", { id: "colours", version: "2" }, 409, "model_exists", /a model of the zoo/],
    ["a manifest that is no JSON", { manifest: "{" }, 400, "field_invalid", /manifest:/],
    ["a manifest that is no object", { manifest: "[]" }, 400, "field_invalid", /manifest:/],
    ["a misspelt field", { manifest: '{"licenze":"x"}' }, 400, "field_invalid", /licenze/],
    [
      "another hash",
      { manifest: `{"graph":{"sha256":"${"0".repeat(64)}"}}` },
      400,
      "field_invalid",
      /graph\.sha256 is 0/,
    ],
    [
      "other classes",
      { manifest: '{"output":{"classes":4}}' },
      400,
      "field_invalid",
      /output.classes is 4, and the graph has 3/,
    ],
    ["two ids", { id: ["a", "b"] }, 400, "field_invalid", /may be sent once/],
  ])("refuses %s and stores nothing", async (_what, parts, status, code, detail) => {
    const response = await register(parts);
    const problem = (await response.json()) as { code: string; detail: string };
    expect([response.status, problem.code]).toEqual([status, code]);
    expect(problem.detail).toMatch(detail);
    expect(await readdir(service.registeredModelsDir)).toEqual([]);
  });

  it("refuses a model without a graph, and labels' offset without labels", async () => {
    const post = (parts: Parts) => fetch(`${service.url}/api/models`, { method: "POST", body: form(parts) });
    expect(await (await post({ id: "mine" })).json()).toMatchObject({ code: "field_invalid" });
    const shifted = { id: "mine", model_file: GRAPH, label_offset: "1" };
    expect(await (await post(shifted)).json()).toMatchObject({ code: "labels_missing" });
  });

  it("refuses more than the store takes with 507", async () => {
    await restart({ registeredModelsMax: 1 });
    expect((await register({})).status).toBe(201);
    const response = await register({ version: "2" });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([507, "storage_full"]);
  });

  it("has a caller leave as many versions to others as it has, but for the role admin", async () => {
    await service.close();
    const holders: Readonly<Record<string, Role>> = { root: "admin", ann: "models", bob: "models" };
    const find = (key: string) => (holders[key] === undefined ? undefined : { name: key, role: holders[key] });
    service = await startFakeService({ registeredModelsMax: 5 }, { find });
    const as = async (key: string, version: string) => {
      const body = form({ model_file: GRAPH, label_file: COLOURS, id: "mine", version });
      const headers = { "x-api-key": key };
      const response = await fetch(`${service.url}/api/models`, { method: "POST", body, headers });
      return { status: response.status, ...((await response.json()) as { readonly detail?: string }) };
    };
    expect([await as("ann", "1"), await as("ann", "2")]).toMatchObject([{ status: 201 }, { status: 201 }]);
    expect(await as("ann", "3")).toMatchObject({
      status: 507,
      detail: expect.stringMatching(/REGISTERED_MODELS_MAX.*2 are yours.*role admin/),
    });
    expect(await as("bob", "3")).toMatchObject({ status: 201 });
    expect([await as("root", "4"), await as("root", "5")]).toMatchObject([{ status: 201 }, { status: 201 }]);
    expect(await as("root", "6")).toMatchObject({ status: 507 });
  });

  it("refuses a stranger's graph where the engine has to be confined and is not", async () => {
    await restart({ sandbox: "required" });
    service.engine.sandbox = { held: [], missing: ["seccomp"] };
    expect((await register({})).status).toBe(403);
    service.engine.sandbox = { held: ["seccomp"], missing: [] };
    expect((await register({})).status).toBe(201);
    service.engine.sandbox = { held: [], missing: ["seccomp"] };
    expect((await infer("mine")).status).toBe(403);
    expect((await infer("colours")).status).toBe(200);
  });
});

describe("versions", () => {
  it("are asked for by id@version; the served one is chosen", async () => {
    await register({});
    await register({ version: "2", model_file: OTHER });
    expect(await modelOf(await infer("mine"))).toMatchObject({ version: "1", sha256: sha256(GRAPH) });
    expect(await modelOf(await infer("mine@2"))).toMatchObject({ version: "2", sha256: sha256(OTHER) });
    const chosen = await call("PUT", "/api/models/mine/default", { version: "2" });
    expect([chosen.status, await chosen.json()]).toEqual([200, { id: "mine", served: "2" }]);
    expect(await modelOf(await infer("mine"))).toMatchObject({ version: "2" });
    expect(await listed("mine")).toMatchObject({ versions: ["1", "2"], served: "2" });
    expect((await infer("mine@3")).status).toBe(404);

    expect((await call("DELETE", "/api/models/mine/versions/2")).status).toBe(204);
    expect(await modelOf(await infer("mine"))).toMatchObject({ version: "1" });
    expect((await call("DELETE", "/api/models/mine")).status).toBe(204);
    expect((await infer("mine")).status).toBe(404);
    await expect.poll(() => readdir(service.registeredModelsDir)).toEqual([]);
  });

  it.each([
    ["DELETE", "/api/models/nope", undefined, 404, "model_unknown"],
    ["DELETE", "/api/models/mine/versions/9", undefined, 404, "version_unknown"],
    ["DELETE", "/api/models/mine@9", undefined, 404, "version_unknown"],
    ["DELETE", "/api/models/colours", undefined, 403, "forbidden"],
    ["DELETE", "/api/models/..%2Fmine", undefined, 404, "model_unknown"],
    ["PUT", "/api/models/mine/default", { version: "9" }, 404, "version_unknown"],
    ["PUT", "/api/models/mine/default", {}, 400, "field_invalid"],
    ["PUT", "/api/models/mine/default", undefined, 400, "field_invalid"],
    ["PUT", "/api/models/mine/default", { version: "1".repeat(2000) }, 400, "field_invalid"],
    ["PUT", "/api/models/colours/default", { version: "1" }, 403, "forbidden"],
    ["GET", "/api/models/mine@9/graph", undefined, 404, "version_unknown"],
    ["GET", "/api/models/listed/graph", undefined, 503, "engine_unavailable"],
  ])("%s %s with %j is %i %s", async (method, path, body, status, code) => {
    await register({});
    const response = await call(method, path, body);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
    expect(await listed("mine")).toMatchObject({ versions: ["1"], served: "1" });
  });
});

describe("a model that is removed", () => {
  it("answers the requests that use it, even on a fresh engine, and is then gone with its engine", async () => {
    await register({});
    let finish = () => {};
    service.classifier.gate = new Promise((resolve) => {
      finish = resolve;
    });
    const running = infer("mine");
    await expect.poll(() => service.classifier.seen.length).toBe(1);
    expect((await call("DELETE", "/api/models/mine")).status).toBe(204);
    expect((await infer("mine")).status).toBe(404);
    // The engine that holds the graph dies: the graph is read from the disk once more.
    for (const model of service.engine.models) await model.close();
    const loads = service.engine.loadCount;
    finish();
    expect((await running).status).toBe(200);
    expect(service.engine.loadCount).toBe(loads + 1);
    await expect.poll(() => readdir(service.registeredModelsDir)).toEqual([]);
    await expect.poll(() => service.models.loadedCount()).toBe(0);
  });
});
