/** RUNTIME=auto: which of two engines a graph is loaded on. */
import { describe, expect, it } from "vitest";
import { type AutoEngineOptions, createAutoEngine } from "../src/engines/auto.js";
import { AppError, EngineError } from "../src/errors.js";
import type { LoadRequest } from "../src/generated/contract.js";
import type { GoldenComparison, InferenceEngine, LoadedModel, Pieces } from "../src/ports.js";
import { processEngine } from "./support/engines.js";
import { FakeEngine, inferFrameOf, scoresOf } from "./support/fake-engine.js";
import { meanColourGraph } from "./support/graph-def.js";
import { party } from "./support/party.js";
import { ONNXRUNTIME_DIR } from "./support/paths.js";

const GRAPH = [Buffer.from("graph")];
const REQUEST: LoadRequest = {
  origin: "stranger",
  format: "auto",
  overrides: { mean: [0], std: [255] },
  source: "request",
  graph_sha256: "ab".repeat(32),
  threads: 1,
};

/** A fake that says which runtime it is, and may refuse every graph or answer a little differently. */
class Runtime extends FakeEngine {
  refusal: Error | null = null;
  /** Added to each score. */
  error = 0;

  constructor(private readonly name: string) {
    super();
  }

  override async load(pieces: Pieces, request: LoadRequest): Promise<LoadedModel> {
    this.loadCount += this.refusal === null ? 0 : 1;
    if (this.refusal !== null) throw this.refusal;
    const model = await super.load(pieces, request);
    const exchange = model.exchange.bind(model);
    return Object.assign(model, {
      runtime: { name: this.name, version: "1.0" },
      exchange: async (...call: Parameters<LoadedModel["exchange"]>) => {
        const reply = await exchange(...call);
        const view = new DataView(reply.buffer, reply.byteOffset, reply.byteLength);
        for (let at = 25; at < reply.length; at += 4) view.setFloat32(at, view.getFloat32(at, true) + this.error, true);
        return reply;
      },
    });
  }

  get aliveCount(): number {
    return this.models.filter((model) => model.alive).length;
  }
}

function setUp() {
  const [libtensorflow, onnxruntime] = [new Runtime("libtensorflow"), new Runtime("onnxruntime")];
  const logged: Parameters<AutoEngineOptions["log"]>[0][] = [];
  const golden: { -readonly [Key in keyof GoldenComparison]: GoldenComparison[Key] } = {
    photoCount: 0,
    difference: null,
  };
  const engine = createAutoEngine({
    onnxruntime,
    openLibtensorflow: () => libtensorflow,
    compareGolden: async () => golden,
    log: (choice) => logged.push(choice),
  });
  return { libtensorflow, onnxruntime, engine, golden, logged };
}

const load = (engine: InferenceEngine, request: Partial<LoadRequest> = {}) =>
  engine.load(GRAPH, { ...REQUEST, ...request });

describe("an engine that chooses for each graph", () => {
  it("takes ONNX Runtime where both agree, ends the other process, and compares a graph once", async () => {
    const { libtensorflow, onnxruntime, engine, logged } = setUp();
    onnxruntime.error = 0.5e-4;
    const model = await load(engine);
    expect(model.runtime).toEqual({ name: "onnxruntime", version: "1.0" });
    expect([libtensorflow.aliveCount, onnxruntime.aliveCount]).toEqual([0, 1]);
    await load(engine);
    expect([libtensorflow.loadCount, onnxruntime.loadCount]).toEqual([1, 2]);
    await load(engine, { overrides: { mean: [0], std: [1] } });
    expect([libtensorflow.loadCount, onnxruntime.loadCount], "other settings, other answers").toEqual([2, 3]);
    expect(logged).toEqual([]);
  });

  it("takes libtensorflow where a probability differs, and says by how much", async () => {
    const { libtensorflow, onnxruntime, engine, logged } = setUp();
    onnxruntime.error = 2e-4;
    const { runtime } = await load(engine);
    expect(runtime?.name).toBe("libtensorflow");
    expect(runtime?.reason).toMatch(/differs by 0\.00020 from libtensorflow's; at most 0\.0001 is taken/);
    expect([libtensorflow.aliveCount, onnxruntime.aliveCount]).toEqual([1, 0]);
    expect(logged).toEqual([{ runtime: "libtensorflow", reason: runtime?.reason, sha256: REQUEST.graph_sha256 }]);
    expect((await load(engine)).runtime).toEqual(runtime);
    expect(onnxruntime.loadCount).toBe(1);
  });

  it("takes libtensorflow where a score of ONNX Runtime is no number", async () => {
    const { onnxruntime, engine } = setUp();
    onnxruntime.error = Number.NaN;
    expect((await load(engine)).runtime?.name).toBe("libtensorflow");
  });

  it("takes libtensorflow for an op that has no translation, which it names", async () => {
    const { onnxruntime, engine } = setUp();
    onnxruntime.refusal = new AppError("graph_invalid", "Op Foo (node bar) has no ONNX translation.");
    const { runtime } = await load(engine);
    expect(runtime).toMatchObject({ name: "libtensorflow", reason: onnxruntime.refusal.message });
    await load(engine);
    expect(onnxruntime.loadCount).toBe(1);
  });

  it("asks again after a process was lost, which says nothing of the graph", async () => {
    const { onnxruntime, engine } = setUp();
    onnxruntime.refusal = new EngineError("engine_failed", "loading", "The engine ended.");
    expect((await load(engine)).runtime?.name).toBe("libtensorflow");
    onnxruntime.refusal = null;
    expect((await load(engine)).runtime?.name).toBe("onnxruntime");
  });

  it("refuses what libtensorflow refuses, and leaves no process behind", async () => {
    const { libtensorflow, onnxruntime, engine } = setUp();
    libtensorflow.refusal = new AppError("graph_invalid", "It is none.");
    await expect(load(engine)).rejects.toThrow("It is none.");
    expect(onnxruntime.aliveCount).toBe(0);
  });

  it("runs graphs unchecked on ONNX Runtime where there is no libtensorflow, and says so", async () => {
    const { libtensorflow, onnxruntime, engine, logged } = setUp();
    libtensorflow.refusal = new AppError("engine_unavailable", "libtensorflow was not found.");
    const { runtime } = await load(engine);
    expect(runtime).toMatchObject({ name: "onnxruntime", reason: expect.stringContaining("not compared") });
    expect(logged).toHaveLength(1);
    onnxruntime.refusal = new AppError("graph_invalid", "Op Foo has no ONNX translation.");
    await expect(load(engine)).rejects.toThrow("no ONNX translation");
  });

  it("takes what is kept of a model in place of libtensorflow where that is not there, once", async () => {
    const { libtensorflow, engine, golden, logged } = setUp();
    libtensorflow.refusal = new AppError("engine_unavailable", "libtensorflow was not found.");
    golden.photoCount = 2;
    expect((await load(engine)).runtime).toEqual({ name: "onnxruntime", version: "1.0" });
    await load(engine);
    expect(libtensorflow.loadCount).toBe(1);
    expect(logged).toEqual([]);
  });

  it("refuses a model that says otherwise than is kept of it where libtensorflow is not there", async () => {
    const { libtensorflow, onnxruntime, engine, golden, logged } = setUp();
    libtensorflow.refusal = new AppError("engine_unavailable", "libtensorflow was not found.");
    Object.assign(golden, { photoCount: 1, difference: "red.png: red 0.5 in place of 0.6" });
    const refusal = await load(engine).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: "engine_unavailable",
      message: expect.stringMatching(
        /no libtensorflow.*red 0\.5 in place of 0\.6.*LIBTENSORFLOW_PATH.*RUNTIME=onnxruntime/,
      ),
    });
    expect(onnxruntime.aliveCount).toBe(0);
    expect(logged).toEqual([
      { runtime: null, reason: expect.stringContaining("golden.json"), sha256: REQUEST.graph_sha256 },
    ]);
  });

  it("compares such a model once for its graph, settings and version", async () => {
    const { libtensorflow, onnxruntime, engine, golden, logged } = setUp();
    libtensorflow.refusal = new AppError("engine_unavailable", "libtensorflow was not found.");
    Object.assign(golden, { photoCount: 1, difference: "red.png: red 0.5 in place of 0.6" });
    const identity = { id: "colours", version: "1", sha256: "ab".repeat(32) };
    const ask = (request: Partial<LoadRequest>, version: string) =>
      engine
        .load(GRAPH, { ...REQUEST, ...request }, null, { ...identity, version })
        .catch(({ message }: Error) => message);
    const refusal = await ask({}, "1");
    expect(refusal).toContain("red 0.5");
    expect(await ask({}, "1")).toBe(refusal);
    expect([libtensorflow.loadCount, onnxruntime.loadCount, logged.length]).toEqual([1, 1, 1]);
    await ask({ overrides: { mean: [0], std: [1] } }, "1");
    expect(onnxruntime.loadCount, "other settings, other answers").toBe(2);
    golden.difference = null;
    expect(await ask({}, "2"), "another version has golden answers of its own").toMatchObject({
      runtime: { name: "onnxruntime" },
    });
    expect(await ask({}, "1")).toBe(refusal);
  });

  it("counts the models of both", async () => {
    const { onnxruntime, engine } = setUp();
    await load(engine);
    onnxruntime.error = 1;
    await load(engine, { graph_sha256: "cd".repeat(32) });
    expect(engine.status().modelCount).toBe(2);
    expect(await engine.memoryBytes()).toBe(200);
    await engine.close();
    expect(engine.status().modelCount).toBe(0);
  });
});

it.skipIf(ONNXRUNTIME_DIR === undefined)(
  "the real engines agree on a graph, which then runs on ONNX Runtime",
  async () => {
    const engine = createAutoEngine({
      onnxruntime: processEngine({}, "onnxruntime"),
      openLibtensorflow: () => processEngine({ spareCount: 0 }),
      compareGolden: async () => ({ photoCount: 0, difference: null }),
      log: () => {},
    });
    try {
      const model = await engine.load([meanColourGraph()], REQUEST);
      expect(model.runtime).toMatchObject({ name: "onnxruntime" });
      expect(model.runtime?.reason).toBeUndefined();
      const [, green = 0] = scoresOf(
        await model.exchange(inferFrameOf(model.spec.input.width, [[0, 255, 0]]), party()),
      );
      expect(green).toBeCloseTo(Math.E / (Math.E + 2), 5);
    } finally {
      await engine.close();
    }
  },
);
