/** The pool: one process a model, and a spare that waits. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { LoadRequest } from "../src/generated/contract.js";
import type { InferenceEngine } from "../src/ports.js";
import { fixtureCommand, processEngine } from "./support/engines.js";
import { frameOf, scoresOf } from "./support/fake-engine.js";
import { party } from "./support/party.js";
import { childrenOf, signalAll } from "./support/server.js";

const REQUEST: LoadRequest = { origin: "stranger", format: "auto", overrides: {}, source: "request", threads: 0 };
const RUNTIME = { name: "fixture", version: "0" };
const GRAPH = [Buffer.from("gr"), Buffer.from("aph")];
const FRAME = () => frameOf(4, 0, new Uint8Array(7));

function pool(behaviour: string, options: Parameters<typeof processEngine>[0] = {}): InferenceEngine {
  return processEngine({ command: fixtureCommand(behaviour), closeMsMax: 5000, ...options });
}

async function untilReady(engine: InferenceEngine): Promise<void> {
  await expect.poll(() => engine.status().ready).toBe(true);
}

/** `ORIGIN` of each engine. */
function originsOfChildren(): string[] {
  return childrenOf(process.pid)
    .map((pid) => readFileSync(`/proc/${pid}/environ`, "utf8").split("\0"))
    .flatMap((variables) => variables.filter((variable) => variable.startsWith("ORIGIN=")))
    .map((variable) => variable.slice("ORIGIN=".length))
    .toSorted();
}

describe("the pool of engine processes", () => {
  it("starts a spare before anything is asked of it, and a new one when it is taken", async () => {
    const engine = pool("answers");
    await untilReady(engine);
    expect(engine.status()).toMatchObject({ kind: "process", runtime: RUNTIME, modelCount: 0, spareCount: 1 });
    const model = await engine.load(GRAPH, REQUEST);
    // The model's first answer comes first; the engine stays ready meanwhile.
    expect(engine.status()).toMatchObject({ ready: true, spareCount: 0 });
    expect(scoresOf(await model.exchange(FRAME(), party()))).toEqual([0.25, 0.75]);
    await expect.poll(() => engine.status().spareCount).toBe(1);
    expect(engine.status().modelCount).toBe(1);
    await engine.close();
  });

  it.skipIf(process.platform !== "linux")(
    "starts for strangers what takes their spare's place, and never loads the zoo's there",
    async () => {
      const engine = pool("answers");
      await untilReady(engine);
      expect(originsOfChildren()).toEqual(["zoo"]);
      // A stranger may have the zoo's spare, and pays for the next one.
      await engine.load(GRAPH, REQUEST);
      await expect.poll(() => engine.status().spareCount).toBe(1);
      expect(originsOfChildren()).toEqual(["stranger", "zoo"]);
      await engine.load(GRAPH, { ...REQUEST, origin: "zoo" });
      expect(engine.status()).toMatchObject({ modelCount: 2, spareCount: 1 });
      expect(originsOfChildren()).toEqual(["stranger", "zoo", "zoo"]);
      await engine.load(GRAPH, REQUEST);
      expect(engine.status()).toMatchObject({ modelCount: 3, spareCount: 0 });
      expect(originsOfChildren()).toEqual(["stranger", "zoo", "zoo"]);
      await engine.close();
    },
  );

  it("takes tensors where hello says so, and not where an engine of before says nothing of them", async () => {
    for (const [behaviour, tensors] of [
      ["answers", false],
      ["takes-tensors", true],
    ] as const) {
      const engine = pool(behaviour, { spareCount: 0 });
      expect((await engine.load(GRAPH, REQUEST)).tensors).toBe(tensors);
      await engine.close();
    }
  });

  it("works without spares", async () => {
    const engine = pool("answers", { spareCount: 0 });
    const models = await Promise.all([engine.load(GRAPH, REQUEST), engine.load(GRAPH, REQUEST)]);
    expect(engine.status()).toMatchObject({ modelCount: 2, spareCount: 0 });
    await models[0].close();
    await expect.poll(() => engine.status().modelCount).toBe(1);
    await engine.close();
  });

  it("says what engines are like here also without spares, and keeps none for that", async () => {
    const engine = pool("answers", { spareCount: 0 });
    await untilReady(engine);
    expect(engine.status()).toMatchObject({ runtime: RUNTIME, sandbox: { missing: ["everything"] } });
    await expect.poll(() => childrenOf(process.pid)).toEqual([]);
    expect(engine.status()).toMatchObject({ ready: true, spareCount: 0 });
    await engine.close();
  });

  it("gives a process that is not confined no stranger's graph where that is required", async () => {
    const engine = pool("answers", { spareCount: 0, sandboxRequired: true });
    const load = engine.load(GRAPH, REQUEST);
    await expect(load).rejects.toMatchObject({ code: "forbidden", message: expect.stringContaining("everything") });
    expect((await engine.load(GRAPH, { ...REQUEST, origin: "zoo" })).alive).toBe(true);
    await engine.close();
  });

  it("sends no graph that the process does not take", async () => {
    const engine = pool("takes-little");
    await expect(engine.load(GRAPH, REQUEST)).rejects.toMatchObject({ code: "graph_too_large" });
    await engine.close();
  });

  it.each(["SIGKILL", "SIGSTOP"] as const)("loads on a fresh process when its spare had got %s", async (signal) => {
    const engine = pool("answers");
    await untilReady(engine);
    signalAll(childrenOf(process.pid), signal);
    const model = await engine.load(GRAPH, REQUEST);
    expect(scoresOf(await model.exchange(FRAME(), party()))).toEqual([0.25, 0.75]);
    await engine.close();
  });

  it("tries a load that killed its process no second time, and says that it was given the graph", async () => {
    const lines: string[] = [];
    const engine = pool("dies-on-load", { log: (_pid, line) => lines.push(line) });
    await untilReady(engine);
    await expect(engine.load(GRAPH, REQUEST)).rejects.toMatchObject({ code: "engine_failed", stage: "loading" });
    expect(lines).toEqual(["a graph came"]);
    await engine.close();
  });

  it("says that an answer to a load cannot be read", async () => {
    const engine = pool("loads-nonsense");
    const load = engine.load(GRAPH, REQUEST);
    await expect(load).rejects.toMatchObject({ code: "engine_failed", stage: "loading" });
    await engine.close();
  });

  it("answers more frames than run within the deadline of one, for each has its own", async () => {
    const engine = pool("takes-its-time", { firstRunMsMax: 1000, runMsMax: 1000 });
    const model = await engine.load(GRAPH, REQUEST);
    const replies = await Promise.all(Array.from({ length: 15 }, () => model.exchange(FRAME(), party())));
    expect(replies.map(scoresOf)).toEqual(replies.map(() => [0.25, 0.75]));
    await engine.close();
  });

  it("answers what waits before a model is closed", async () => {
    const engine = pool("takes-its-time");
    const model = await engine.load(GRAPH, REQUEST);
    const replies = Promise.all(Array.from({ length: 4 }, () => model.exchange(FRAME(), party())));
    await model.close();
    expect(await replies).toHaveLength(4);
    await engine.close();
  });

  it("ends every process when it is closed, also one that is loading", async () => {
    const engine = pool("answers");
    const model = engine.load(GRAPH, REQUEST).catch((error: unknown) => error);
    await engine.close();
    await model;
    expect(childrenOf(process.pid)).toEqual([]);
  });

  it("gives each model a process of its own: one that dies takes no other with it", async () => {
    const engine = pool("dies-on-infer");
    const [first, second] = await Promise.all([engine.load(GRAPH, REQUEST), engine.load(GRAPH, REQUEST)]);
    await expect(first.exchange(FRAME(), party())).rejects.toMatchObject({ code: "engine_failed" });
    expect([first.alive, second.alive]).toEqual([false, true]);
    await engine.close();
  });

  it("is not ready while its processes cannot start, tries again ever more rarely, and stops at once", async () => {
    const started: number[] = [];
    const engine = pool("exits-first", { log: () => started.push(Date.now()) });
    await expect.poll(() => started.length).toBeGreaterThanOrEqual(4);
    expect(engine.status()).toMatchObject({ ready: false, runtime: null });
    // It waits 200, 400 and 800 ms. A timer may be a little early by another clock, and late by any time.
    const [, second = 0, third = 0, fourth = 0] = started;
    expect(third - second).toBeGreaterThan(300);
    expect(fourth - third).toBeGreaterThan(600);
    await engine.close();
    const count = started.length;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(started.length).toBe(count);
  });

  it("says engine_unavailable to a load while its processes cannot start", async () => {
    const engine = pool("wrong-protocol");
    const load = engine.load(GRAPH, REQUEST);
    await expect(load).rejects.toMatchObject({ code: "engine_unavailable", stage: "starting" });
    await engine.close();
    await expect(engine.load(GRAPH, REQUEST)).rejects.toMatchObject({ code: "engine_unavailable" });
  });

  it("outlives a shortage of descriptors: what needs a process then is engine_unavailable, and spares come back", () => {
    const script = fileURLToPath(new URL("fixtures/shortage.mjs", import.meta.url));
    const command = `ulimit -n 64 && exec "${process.execPath}" "${script}"`;
    const { stdout, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8", timeout: 60_000 });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual(["loaded", "engine_unavailable while starting", "loaded"]);
  });

  it("ends a process that passes the deadline of a run, and the model is gone", async () => {
    const engine = pool("never-answers", { firstRunMsMax: 200 });
    const model = await engine.load(GRAPH, REQUEST);
    await expect(model.exchange(FRAME(), party())).rejects.toMatchObject({ code: "engine_timeout", stage: "running" });
    expect(model.alive).toBe(false);
    await expect.poll(() => engine.status().modelCount).toBe(0);
    await engine.close();
  });
});
