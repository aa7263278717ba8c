/** The command `menagerie`, as a user types it. */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../support/command.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { CLI_FILE } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo } from "../support/server.js";

const VERBS = [
  ...["serve", "classify", "batch", "inspect", "export"],
  ...["pull", "list", "show", "rm"],
  ...["new", "teach", "check", "golden", "calibrate", "push"],
  ...["feedback", "key", "doctor", "wrapper"],
];
const RED = solidPng(64, 48, [255, 0, 0]);
const GREEN = solidPng(64, 48, [0, 255, 0]);
const BLUE = solidPng(64, 48, [0, 0, 255]);

let zoo: string;
let dir: string;
beforeAll(async () => {
  zoo = await makeColourZoo();
  dir = await mkdtemp(join(tmpdir(), "menagerie-command-"));
  const files = { "red.png": RED, "blue.png": BLUE, "graph.pb": meanColourGraph(), "labels.txt": COLOURS };
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
  await mkdir(join(dir, "photos/below"), { recursive: true });
  await mkdir(join(dir, "nothing"));
  const photos = { "2.png": RED, "10.PNG": GREEN, "below/1.png": BLUE, ".hidden.png": RED, "notes.txt": COLOURS };
  for (const [name, content] of Object.entries(photos)) await writeFile(join(dir, "photos", name), content);
});
afterAll(async () => {
  await rm(zoo, { recursive: true });
  await rm(dir, { recursive: true });
});

const run = (args: readonly string[], file = CLI_FILE) =>
  runCommand(args, { cwd: dir, env: { MODELS_DIR: zoo }, file });

describe("menagerie", () => {
  it("says how to build it where it is not built", async () => {
    const bare = join(dir, "node/bin/menagerie.mjs");
    await cp(CLI_FILE, bare);
    const { stderr, exitCode } = await run(["classify", "red.png"], bare);
    expect(stderr).toBe(`menagerie is not built yet. This builds it: node "${join(dir, "scripts/setup.mjs")}"\n`);
    expect(exitCode).toBe(1);
  });

  it("lists its verbs, each with a help of its own", async () => {
    const { stdout } = await run(["--help"]);
    expect([...stdout.matchAll(/^ {2}(\w+)[ |].*/gm)].map(([, verb]) => verb)).toEqual([...VERBS, "help"]);
    for (const verb of VERBS) {
      const help = await run([verb, "--help"]);
      expect(help, verb).toMatchObject({ exitCode: 0, stderr: "" });
      expect(help.stdout, verb).toContain(`Usage: menagerie ${verb}`);
    }
  });

  it.each([
    [[], "Usage: menagerie"],
    [["clasify"], "Did you mean classify?"],
    [["classify"], "missing required argument 'image'"],
    [["classify", "a.png", "--labels", "x"], "--labels belongs to a graph"],
    [["classify", "a.png", "--json", "--csv"], "cannot both be had"],
    [["inspect"], "missing required argument 'graph'"],
    [["inspect", "a", "b", "c"], "too many arguments"],
    [["classify", "--jsn", "x"], "Did you mean --json?"],
  ])("shows how it is used for %j, and exits with 2", async (args, words) => {
    const { stderr, exitCode } = await run(args);
    expect(stderr).toContain(words);
    expect(stderr).toContain("Usage: menagerie");
    expect(exitCode).toBe(2);
  });
});

describe("menagerie classify", () => {
  it("answers images, one line each", async () => {
    const { stdout, exitCode } = await run(["classify", "red.png", "blue.png"]);
    expect(stdout).toBe("red.png: red (57.6 %, high confidence)\nblue.png: blue (57.6 %, high confidence)\n");
    expect(exitCode).toBe(0);
  });

  it("answers with a graph of the caller's own, as JSON, and says what is unsure", async () => {
    const args = ["classify", "blue.png", "--model", "graph.pb", "--labels", "labels.txt", "--json"];
    const { stdout, stderr } = await run(args);
    expect(JSON.parse(stdout)).toMatchObject({
      image: { name: "blue.png", width: 64 },
      model: { id: "uploaded" },
      label: "blue",
      warnings: expect.arrayContaining([expect.stringMatching(/^input\.mean is only \d+ % sure/)]),
    });
    expect(stderr).toMatch(/^Warning: input\.mean is only \d+ % sure/m);
  });

  it("says which images failed in words, answers the others in their order, and exits with 1", async () => {
    const { stdout, stderr, exitCode } = await run(["classify", "nowhere.png", "red.png", "labels.txt", "blue.png"]);
    expect(stdout).toMatch(/^red\.png: red .*\nblue\.png: blue .*\n$/);
    expect(stderr).toMatch(/^nowhere\.png: There is no such file\.\nlabels\.txt: .*\(image_unsupported\)\n$/);
    expect(exitCode).toBe(1);
  });

  it("takes folders for the photos in and below them, sorted as people count", async () => {
    const { stdout, stderr, exitCode } = await run(["classify", "photos", "red.png", "nothing"]);
    const names = stdout.split("\n").map((line) => line.split(":")[0]);
    expect(names).toEqual(["photos/2.png", "photos/10.PNG", "photos/below/1.png", "red.png", ""]);
    expect(stderr).toMatch(/^nothing: There is no photo in this folder; photos end in \.jpg, /);
    expect(exitCode).toBe(1);
  });

  it("writes a table with --csv, in which what failed keeps its row", async () => {
    await writeFile(join(dir, 'a "b", c.png'), GREEN);
    const { stdout } = await run(["classify", "nowhere.png", 'a "b", c.png', "--csv"]);
    const [head, failed, answered = "", ...rest] = stdout.split("\n");
    expect(head).toBe("image,label,index,probability,band,error");
    expect(failed).toBe("nowhere.png,,,,,There is no such file.");
    expect(answered).toMatch(/^"a ""b"", c\.png",green,1,0\.576\d*,high,$/);
    expect(rest).toEqual([""]);
  });

  it("says in words that the model is not there", async () => {
    const graph = await run(["classify", "red.png", "--model", "nowhere.pb"]);
    expect(graph).toMatchObject({ stderr: "nowhere.pb: There is no such file.\n", stdout: "", exitCode: 1 });
    const labels = await run(["classify", "red.png", "--model", "graph.pb", "--labels", "nothing"]);
    expect(labels).toMatchObject({ stderr: "nothing: It is a folder; name a file.\n", stdout: "", exitCode: 1 });
    const id = await run(["classify", "red.png", "--model", "nope"]);
    expect(id.stderr).toMatch(/There is no model "?nope/);
  });
});

describe("menagerie inspect", () => {
  it("explains a graph as JSON", async () => {
    const { stdout, exitCode } = await run(["inspect", "graph.pb", "labels.txt", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      input: { tensor: "input" },
      output: { classes: 3 },
      labels: { count: 3 },
    });
    expect(exitCode).toBe(0);
  });

  it("decides what the graph leaves open by labelled photos", async () => {
    const examples = ["--example", "red=red.png", "--example", "blue=blue.png"];
    const { stdout, exitCode } = await run(["inspect", "graph.pb", "labels.txt", ...examples]);
    expect(stdout).toMatch(
      / {2}input\.channel_order +"RGB" +examples 0\.\d\d +with 2 labelled photos, whose labels get 0\./,
    );
    expect(exitCode).toBe(0);
    const wrong = await run(["inspect", "graph.pb", "labels.txt", "--example", "rad=red.png"]);
    expect(wrong.stderr).toContain('example_label=rad: the model has no such label; the nearest are "red"');
    expect(wrong.exitCode).toBe(1);
    // One more than a request may bring.
    const many = Array.from({ length: 17 }, () => examples.slice(0, 2)).flat();
    expect(await run(["inspect", "graph.pb", "labels.txt", ...many])).toMatchObject({ exitCode: 0, stderr: "" });
    const bare = await run(["inspect", "graph.pb", "labels.txt", "--example", "red.png"]);
    expect(bare.stderr).toContain("write it as label=photo");
  });

  it("says in words why a graph cannot be explained", async () => {
    const missing = await run(["inspect", "nowhere.pb"]);
    expect(missing).toMatchObject({ stderr: "nowhere.pb: There is no such file.\n", exitCode: 1 });
    const text = await run(["inspect", "labels.txt"]);
    expect(text.stderr).toMatch(/^[A-Z][^{}]+\. \(graph_invalid\)\n$/);
    expect(text.exitCode).toBe(1);
  });
});
