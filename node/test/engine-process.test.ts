/** The pool: one process a model, and a spare that waits. */
import { describe, expect, it } from "vitest";
import type { LoadRequest } from "../src/generated/contract.js";
import type { InferenceEngine } from "../src/ports.js";
import { fixtureCommand, processEngine } from "./support/engines.js";
import { frameOf, scoresOf } from "./support/fake-engine.js";
import { party } from "./support/party.js";
import { childrenOf, signalAll } from "./support/server.js";

const REQUEST: LoadRequest = { overrides: {}, source: "request", threads: 0 };
const GRAPH = [Buffer.from("gr"), Buffer.from("aph")];
const FRAME = () => frameOf(4, 0, new Uint8Array(7));

function pool(behaviour: string, options: Parameters<typeof processEngine>[0] = {}): InferenceEngine {
  return processEngine({ command: fixtureCommand(behaviour), closeMsMax: 5000, ...options });
}

async function untilReady(engine: InferenceEngine): Promise<void> {
  await expect.poll(() => engine.status().ready).toBe(true);
}

describe("the pool of engine processes", () => {
  it("starts a spare before anything is asked of it, and a new one when it is taken", async () => {
    const engine = pool("answers");
    await untilReady(engine);
    expect(engine.status()).toMatchObject({ kind: "process", libtensorflow: "0", modelCount: 0, spareCount: 1 });
    const model = await engine.load(GRAPH, REQUEST);
    // The model's first answer comes first; the engine stays ready meanwhile.
    expect(engine.status()).toMatchObject({ ready: true, spareCount: 0 });
    expect(scoresOf(await model.exchange(FRAME(), party()))).toEqual([0.25, 0.75]);
    await expect.poll(() => engine.status().spareCount).toBe(1);
    expect(engine.status().modelCount).toBe(1);
    await engine.close();
  });

  it("works without spares", async () => {
    const engine = pool("answers", { spareCount: 0 });
    const models = await Promise.all([engine.load(GRAPH, REQUEST), engine.load(GRAPH, REQUEST)]);
    expect(engine.status()).toMatchObject({ modelCount: 2, spareCount: 0 });
    await models[0].close();
    await expect.poll(() => engine.status().modelCount).toBe(1);
    await engine.close();
  });

  it("loads on a fresh process when the spare that it took was dying", async () => {
    const engine = pool("answers");
    await untilReady(engine);
    signalAll(childrenOf(process.pid), "SIGKILL");
    const model = await engine.load(GRAPH, REQUEST);
    expect(scoresOf(await model.exchange(FRAME(), party()))).toEqual([0.25, 0.75]);
    await engine.close();
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
    expect(engine.status()).toMatchObject({ ready: false, libtensorflow: null });
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
    await expect(engine.load(GRAPH, REQUEST)).rejects.toMatchObject({ code: "engine_unavailable" });
    await engine.close();
    await expect(engine.load(GRAPH, REQUEST)).rejects.toMatchObject({ code: "engine_unavailable" });
  });

  it("ends a process that passes the deadline of a run, and the model is gone", async () => {
    const engine = pool("never-answers", { firstRunMsMax: 200 });
    const model = await engine.load(GRAPH, REQUEST);
    await expect(model.exchange(FRAME(), party())).rejects.toMatchObject({ code: "engine_timeout" });
    expect(model.alive).toBe(false);
    await expect.poll(() => engine.status().modelCount).toBe(0);
    await engine.close();
  });
});
