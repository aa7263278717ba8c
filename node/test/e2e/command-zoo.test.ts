/** The verbs of the command that change a zoo: what they refuse, and what they leave as it was. */
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Manifest } from "../../src/generated/contract.js";
import { runCommand } from "../support/command.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { colourFolder, writeFolder } from "../support/model-folder.js";
import { solidPng } from "../support/png.js";
import { type RunningServer, startServer } from "../support/server.js";

let dir: string;
let zoo: string;
const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runCommand(args, { cwd: dir, env: { MODELS_DIR: zoo, MENAGERIE_API_KEY: "", ...env } });
const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8")) as Manifest;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-zoo-command-"));
  zoo = join(dir, "models");
  await mkdir(zoo);
  const files = {
    "graph.pb": meanColourGraph(),
    "labels.txt": COLOURS,
    "red.png": solidPng(8, 8, [255, 0, 0]),
    "bad.pb": "no graph",
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
  return async () => rm(dir, { recursive: true });
});

describe("menagerie new", () => {
  it("writes what it detected, names the schema beside it, and asks for what it does not know", async () => {
    const { stdout, exitCode } = await run(["new", "mine", "graph.pb", "labels.txt", "--json"]);
    expect(exitCode).toBe(0);
    const said = JSON.parse(stdout) as {
      files: string[];
      evidence: unknown[];
      unsure: { fields: string[]; others: unknown[] }[];
    };
    expect(said.files).toEqual(["graph.pb", "labels.txt", "manifest.json", "MODEL.md"]);
    expect(said.evidence.length).toBeGreaterThan(10);
    const manifest = await readJson(join(zoo, "mine/manifest.json"));
    expect(manifest).toMatchObject({ id: "mine", licence: "NOASSERTION", output: { classes: 3 }, input: { width: 8 } });
    expect(manifest.graph.sha256).toBe(createHash("sha256").update(meanColourGraph()).digest("hex"));
    expect(await readJson(join(zoo, "mine", manifest.$schema ?? ""))).toHaveProperty("$defs");
    const card = await readFile(join(zoo, "mine/MODEL.md"), "utf8");
    for (const { fields, others } of said.unsure) {
      expect(card).toContain(`- [ ] ${fields.map((field) => `\`${field}\``).join(", ")}: `);
      expect(others.length, fields.join()).toBeGreaterThan(0);
    }
    expect(said.unsure.map(({ fields }) => fields[0])).toEqual(expect.arrayContaining(["input.mean", "input.resize"]));
  });

  it("makes a second version beside the first, and none in its place", async () => {
    await run(["new", "mine", "graph.pb"]);
    const again = await run(["new", "mine", "graph.pb", "--version", "2"]);
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("is there already") });
    await mkdir(join(dir, "1"));
    await cp(join(zoo, "mine"), join(dir, "1"), { recursive: true });
    await rm(join(zoo, "mine"), { recursive: true });
    await mkdir(join(zoo, "mine"));
    await rename(join(dir, "1"), join(zoo, "mine/1"));
    expect(await run(["new", "mine", "graph.pb", "--version", "2"])).toMatchObject({ exitCode: 0 });
    expect(await readJson(join(zoo, "mine/2/manifest.json"))).toMatchObject({
      version: "2",
      $schema: "../../manifest.schema.json",
    });
    expect((await run(["list"])).stdout).toMatch(/^mine +1, 2 +available/m);
    expect(await run(["rm", "mine@1", "--yes"])).toMatchObject({ exitCode: 0 });
    expect(await readdir(join(zoo, "mine"))).toEqual(["2"]);
    expect(await run(["rm", "mine", "--yes"])).toMatchObject({ exitCode: 0 });
    expect(await readdir(zoo)).not.toContain("mine");
  });

  it.each<[string, string[], RegExp]>([
    ["a graph that is none", ["new", "mine", "bad.pb"], /^.*(graph|GraphDef).*$/m],
    ["a graph that is not there", ["new", "mine", "nowhere.pb"], /There is no such file/],
    ["an id that no folder has", ["new", "My Model", "graph.pb"], /id=My Model: must be lower-case letters/],
    ["labels that do not fit", ["new", "mine", "graph.pb", "red.png"], /label/i],
    ["photos that are not there", ["new", "mine", "graph.pb", "--photos", "nowhere"], /There is no/],
  ])("says what is wrong with %s, and writes nothing", async (_what, args, words) => {
    const { stderr, exitCode } = await run(args);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(exitCode).toBe(1);
    expect(await readdir(zoo)).toEqual([]);
  });
});

describe("without a yes", () => {
  it("golden shows the answers and writes nothing, and rm removes nothing", async () => {
    await writeFolder(zoo, "mine", colourFolder("mine"));
    const before = await readFile(join(zoo, "mine/golden.json"), "utf8");
    const golden = await run(["golden", "mine", "red.png"]);
    expect(golden).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^red\.png: red 57\.6 %/) });
    expect(golden.stderr).toContain("--yes writes it");
    expect(await readFile(join(zoo, "mine/golden.json"), "utf8")).toBe(before);
    expect(await run(["rm", "mine"])).toMatchObject({ exitCode: 1, stderr: "Nothing is removed; --yes removes it.\n" });
    expect(await readdir(join(zoo, "mine"))).toContain("manifest.json");
  });
});

describe("what is not there", () => {
  it.each([["check"], ["show"], ["golden"], ["push"], ["rm"]])("is said by %s with what there is", async (verb) => {
    await writeFolder(zoo, "mine", colourFolder("mine"));
    const rest = { golden: ["red.png"], push: ["--to", "http://127.0.0.1:9"] }[verb] ?? [];
    const unknown = await run([verb, "yours", ...rest]);
    expect(unknown).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/no folder of a model yours in .*; there are: mine\.\n$/),
    });
  });

  it("is said of a service that does not answer, and of an address that is none", async () => {
    expect(await run(["list", "--at", "http://127.0.0.1:9"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^No service answers at http:\/\/127\.0\.0\.1:9/),
    });
    expect((await run(["list", "--at", "localhost:8080"])).stderr).toMatch(/is no address of a service/);
  });
});

describe("a service that wants a key", () => {
  let service: RunningServer;
  let keys: string;
  let key: string;
  beforeAll(async () => {
    keys = await mkdtemp(join(tmpdir(), "menagerie-keys-"));
    const made = await runCommand(["key", "--role", "models", "--name", "test"], { cwd: keys });
    key = /: (\S+)\n$/.exec(made.stderr)?.[1] ?? "";
    await writeFile(join(keys, "keys.txt"), made.stdout);
    service = await startServer({ API_KEYS_FILE: join(keys, "keys.txt"), MODELS_DIR: keys });
  });
  afterAll(async () => {
    await service?.stop();
    await rm(keys, { recursive: true });
  });

  it("takes a model with the key of the environment, and says without one where it goes", async () => {
    await writeFolder(zoo, "mine", colourFolder("mine"));
    const refused = await run(["push", "mine", "--to", service.url]);
    expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
    expect(refused.stderr).toMatch(/\(unauthorized\) Put a key into MENAGERIE_API_KEY\.\n$/);
    const pushed = await run(["push", "mine", "--to", `${service.url}/`, "--json"], { MENAGERIE_API_KEY: key });
    expect(JSON.parse(pushed.stdout)).toMatchObject({ id: "mine", version: "1", output: { classes: 3 } });
    const listed = await run(["list", "--at", service.url, "--json"], { MENAGERIE_API_KEY: key });
    expect(JSON.parse(listed.stdout)).toMatchObject({ id: "mine", title: "Colours", registered: true });
  });
});
