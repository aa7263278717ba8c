/** The service on ONNX Runtime, and where it chooses for each graph. */
import { describe, expect, it } from "vitest";
import { form } from "../support/fake-service.js";
import { COLOURS, untranslatedGraph } from "../support/graph-def.js";
import { ONNXRUNTIME_DIR } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { type RunningServer, serveColours } from "../support/server.js";

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
