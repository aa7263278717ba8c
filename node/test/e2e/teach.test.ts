/** `menagerie teach`: made photos to a model that is served. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR, readConfig } from "../../src/config.js";
import type { Lesson } from "../../src/teach/teach.js";
import { runCommand } from "../support/command.js";
import { CLI_FILE, DIST_DIR } from "../support/paths.js";
import { SHAPES, wave, writeWaves } from "../support/waves.js";

let dir: string;
let zoo: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-taught-"));
  zoo = join(dir, "zoo");
  await cp(join(ROOT_DIR, "models/flowers5"), join(zoo, "flowers5"), { recursive: true });
  await writeWaves(join(dir, "photos"));
});
afterAll(() => rm(dir, { recursive: true }));

const env = () => ({ MODELS_DIR: zoo });
const run = (...args: string[]) => runCommand(args, { cwd: dir, env: env() });
const teach = (images: string, id: string, ...more: string[]) =>
  run("teach", "--base", "flowers5", "--images", images, "--id", id, ...more);

describe("menagerie teach", () => {
  it.each([
    ["one class", { "one/across": 6 }, "only one class"],
    ["too few photos", { "few/across": 6, "few/down": 3 }, '"down" (3): too few photos; each class needs at least 5'],
    [
      "labels that would be read otherwise",
      { "numbers/0 down": 6, "numbers/1 across": 6 },
      '"0 down" would be read as',
    ],
    ["an empty class", { "empty/across": 6, "empty/down": 0 }, "down: There is no photo in this folder"],
    ["a label of two lines", { "lines/across": 6, "lines/down\nhill": 6 }, "a label is one line"],
  ])("refuses %s before anything is trained, and leaves nothing", async (_what, folders, words) => {
    for (const [folder, count] of Object.entries(folders)) {
      await mkdir(join(dir, folder), { recursive: true });
      for (let number = 0; number < Number(count); number += 1)
        await writeFile(
          join(dir, folder, `${number}.png`),
          wave(folder.includes("down") ? SHAPES.down : SHAPES.across, number),
        );
    }
    const { exitCode, stderr } = await teach(Object.keys(folders)[0]?.split("/")[0] ?? "", "nothing");
    expect(stderr).toContain(words);
    expect(exitCode).toBe(1);
    expect(await readdir(zoo)).toEqual(["flowers5"]);
  });

  it.each(["x/../../escaped", "..", "-x", "two words"])("writes nothing for the id %j", async (id) => {
    const { exitCode, stderr } = await teach("photos", id);
    expect(stderr).toContain("must be lower-case letters");
    expect(exitCode).toBe(1);
    expect(await readdir(zoo)).toEqual(["flowers5"]);
  });

  it("makes a model that check finds green, names photos that it left out, and is answered by it", async () => {
    await cp(join(dir, "photos"), join(dir, "odd"), { recursive: true });
    await writeFile(join(dir, "odd/across/broken.jpg"), "no photo");
    await cp(join(dir, "odd/across/0.png"), join(dir, "odd/down/copy.png"));
    await cp(join(dir, "odd/rings/1.png"), join(dir, "odd/rings/again.png"));
    const { exitCode, stderr, stdout } = await teach("odd", "waves", "--json");
    expect(stderr).toMatch(/broken\.jpg is left out: .*plain text/);
    expect(stderr).toMatch(
      /across\/0\.png and .*down\/copy\.png are the same photo in two classes, and left out of both\./,
    );
    expect(stderr).toMatch(/rings\/1\.png is there 2 times, and counted once\./);
    expect(exitCode).toBe(0);
    const lesson = JSON.parse(stdout) as Lesson;
    expect(lesson.report).toMatchObject({ trained: 29, held_out: 6, right: 6 });
    expect(lesson.calibration).toMatchObject({ n: 6, top1: 1 });
    expect(lesson.features).toMatchObject({ tensor: "features", size: 320 });
    expect(lesson.findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(lesson.untold, "the graph tells all that the manifest says").toEqual([]);
    expect((await readdir(zoo)).toSorted()).toEqual(["flowers5", "manifest.schema.json", "waves"]);
    const checked = await run("check", "waves");
    expect(checked.stdout).toMatch(/^waves@1: green/);
    const [answer] = [await run("classify", "photos/down/3.png", "--model", "waves", "--json")];
    expect(JSON.parse(answer.stdout)).toMatchObject({ label: "down" });
    const card = await readFile(join(zoo, "waves/MODEL.md"), "utf8");
    expect(card).toContain("100.0 % (6 of 6; 95 % interval 61.0 % to 100.0 %)");
    expect(card).toContain("Five flowers (`flowers5@1`, Apache-2.0), unchanged.");
    await mkdir(join(zoo, "notes"));
    await writeFile(join(zoo, "notes/todo.txt"), "");
    for (const id of ["notes", "manifest.schema.json"]) {
      const { stderr } = await teach("photos", id);
      expect(stderr, "before a photo is read").toMatch(
        /^Among the models stands something else that is called [a-z.]+, or will; [^\n]*\n$/,
      );
    }
    const again = await teach("odd", "waves");
    expect(again.stderr).toContain("is there already");
  });

  it("answers as the features times the class layer do", async () => {
    const { exitCode, stdout } = await teach("photos", "first");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("first: right for");
    const graph = await readFile(join(zoo, "first/graph.pb"));
    const built = async (file: string) => await import(/* @vite-ignore */ join(DIST_DIR, file));
    const { openWorkbench } = (await built("service/workbench.js")) as typeof import("../../src/service/workbench.js");
    const { openModel } = (await built("zoo/answers.js")) as typeof import("../../src/zoo/answers.js");
    const { openBase } = (await built("teach/base.js")) as typeof import("../../src/teach/base.js");
    const { draftedModel, draftModel } = (await built("zoo/draft.js")) as typeof import("../../src/zoo/draft.js");
    const workbench = await openWorkbench({ ...readConfig(), modelsDir: zoo });
    try {
      const base = await openBase(workbench, await openModel(join(zoo, "flowers5")), null);
      const mine = await openModel(join(zoo, "first"));
      const head = constantsOf(graph, base.found.size, Object.keys(SHAPES).length);
      for (const number of [0, 5, 11]) {
        const photo = wave(SHAPES.rings, number);
        const features = await workbench.scores(base.features, photo);
        const wanted = softmax(
          head.biases.map((bias, label) =>
            features.reduce(
              (sum, value, feature) => sum + value * (head.weights[feature * head.biases.length + label] ?? 0),
              bias,
            ),
          ),
        );
        const found = [...(await workbench.scores(mine, photo))];
        for (const [label, value] of wanted.entries()) expect(Math.abs((found[label] ?? 0) - value)).toBeLessThan(1e-5);
        const mirrored = await workbench.scores(base.mirrored ?? base.features, photo);
        expect(mirrored).not.toEqual(features);
      }
      // A hidden layer of the first two features, of which the second counts where it is below 0.
      const { size } = base.found;
      const hiddenWeights = Float32Array.from({ length: 2 * size }, (_, at) => (at === 0 ? 1 : at === 3 ? -1 : 0));
      const layers = { hiddenWeights, hiddenBiases: Float32Array.of(-0.1, 0.2), weights: Float32Array.of(3, 0, 0, 5) };
      const bytes = base.withHead({ ...layers, biases: Float32Array.of(0.5, 0) });
      const statement = { id: "deep", version: "1", title: "Deep", description: "Two layers.", licence: "MIT" };
      const deep = await draftedModel(await draftModel(statement, { ending: ".pb", bytes }, null));
      const photo = wave(SHAPES.down, 1);
      const [one = 0, other = 0] = await workbench.scores(base.features, photo);
      const wanted = softmax([3 * Math.max(0, one - 0.1) + 0.5, 5 * Math.max(0, 0.2 - other)]);
      for (const [label, value] of (await workbench.scores(deep, photo)).entries())
        expect(Math.abs(value - (wanted[label] ?? 0))).toBeLessThan(1e-5);
    } finally {
      await workbench.close();
    }
  });

  it("leaves no half model when it is killed, and goes on to the same graph as without", async () => {
    const args = ["teach", "--base", "flowers5", "--images", "photos", "--id", "killed"];
    const child = spawn(process.execPath, [CLI_FILE, ...args], { cwd: dir, env: { ...process.env, ...env() } });
    const work = join(zoo, ".teach-killed");
    const kept = async () => (await readdir(work).catch(() => [])).find((file) => file.endsWith(".features"));
    while ((await kept()) === undefined) await delay(5);
    child.kill("SIGKILL");
    await once(child, "close");
    expect(await readdir(zoo)).not.toContain("killed");
    expect((await run(...args)).exitCode).toBe(0);
    expect(await readdir(zoo)).not.toContain(".teach-killed");
    const graph = await readFile(join(zoo, "killed/graph.pb"));
    expect(graph.equals(await readFile(join(zoo, "first/graph.pb")))).toBe(true);
  });
});

/** The weights and biases of a graph's class layer: `TensorProto.tensor_content` behind the names of their nodes. */
function constantsOf(graph: Buffer, size: number, classes: number) {
  const valuesOf = (name: string, count: number) => {
    const bytes = 4 * count;
    // The last bytes of the node's record: its record ends where the next node begins.
    const start = graph.indexOf(name);
    const header = Buffer.from([0x22, ...varint(bytes)]);
    const at = graph.indexOf(header, start) + header.length;
    return new Float32Array(new Uint8Array(graph.subarray(at, at + bytes)).buffer);
  };
  return { weights: valuesOf("head/weights", size * classes), biases: [...valuesOf("head/biases", classes)] };
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)];
}

function softmax(logits: readonly number[]): number[] {
  const most = Math.max(...logits);
  const raised = logits.map((logit) => Math.exp(logit - most));
  const sum = raised.reduce((a, b) => a + b);
  return raised.map((value) => value / sum);
}
