/** The service on ONNX Runtime, and where it chooses for each graph. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { form } from "../support/fake-service.js";
import { COLOURS, meanColourGraph, untranslatedGraph } from "../support/graph-def.js";
import { colourFolder, replaceFiles, writeFolder } from "../support/model-folder.js";
import { ONNXRUNTIME_DIR } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { type RunningServer, serveColours, startServer } from "../support/server.js";

const GREEN = solidPng(16, 16, [0, 255, 0]);
const GRAPH = {
  model_file: untranslatedGraph(),
  label_file: COLOURS,
  normalization: "0..1",
  output_tensor: "probabilities",
};

async function infer({ url }: RunningServer, parts: Parameters<typeof form>[0] = {}) {
  const body = form({ image_file: GREEN, ...parts });
  const response = await fetch(`${url}/infer?format=json`, { method: "POST", body });
  const answer = (await response.json()) as {
    results?: { label: string; model: { runtime: { name: string; version: string; reason?: string } } }[];
    detail?: string;
  };
  return { status: response.status, detail: answer.detail, ...answer.results?.[0] };
}

describe.skipIf(ONNXRUNTIME_DIR === undefined)("the service on ONNX Runtime", () => {
  const server = serveColours({ RUNTIME: "onnxruntime", LIBTENSORFLOW_PATH: "/nowhere" });

  it("needs no libtensorflow, and says in its answers, its state and its metrics what ran", async () => {
    const { label, model } = await infer(server());
    expect(label).toBe("green");
    expect(model?.runtime).toEqual({ name: "onnxruntime", version: expect.stringMatching(/^1\.\d+/) });
    const ready = await (await fetch(`${server().url}/readyz`)).json();
    expect(ready).toMatchObject({ engine: { runtime: model?.runtime, libtensorflow: null, kernels: "MLAS" } });
    const metrics = await (await fetch(`${server().url}/metrics`)).text();
    expect(metrics).toContain('menagerie_runtime_info{runtime="onnxruntime"');
  });

  it("refuses a graph with an op that has no translation, and says what to do", async () => {
    const { status, detail } = await infer(server(), GRAPH);
    expect(status).toBe(422);
    expect(detail).toMatch(/^Op MulNoNan \(node "square"\) has no ONNX translation.*RUNTIME=auto/);
  });
});

describe.skipIf(ONNXRUNTIME_DIR === undefined)("the service that chooses for each graph", () => {
  const server = serveColours({ RUNTIME: "auto" });

  it("answers on ONNX Runtime, and on libtensorflow where that cannot be, with the reason", async () => {
    const { label, model } = await infer(server());
    expect(label).toBe("green");
    expect(model?.runtime).toEqual({ name: "onnxruntime", version: expect.any(String) });
    const other = await infer(server(), GRAPH);
    expect(other.label).toBe("green");
    expect(other.model?.runtime).toMatchObject({ name: "libtensorflow", reason: expect.stringMatching(/MulNoNan/) });
    const body = form({ ...GRAPH, id: "squares" });
    const registered = await fetch(`${server().url}/api/models`, { method: "POST", body });
    expect(registered.status).toBe(201);
    const described = await (await fetch(`${server().url}/api/models/squares`)).json();
    expect(described).toMatchObject({ runtime: other.model?.runtime });
    expect(server().log()).toContain("a graph runs on libtensorflow");
  });
});

/** A model whose graph no other one has: models of one graph and the same settings are one to the engine. */
function folder(id: string) {
  const files = colourFolder(id);
  const field = (tag: number, text: string) => Buffer.concat([Buffer.from([tag, text.length]), Buffer.from(text)]);
  const node = Buffer.concat([field(0x0a, `unused_${id}`), field(0x12, "NoOp")]);
  replaceFiles(files, { graph: Buffer.concat([meanColourGraph(), Buffer.from([0x0a, node.length]), node]) });
  return files;
}

describe.skipIf(ONNXRUNTIME_DIR === undefined)("the service that would choose, and has no libtensorflow", () => {
  const ENVIRONMENT = { RUNTIME: "auto", LIBTENSORFLOW_PATH: "/nowhere" };
  let zoo: string;
  let server: RunningServer;

  beforeAll(async () => {
    zoo = await mkdtemp(join(tmpdir(), "menagerie-golden-"));
    const [kept, wrong, bare, other] = [folder("kept"), folder("wrong"), folder("bare"), folder("other")];
    await writeFolder(zoo, "kept", kept);
    for (const entry of wrong.golden.cases[0]?.top ?? []) entry["probability"] = Number(entry["probability"]) - 2e-4;
    await writeFolder(zoo, "wrong", wrong);
    bare.golden.cases = [];
    await writeFolder(zoo, "bare", bare);
    // Made of other pixels: what it says is not of this photo.
    for (const one of other.golden.cases) Object.assign(one, { input_sha256: "0".repeat(64), top: one.top.slice(1) });
    await writeFolder(zoo, "other", other);
    server = await startServer({ MODELS_DIR: zoo, ...ENVIRONMENT });
  });
  afterAll(async () => {
    await server.stop();
    await rm(zoo, { recursive: true });
  });

  it("takes the golden answers of a model in its place", async () => {
    const { label, model } = await infer(server, { model: "kept" });
    expect(label).toBe("green");
    expect(model?.runtime).toEqual({ name: "onnxruntime", version: expect.any(String) });
  });

  it("does not serve a model that answers otherwise, and says so in its log and of the model", async () => {
    const { status, detail } = await infer(server, { model: "wrong" });
    expect(status).toBe(503);
    expect(detail).toMatch(
      /golden\.json, and there is no libtensorflow.*red\.png: red 0\.576117 in place of 0\.575917/,
    );
    const described = await fetch(`${server.url}/api/models/wrong`);
    expect(await described.json()).toMatchObject({ status: 503, detail });
    const { models } = (await (await fetch(`${server.url}/api/models`)).json()) as { models: { id: string }[] };
    expect(models.find(({ id }) => id === "wrong")).toMatchObject({ problem: detail });
    expect(server.log()).toContain("a model is not served");
  });

  it.each(["bare", "other"])(
    "serves %s unchecked, and says so: nothing that can be compared is kept of it",
    async (id) => {
      const { label, model } = await infer(server, { model: id });
      expect(label).toBe("green");
      expect(model?.runtime.reason).toMatch(/not compared with libtensorflow's/);
    },
  );

  it("finds the models of the zoo that a clone has as they were", async () => {
    const own = await startServer({ MODELS_DIR: join(ROOT_DIR, "models"), ...ENVIRONMENT });
    try {
      for (const id of ["flowers5", "waste6"]) {
        const { status, detail, model } = await infer(own, { model: id });
        expect({ status, detail, reason: model?.runtime.reason }).toEqual({ status: 200 });
      }
    } finally {
      await own.stop();
    }
  });
});
