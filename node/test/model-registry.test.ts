import { describe, expect, it, vi } from "vitest";
import { AppError } from "../src/errors.js";
import { createModelRegistry, type ModelRegistryOptions } from "../src/models/registry.js";
import type { ModelChoice, Models, Party, UploadedFile, UploadedGraph, ZooModel } from "../src/ports.js";
import { FakeEngine, fakeExport, inferFrame } from "./support/fake-engine.js";
import { FakeClassifier, FakeZoo, zooModel } from "./support/fake-service.js";
import { open, party } from "./support/party.js";

const NO_SETTINGS = { overrides: {}, labelOffset: null };
const RED = [255, 0, 0] as const;

interface Setup {
  readonly engine: FakeEngine;
  readonly models: Models;
}

function setUp(
  options: Partial<
    Pick<
      ModelRegistryOptions,
      | "modelsLoadedMax"
      | "strangerLoadsMax"
      | "modelsMemoryBytesMax"
      | "uploadedGraphsBytesMax"
      | "retryCount"
      | "sandboxRequired"
    >
  > & { zoo?: ZooModel[] } = {},
): Setup {
  const engine = new FakeEngine();
  const { zoo, ...limits } = options;
  const models = createModelRegistry({
    engine,
    classifier: new FakeClassifier(),
    exportModel: fakeExport,
    zoo: new FakeZoo(
      zoo ?? ["a", "b", "c"].map((id) => zooModel(id, { default: id === "a", graph: Buffer.from(`graph ${id}`) })),
    ),
    modelsLoadedMax: 2,
    modelsMemoryBytesMax: 1000,
    strangerLoadsMax: 2,
    uploadedGraphsBytesMax: 1000,
    retryCount: 1,
    threads: 0,
    sandboxRequired: false,
    ...limits,
  });
  return { engine, models };
}

function zoo(id: string | null): ModelChoice {
  return { kind: "zoo", id, version: null };
}

function file(text: string): UploadedFile {
  return { name: text, bytes: Buffer.from(text), sha256: Buffer.from(text).toString("hex").padEnd(64, "0") };
}

function graphFile(text: string): UploadedGraph {
  const { bytes, ...rest } = file(text);
  return { ...rest, pieces: [bytes], byteLength: bytes.length };
}

function upload(graph: string): ModelChoice {
  return { kind: "upload", graph: graphFile(graph), labels: file("red\ngreen\nblue") };
}

describe("the models", () => {
  it("are not read for whoever has no memory left, the graph whose hash nobody states neither", async () => {
    const read: string[] = [];
    const model = (bytes: number): ZooModel => ({
      ...zooModel("a", { default: true }),
      readLabels: async (charge) => {
        charge?.(10);
        return Buffer.from("red");
      },
      readGraph: async (charge) => {
        charge?.(bytes);
        read.push(`${bytes}`);
        return Buffer.from("graph");
      },
    });
    let held = 0;
    const full = new AppError("overloaded", "full");
    const hold = (bytes: number) => {
      if (held + bytes > 100) throw full;
      held += bytes;
      return () => {
        held -= bytes;
      };
    };
    const { models } = setUp({ zoo: [model(200)] });
    await expect(models.use(zoo("a"), NO_SETTINGS, { ...party(), hold }, async () => {})).rejects.toBe(full);
    expect([read, held]).toEqual([[], 0]);
    await setUp({ zoo: [model(50)] }).models.use(zoo("a"), NO_SETTINGS, { ...party(), hold }, async () => {});
    expect(held).toBe(0);
  });

  it("load once, however many ask at the same time", async () => {
    const { engine, models } = setUp();
    const opened = await Promise.all(Array.from({ length: 20 }, () => open(models, zoo("a"), NO_SETTINGS)));
    expect(engine.loadCount).toBe(1);
    expect(new Set(opened.map(({ target }) => target.key)).size).toBe(1);
  });

  it("stay warm", async () => {
    const { engine, models } = setUp();
    await open(models, zoo(null), NO_SETTINGS);
    await open(models, zoo("a"), NO_SETTINGS);
    expect(engine.loadCount).toBe(1);
    expect(models.loadedCount()).toBe(1);
  });

  it("have each label file counted once", async () => {
    const count = vi.spyOn(FakeClassifier.prototype, "describeLabels");
    const { models } = setUp();
    for (const choice of [zoo("a"), zoo("a"), upload("graph 1"), upload("graph 2"), upload("graph 1")]) {
      await open(models, choice, NO_SETTINGS);
    }
    const other: ModelChoice = { kind: "upload", graph: graphFile("graph 1"), labels: file("red\ngreen") };
    await open(models, other, NO_SETTINGS);
    const counted = count.mock.calls.map(([labels]) => Buffer.from(labels).toString());
    expect(counted).toHaveLength(new Set(counted).size);
    expect(counted).toContain("red\ngreen");
    count.mockRestore();
  });

  it("are out of service once they were unloaded, until they are loaded again", async () => {
    const { engine, models } = setUp();
    await open(models, zoo("a"), NO_SETTINGS);
    models.unload("a");
    await expect.poll(() => engine.status().modelCount).toBe(0);
    await expect(open(models, zoo(null), NO_SETTINGS)).rejects.toMatchObject({ code: "engine_unavailable" });
    expect(models.list().map(({ state }) => state)).toEqual(["unloaded", "available", "available"]);
    await models.load("a", party());
    expect(engine.loadCount).toBe(2);
    expect(models.list()[0]).toMatchObject({ state: "available", loaded: true });
    await open(models, zoo("a"), NO_SETTINGS);
    expect(() => models.unload("nope")).toThrow(expect.objectContaining({ code: "model_unknown" }));
    await expect(models.load("nope", party())).rejects.toMatchObject({ code: "model_unknown" });
  });

  it("finish the requests that use them before they are unloaded", async () => {
    const { engine, models } = setUp();
    const answered = models.use(zoo("a"), NO_SETTINGS, party(), async ({ target }) => {
      models.unload("a");
      return await target.exchange(inferFrame(RED));
    });
    expect((await answered)[4]).toBe(5);
    await expect.poll(() => engine.status().modelCount).toBe(0);
  });

  it("are others with other settings", async () => {
    const { engine, models } = setUp();
    const plain = await open(models, zoo("a"), NO_SETTINGS);
    const scaled = await open(models, zoo("a"), { overrides: { mean: [1] }, labelOffset: null });
    expect(engine.loadCount).toBe(2);
    expect(scaled.target.key).not.toBe(plain.target.key);
    expect(engine.requests.map(({ source }) => source)).toEqual(["manifest", "request"]);
  });

  it("share the engine when only the label offset differs", async () => {
    const { engine, models } = setUp();
    const plain = await open(models, zoo("a"), NO_SETTINGS);
    const shifted = await open(models, zoo("a"), { overrides: {}, labelOffset: 1 });
    expect(engine.loadCount).toBe(1);
    expect(shifted.target.key).not.toBe(plain.target.key);
  });

  it("make room: the one unused for longest is closed", async () => {
    const { engine, models } = setUp();
    await open(models, zoo("a"), NO_SETTINGS);
    await open(models, zoo("b"), NO_SETTINGS);
    await open(models, zoo("a"), NO_SETTINGS);
    await open(models, zoo("c"), NO_SETTINGS);
    expect(engine.models.map(({ alive }) => alive)).toEqual([true, false, true]);
    expect(models.loadedCount()).toBe(2);
  });

  it("sleep, the ones unused for longest first, past the limit of memory, and wake when they are asked again", async () => {
    const { engine, models } = setUp({ modelsLoadedMax: 10, modelsMemoryBytesMax: 250 });
    for (const id of ["a", "b", "a", "c"]) await open(models, zoo(id), NO_SETTINGS);
    await expect.poll(() => engine.models.map(({ alive }) => alive)).toEqual([true, false, true]);
    expect(models.list().map(({ loaded, memoryBytes, state }) => [loaded, memoryBytes, state])).toEqual([
      [true, 100, "available"],
      [false, null, "available"],
      [true, 100, "available"],
    ]);
    const { target } = await open(models, zoo("b"), NO_SETTINGS);
    expect((await target.exchange(inferFrame(RED)))[4]).toBe(5);
    await expect.poll(() => models.list().map(({ loaded }) => loaded)).toEqual([false, true, true]);
  });

  it("do not sleep while they answer, nor when one alone passes the limit", async () => {
    const { engine, models } = setUp({ modelsLoadedMax: 10, modelsMemoryBytesMax: 50 });
    const { target } = await open(models, zoo("a"), NO_SETTINGS);
    await expect.poll(() => models.list()[0]?.memoryBytes).toBe(100);
    expect(engine.models[0]?.alive).toBe(true);
    await Promise.all([
      ...Array.from({ length: 20 }, () => target.exchange(inferFrame(RED))),
      ...["b", "c"].map((id) => open(models, zoo(id), NO_SETTINGS)),
    ]);
    await expect.poll(() => models.loadedCount()).toBe(1);
  });

  it("wait for room while every slot loads, and all are answered", async () => {
    const { engine, models } = setUp();
    let finishLoads = () => {};
    engine.loadGate = new Promise((resolve) => {
      finishLoads = resolve;
    });
    const opening = Promise.all(["a", "b", "c"].map((id) => open(models, zoo(id), NO_SETTINGS)));
    await expect.poll(() => engine.loadCount).toBe(2);
    finishLoads();
    expect((await opening).map(({ identity }) => identity.id)).toEqual(["a", "b", "c"]);
    expect(models.loadedCount()).toBe(2);
  });

  it("that were closed to make room load again when their target is used", async () => {
    const { engine, models } = setUp({ modelsLoadedMax: 1 });
    const first = await open(models, zoo("a"), NO_SETTINGS);
    await open(models, zoo("b"), NO_SETTINGS);
    expect((await first.target.exchange(inferFrame(RED)))[4]).toBe(5);
    expect(engine.loadCount).toBe(3);
  });

  it("whose engine died answer on a fresh one", async () => {
    const { engine, models } = setUp();
    const { target } = await open(models, zoo("a"), NO_SETTINGS);
    engine.diesAfter = 0;
    expect((await target.exchange(inferFrame(RED)))[4]).toBe(5);
    expect(engine.loadCount).toBe(2);
  });

  it("without a retry tell of the death, and load again for the next", async () => {
    const { engine, models } = setUp({ retryCount: 0 });
    const { target } = await open(models, zoo("a"), NO_SETTINGS);
    engine.diesAfter = 0;
    await expect(target.exchange(inferFrame(RED))).rejects.toMatchObject({ code: "engine_failed" });
    expect((await target.exchange(inferFrame(RED)))[4]).toBe(5);
  });

  it("that cannot be loaded are listed as failed until they can", async () => {
    let graph = Buffer.from("broken");
    const broken: ZooModel = { ...zooModel("broken"), readGraph: async () => graph };
    const { models } = setUp({ zoo: [broken] });
    await expect(open(models, zoo("broken"), NO_SETTINGS)).rejects.toMatchObject({ code: "graph_invalid" });
    expect(models.list()[0]).toMatchObject({ state: "failed", problem: "this is not a graph", loaded: false });
    graph = Buffer.from("graph, mended");
    await open(models, zoo("broken"), NO_SETTINGS);
    expect(models.list()[0]).toMatchObject({ state: "available", problem: null, loaded: true });
  });

  it("free their slot when they cannot be loaded", async () => {
    const { models } = setUp({ modelsLoadedMax: 1 });
    for (const name of ["x", "y", "z"]) {
      await expect(open(models, upload(name), NO_SETTINGS)).rejects.toMatchObject({ code: "graph_invalid" });
    }
    expect((await open(models, zoo("a"), NO_SETTINGS)).identity.id).toBe("a");
  });

  it("are refused once the service stops", async () => {
    const { engine, models } = setUp();
    await open(models, zoo("a"), NO_SETTINGS);
    await models.close();
    expect(engine.models[0]?.alive).toBe(false);
    await expect(open(models, zoo("a"), NO_SETTINGS)).rejects.toMatchObject({ code: "engine_unavailable" });
  });
});

describe("uploaded graphs", () => {
  const known = (graph: string): ModelChoice => ({ kind: "uploaded", sha256: file(graph).sha256, labels: null });

  it("are found again by their SHA-256, and tell how many labels came with them", async () => {
    const { engine, models } = setUp();
    await open(models, upload("graph 1"), NO_SETTINGS);
    const again = await open(models, known("graph 1"), NO_SETTINGS);
    expect(engine.loadCount).toBe(1);
    expect(again.identity).toEqual({
      id: "uploaded",
      version: file("graph 1").sha256.slice(0, 12),
      sha256: file("graph 1").sha256,
    });
    expect(engine.requests[0]?.label_count).toBe(3);
  });

  it("are forgotten, the one unused for longest first, when the room for them is full", async () => {
    const { models } = setUp({ uploadedGraphsBytesMax: 60 });
    for (const name of ["graph 1", "graph 2"]) await open(models, upload(name), NO_SETTINGS);
    await open(models, known("graph 1"), NO_SETTINGS);
    await open(models, upload("graph 3"), NO_SETTINGS);
    await expect(open(models, known("graph 2"), NO_SETTINGS)).rejects.toMatchObject({ code: "model_unknown" });
    expect((await open(models, known("graph 1"), NO_SETTINGS)).identity.id).toBe("uploaded");
  });

  it("are refused where the engine has to be confined and is not, and models of the zoo are not", async () => {
    const { engine, models } = setUp({ sandboxRequired: true });
    engine.sandbox = { held: [], missing: ["seccomp: the kernel has none"] };
    await expect(open(models, upload("graph 1"), NO_SETTINGS)).rejects.toThrow(/seccomp: the kernel has none/);
    expect((await open(models, zoo("a"), NO_SETTINGS)).identity.id).toBe("a");
    engine.sandbox = { held: ["seccomp"], missing: [] };
    expect((await open(models, upload("graph 1"), NO_SETTINGS)).identity.id).toBe("uploaded");
  });

  it("without labels number their classes", async () => {
    const { engine, models } = setUp();
    const { target } = await open(models, { kind: "upload", graph: graphFile("graph 1"), labels: null }, NO_SETTINGS);
    expect(target.labels).toBeNull();
    expect(engine.requests[0]).not.toHaveProperty("label_count");
  });

  it("that are no graphs are not kept", async () => {
    const { models } = setUp();
    await expect(open(models, upload("junk"), NO_SETTINGS)).rejects.toMatchObject({ code: "graph_invalid" });
    await expect(open(models, known("junk"), NO_SETTINGS)).rejects.toMatchObject({ code: "model_unknown" });
  });

  it("are one client's with their labels and settings: no other one changes or drops them", async () => {
    const { models } = setUp();
    const labels = (text: string) => file(text);
    const send = (by: Party, text: string) =>
      open(models, { kind: "upload", graph: graphFile("graph 1"), labels: labels(text) }, NO_SETTINGS, by);
    const [victim, other] = [party("victim"), party("other")];
    const again = async () => {
      const { target } = await open(models, known("graph 1"), NO_SETTINGS, victim);
      return target.labels === null ? null : Buffer.from(target.labels).toString();
    };
    await send(victim, "red\ngreen\nblue");
    await send(other, "x\ny\nz");
    expect(await again()).toBe("red\ngreen\nblue");
    await expect(open(models, upload("junk"), NO_SETTINGS, other)).rejects.toMatchObject({ code: "graph_invalid" });
    expect(await again()).toBe("red\ngreen\nblue");
    const bare = await open(models, known("graph 1"), NO_SETTINGS, party("third"));
    expect(bare.target.labels).toBeNull();
  });
});

describe("graphs of clients", () => {
  it("never take the last slots, which are the zoo's", async () => {
    const { engine, models } = setUp({ modelsLoadedMax: 4 });
    let finishLoads = () => {};
    engine.loadGate = new Promise((resolve) => {
      finishLoads = resolve;
    });
    const callers = ["a", "b", "c", "d", "e"];
    const opening = callers.map((caller) => open(models, upload(`graph ${caller}`), NO_SETTINGS, party(caller)));
    await expect.poll(() => engine.loadCount).toBe(2);
    const ofZoo = open(models, zoo("a"), NO_SETTINGS);
    await expect.poll(() => engine.loadCount).toBe(3);
    expect(engine.graphs[2]?.toString()).toBe("graph a");
    finishLoads();
    await Promise.all([...opening, ofZoo]);
    expect(models.loadedCount()).toBeLessThanOrEqual(4);
    expect(models.list().find(({ model }) => model.manifest.id === "a")?.loaded).toBe(true);
  });

  it("are loaded a few at a time, in turns of their callers", async () => {
    const { engine, models } = setUp({ modelsLoadedMax: 100, strangerLoadsMax: 1 });
    const order = ["1", "2", "3"].map((name) => open(models, upload(`graph many ${name}`), NO_SETTINGS, party("many")));
    order.push(open(models, upload("graph other"), NO_SETTINGS, party("other")));
    await Promise.all(order);
    const names = engine.graphs.map((graph) => graph.toString());
    expect(names).toEqual(["graph many 1", "graph many 2", "graph other", "graph many 3"]);
  });

  it("are waited for until the request's own deadline", async () => {
    const { engine, models } = setUp({ modelsLoadedMax: 1 });
    engine.loadGate = new Promise(() => {});
    void open(models, upload("graph slow"), NO_SETTINGS, party("slow"));
    await expect.poll(() => engine.loadCount).toBe(1);
    const deadline = new AbortController();
    const waiting = open(models, upload("graph other"), NO_SETTINGS, party("other", deadline.signal));
    const following = open(models, upload("graph slow"), NO_SETTINGS, party("other", deadline.signal));
    deadline.abort(new AppError("engine_timeout", "Too late."));
    await expect(waiting).rejects.toThrow("Too late.");
    await expect(following).rejects.toThrow("Too late.");
  });

  it("that kill their engine while they load are not tried again", async () => {
    const { engine, models } = setUp();
    const load = vi.spyOn(engine, "load").mockRejectedValue(new AppError("engine_failed", "The engine ended."));
    await expect(open(models, upload("graph killer"), NO_SETTINGS)).rejects.toMatchObject({ code: "engine_failed" });
    expect(load).toHaveBeenCalledTimes(1);
  });

  it("are other models than the zoo's with the same bytes", async () => {
    const { engine, models } = setUp({ zoo: [zooModel("a", { default: true, graph: Buffer.from("graph 1") })] });
    await open(models, zoo("a"), NO_SETTINGS);
    await open(models, upload("graph 1"), NO_SETTINGS);
    expect(engine.loadCount).toBe(2);
  });
});
