/** Models written for other programs, by the calls of HTTP and by the engine's own process. */
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createExporter } from "../src/engines/exporter.js";
import { AppError } from "../src/errors.js";
import { Company } from "../src/fair-queue.js";
import type { ExportChoice, ExportSubject, Party } from "../src/ports.js";
import type { Child } from "../src/start-child.js";
import { type FakeService, startFakeService } from "./support/fake-service.js";
import { COLOURS, fileReadingGraph, meanColourGraph } from "./support/graph-def.js";
import { ENGINE_FILE } from "./support/paths.js";

describe("GET /api/models/{id}/graph?as=", () => {
  let service: FakeService;
  beforeAll(async () => {
    service = await startFakeService();
  });
  afterAll(() => service.close());
  const graph = (query: string, id = "colours") => fetch(`${service.url}/api/models/${id}/graph${query}`);

  it.each([
    ["?as=onnx", "colours-1.onnx", "onnx 1 of graph"],
    ["?as=onnx&preprocess=1", "colours-1.onnx", "pixels onnx 1 of graph"],
    ["?as=frozen&preprocess=0", "colours-1.frozen.pb", "frozen 1 of graph"],
    ["?as=savedmodel&preprocess=true", "colours-1.savedmodel.zip", "pixels savedmodel 1 of graph"],
    ["", "colours-1.pb", "graph"],
  ])("%s answers a file of that form", async (query, name, begin) => {
    const response = await graph(query);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-disposition")).toBe(`attachment; filename=${name}`);
    expect(await response.text()).toMatch(new RegExp(`^${begin}`));
  });

  it.each([
    ["?as=tflite", 400, /as=tflite: it must be onnx, frozen or savedmodel/],
    ["?as=onnx&preprocess=yes", 400, /preprocess=yes: it must be 0, 1, true or false/],
    ["?preprocess=1", 400, /say with as=/],
  ])("%s is refused with what it may be", async (query, status, detail) => {
    const response = await graph(query);
    const problem = (await response.json()) as { code: string; detail: string };
    expect([response.status, problem.code]).toEqual([status, "field_invalid"]);
    expect(problem.detail).toMatch(detail);
  });

  it("knows no model that is not there", async () => {
    expect((await graph("?as=onnx", "nobody")).status).toBe(404);
  });
});

describe("the engine's process", () => {
  const exportModel = createExporter({ command: { path: ENGINE_FILE, args: ["export"], environment: {} }, log() {} });
  const written = async (graph: Buffer, choice: ExportChoice, signal = AbortSignal.timeout(20_000)) =>
    Buffer.concat(
      await exportModel(
        {
          // In two pieces, as uploads come.
          graph: [graph.subarray(0, 20), graph.subarray(20)],
          request: { origin: "stranger", format: "auto", overrides: {}, source: "request", threads: 0 },
          labels: COLOURS,
          labelOffset: null,
          temperature: 2,
        },
        choice,
        partyOf("a", signal),
      ),
    );

  it("writes an ONNX model with its labels and settings", async () => {
    const model = (await written(meanColourGraph(), { form: "onnx", preprocess: false })).toString("latin1");
    for (const text of ["menagerie", "ReduceMean", "Softmax", '["red","green","blue"]', "temperature"])
      expect(model).toContain(text);
    expect(model).not.toContain("pixels");
  });

  it("writes graphs that take pixels and give probabilities", async () => {
    for (const form of ["onnx", "frozen", "savedmodel"] as const) {
      const model = (await written(meanColourGraph(), { form, preprocess: true })).toString("latin1");
      expect(model, form).toContain("pixels");
      expect(model, form).toContain("probabilities");
    }
  });

  it("refuses what it would not serve, with the code and the words of a load", async () => {
    await expect(written(fileReadingGraph(), { form: "onnx", preprocess: false })).rejects.toMatchObject({
      code: "graph_op_forbidden",
      message: expect.stringContaining("ReadFile"),
    });
    await expect(written(Buffer.from("no graph at all"), { form: "frozen", preprocess: false })).rejects.toMatchObject({
      code: "graph_invalid",
    });
  });

  it("is ended with the reason of the signal", async () => {
    const reason = new Error("enough");
    const stopped = written(meanColourGraph(), { form: "onnx", preprocess: false }, AbortSignal.abort(reason));
    await expect(stopped).rejects.toBe(reason);
  });
});

const subject: ExportSubject = {
  graph: [],
  request: { origin: "stranger", format: "auto", overrides: {}, source: "request", threads: 0 },
  labels: null,
  labelOffset: null,
  temperature: 1,
};

it("an engine that is not there is engine_unavailable", async () => {
  const nowhere = createExporter({ command: { path: "/nowhere/engine", args: [], environment: {} }, log() {} });
  const choice = { form: "onnx", preprocess: false } as const;
  await expect(nowhere(subject, choice, partyOf("a", AbortSignal.timeout(5000)))).rejects.toMatchObject({
    code: "engine_unavailable",
  });
});

describe("exports of one caller", () => {
  const CORES = 3;
  const choice = { form: "onnx", preprocess: false } as const;

  /** A process that writes `done` when it is told to. */
  class FakeProcess extends EventEmitter {
    readonly stdin = new PassThrough().resume();
    readonly stdout = new PassThrough();
    readonly stderr = new PassThrough();
    kill = () => true;
    finish() {
      this.stdout.end("done");
      this.stderr.end();
      setImmediate(() => this.emit("close", 0, null));
    }
  }

  function start() {
    const company = new Company(CORES, () => 0);
    const started: FakeProcess[] = [];
    const startChild = () => {
      const child = new FakeProcess();
      started.push(child);
      return child as unknown as Child;
    };
    const command = { path: "engine", args: [], environment: {} };
    return { company, started, exportModel: createExporter({ command, startChild, company, log() {} }) };
  }

  it("leave a core to others while those are about, and take their turns", async () => {
    const { company, started, exportModel } = start();
    company.note("other");
    const asked = Array.from({ length: 5 }, () => exportModel(subject, choice, partyOf("a")));
    await expect.poll(() => started.length).toBe(CORES - 1);
    const others = exportModel(subject, choice, partyOf("other"));
    await expect.poll(() => started.length).toBe(CORES);
    for (let count = 0; count < 6; count += 1) {
      await expect.poll(() => started.length).toBeGreaterThan(count);
      started[count]?.finish();
    }
    const texts = (await Promise.all([...asked, others])).map((pieces) => Buffer.concat(pieces).toString());
    expect(texts).toEqual(Array.from({ length: 6 }, () => "done"));
  });

  it("are all made at once where nobody else is about", async () => {
    const { started, exportModel } = start();
    const asked = Array.from({ length: 5 }, () => exportModel(subject, choice, partyOf("a")));
    await expect.poll(() => started.length).toBe(5);
    for (const child of started) child.finish();
    await Promise.all(asked);
  });

  it("are counted to it while they are written, and ended where they are more than its share", async () => {
    const { started, exportModel } = start();
    let heldBytes = 0;
    const hold = (bytes: number) => {
      if (heldBytes + bytes > 100) throw new AppError("overloaded", "too much is held");
      heldBytes += bytes;
      return () => {
        heldBytes -= bytes;
      };
    };
    const asked = exportModel(subject, choice, { ...partyOf("a"), hold });
    await expect.poll(() => started.length).toBe(1);
    const [child] = started;
    const killed = vi.spyOn(child as FakeProcess, "kill");
    child?.stdout.write(Buffer.alloc(80));
    await expect.poll(() => heldBytes).toBe(80);
    child?.stdout.write(Buffer.alloc(80));
    await expect(asked).rejects.toMatchObject({ code: "overloaded" });
    expect(killed).toHaveBeenCalledWith("SIGKILL");
    // What it wrote before it was ended counts for nothing.
    child?.stdout.write(Buffer.alloc(10));
    await new Promise((resolve) => setImmediate(resolve));
    expect(heldBytes).toBe(0);

    const whole = exportModel(subject, choice, { ...partyOf("a"), hold });
    await expect.poll(() => started.length).toBe(2);
    started[1]?.finish();
    expect(Buffer.concat(await whole).toString()).toBe("done");
    expect(heldBytes).toBe(0);
  });

  it("that wait are given up at once with the reason of their signal", async () => {
    const { company, started, exportModel } = start();
    company.note("other");
    const gone = new AbortController();
    const asked = Array.from({ length: CORES - 1 }, () => exportModel(subject, choice, partyOf("a")));
    const waiting = exportModel(subject, choice, partyOf("a", gone.signal));
    const reason = new Error("enough");
    gone.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(started).toHaveLength(CORES - 1);
    for (const child of started) child.finish();
    await Promise.all(asked);
  });
});

function partyOf(caller: string, signal = AbortSignal.timeout(20_000)): Party {
  return { caller, request: {}, signal, hold: () => () => {} };
}
