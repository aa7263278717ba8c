/** The library and the command. */
import { type ExecFileException, execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { createClassifier as CreateClassifier } from "../../src/index.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { CLI_FILE } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo } from "../support/server.js";

const { createClassifier } = (await import(new URL("../../dist/index.js", import.meta.url).href)) as {
  createClassifier: typeof CreateClassifier;
};
const RED = solidPng(64, 48, [255, 0, 0]);
const BLUE = solidPng(64, 48, [0, 0, 255]);

let zoo: string;
let dir: string;
beforeAll(async () => {
  zoo = await makeColourZoo();
  dir = await mkdtemp(join(tmpdir(), "menagerie-library-"));
  await writeFile(join(dir, "red.png"), RED);
  await writeFile(join(dir, "blue.png"), BLUE);
  await writeFile(join(dir, "graph.pb"), meanColourGraph());
  await writeFile(join(dir, "labels.txt"), COLOURS);
});
afterAll(async () => {
  await rm(zoo, { recursive: true });
  await rm(dir, { recursive: true });
});

interface Run {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

function run(file: string, args: readonly string[], cwd = dir): Promise<Run> {
  const env = { ...process.env, MODELS_DIR: zoo };
  return new Promise((resolve) => {
    execFile(process.execPath, [file, ...args], { env, cwd }, (error: ExecFileException | null, stdout, stderr) => {
      resolve({ stdout, stderr, exitCode: typeof error?.code === "number" ? error.code : 0 });
    });
  });
}

describe("the library", () => {
  it("classifies with the default model, and leaves the caller's bytes as they are", async () => {
    const classifier = await createClassifier({ config: { modelsDir: zoo } });
    const image = new Uint8Array(RED);
    const answer = await classifier.classify(image);
    expect(answer).toMatchObject({ label: "red", band: "high", image: { width: 64, height: 48, format: "png" } });
    expect(image).toEqual(new Uint8Array(RED));
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

describe("the command", () => {
  it("classifies images, one line each", async () => {
    const { stdout, exitCode } = await run(CLI_FILE, ["classify", "red.png", "blue.png"]);
    expect(stdout).toBe("red.png: red (57.6 %, high confidence)\nblue.png: blue (57.6 %, high confidence)\n");
    expect(exitCode).toBe(0);
  });

  it("classifies with a graph of the caller's own, as JSON", async () => {
    const args = ["classify", "blue.png", "--model", "graph.pb", "--labels", "labels.txt", "--json"];
    const { stdout } = await run(CLI_FILE, args);
    expect(JSON.parse(stdout)).toMatchObject({
      image: { name: "blue.png", width: 64 },
      model: { id: "uploaded" },
      label: "blue",
    });
  });

  it("says which image failed, answers the others, and exits with 1", async () => {
    const { stdout, stderr, exitCode } = await run(CLI_FILE, ["classify", "labels.txt", "red.png"]);
    expect(stderr).toMatch(/^labels\.txt: .*\(image_unsupported\)\n$/);
    expect(stdout).toMatch(/^red\.png: red/);
    expect(exitCode).toBe(1);
  });

  it("explains a graph", async () => {
    const { stdout, exitCode } = await run(CLI_FILE, ["inspect", "graph.pb", "labels.txt", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      input: { tensor: "input" },
      output: { classes: 3 },
      labels: { count: 3 },
    });
    expect(exitCode).toBe(0);
  });

  it.each([
    [[]],
    [["clasify"]],
    [["classify"]],
    [["classify", "a.png", "--labels", "x"]],
    [["inspect"]],
    [["classify", "--x"]],
  ])("shows how it is used for %j, and exits with 2", async (args) => {
    const { stderr, exitCode } = await run(CLI_FILE, args);
    expect(stderr).toContain("menagerie classify IMAGE");
    expect(exitCode).toBe(2);
  });

  it("says what is missing", async () => {
    const { stderr, exitCode } = await run(CLI_FILE, ["classify", "nowhere.png"]);
    expect(stderr).toContain("nowhere.png");
    expect(exitCode).toBe(1);
  });
});
