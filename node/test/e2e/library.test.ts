/** The library. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { createClassifier as CreateClassifier } from "../../src/index.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo } from "../support/server.js";

const { createClassifier } = (await import(new URL("../../dist/index.js", import.meta.url).href)) as {
  createClassifier: typeof CreateClassifier;
};
const RED = solidPng(64, 48, [255, 0, 0]);
const BLUE = solidPng(64, 48, [0, 0, 255]);

let zoo: string;
beforeAll(async () => {
  zoo = await makeColourZoo();
});
afterAll(() => rm(zoo, { recursive: true }));

describe("the library", () => {
  it("classifies with the default model, and leaves the caller's bytes as they are", async () => {
    const classifier = await createClassifier({ config: { modelsDir: zoo } });
    const image = new Uint8Array(RED);
    const answer = await classifier.classify(image);
    expect(answer).toMatchObject({ label: "red", band: "high", image: { width: 64, height: 48, format: "png" } });
    expect(image).toEqual(new Uint8Array(RED));
    // With memory of its own, as `readFile` gives one.
    const read = Buffer.from(new Uint8Array(RED).buffer);
    await classifier.classify(read);
    expect(read).toEqual(Buffer.from(RED));
    expect((await classifier.classify(BLUE, { topK: 1 })).top).toEqual([
      { label: "blue", index: 2, probability: expect.closeTo(0.576, 3) },
    ]);
    expect(classifier.model).toMatchObject({ id: "colours", version: "1" });
    expect(classifier.spec.labels).toMatchObject({ count: 3 });
    await classifier.close();
  });

  it("classifies with a graph of the caller's own", async () => {
    const model = { graph: meanColourGraph(), labels: Buffer.from("r\ng\nb\n"), overrides: { mean: [0], std: [255] } };
    const classifier = await createClassifier({ model });
    model.graph.fill(0);
    expect((await classifier.classify(BLUE)).label).toBe("b");
    await expect(classifier.classify(Buffer.from("text"))).rejects.toMatchObject({ code: "image_unsupported" });
    await classifier.close();
  });

  it("says why a model cannot be used, and leaves nothing running", async () => {
    const broken = { graph: Buffer.from("no graph"), labels: COLOURS };
    await expect(createClassifier({ model: broken })).rejects.toMatchObject({ code: "graph_invalid" });
    await expect(createClassifier({ model: "nope", config: { modelsDir: zoo } })).rejects.toMatchObject({
      code: "model_unknown",
    });
  });
});
