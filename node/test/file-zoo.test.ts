import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import { type FileZoo, openFileZoo } from "../src/models/file-zoo.js";
import type { ModelZoo } from "../src/ports.js";

const GRAPH = Buffer.from("a graph");
const LABELS = Buffer.from("one\ntwo\n");
const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

let dir: string;
const opened: FileZoo[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-zoo-"));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((zoo) => zoo.close()));
  await rm(dir, { recursive: true });
});

function manifest(id: string, changes: Record<string, unknown> = {}) {
  return {
    schema: 1,
    id,
    version: "1",
    title: id,
    description: "",
    licence: "Apache-2.0",
    graph: { file: "graph.pb", bytes: GRAPH.length, sha256: hash(GRAPH) },
    labels: { file: "labels.txt", sha256: hash(LABELS) },
    input: { width: 8, height: 8, mean: [1], std: [2] },
    output: { kind: "softmax", classes: 2 },
    ...changes,
  };
}

async function write(id: string, files: Record<string, Buffer | string | object>): Promise<void> {
  await mkdir(join(dir, id), { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content);
    await writeFile(join(dir, id, name), bytes);
  }
}

async function open(): Promise<{ zoo: ModelZoo; damage: Record<string, string> }> {
  const damage: Record<string, string> = {};
  const zoo = await openFileZoo(dir, (entry, reason) => {
    damage[entry] = reason;
  });
  opened.push(zoo);
  return { zoo, damage };
}

describe("a folder that is one model", () => {
  const files = { "my.pb": GRAPH, "names.txt": LABELS };

  async function openLone(id: string | null = null) {
    const damage: string[] = [];
    const zoo = await openFileZoo(dir, (_entry, reason) => damage.push(reason), id);
    opened.push(zoo);
    return { zoo, damage };
  }

  it("is served as the default, by the name that was asked for, with the labels beside the graph", async () => {
    await write(".", files);
    const { zoo, damage } = await openLone("birds");
    expect(damage).toEqual([]);
    expect(zoo.defaultId).toBe("birds");
    expect(Buffer.from((await zoo.find("birds")?.readGraph()) ?? [])).toEqual(GRAPH);
    expect(Buffer.from((await zoo.find("birds")?.readLabels()) ?? [])).toEqual(LABELS);
  });

  it("is read once for all who ask for its graph at once, and anew for who asks later", async () => {
    await write(".", files);
    const { zoo } = await openLone("birds");
    const ask = async () => await zoo.find("birds")?.readGraph();
    const [one, other] = await Promise.all([ask(), ask()]);
    expect(one).toBe(other);
    const later = await ask();
    expect(later).not.toBe(one);
    expect(Buffer.from(later ?? [])).toEqual(GRAPH);
  });

  it("needs neither a name nor labels", async () => {
    await write(".", { "my.pb": GRAPH });
    const { zoo } = await openLone();
    expect(zoo.defaultId).toBe("model");
    expect(await zoo.find("model")?.readLabels()).toBeNull();
  });

  it("may have a manifest, whose id gives way to the name that was asked for", async () => {
    await write(".", { "manifest.json": manifest("own"), "graph.pb": GRAPH, "labels.txt": LABELS });
    expect((await openLone()).zoo.defaultId).toBe("own");
    expect((await openLone("other")).zoo.defaultId).toBe("other");
  });

  it.each([
    [{ ...files, "second.pb": GRAPH }, /several graphs \(my\.pb, second\.pb\)/],
    [{ ...files, "readme.txt": "" }, /several texts \(names\.txt, readme\.txt\): name the labels labels\.txt/],
    [{ ...files, "manifest.json": "{" }, /JSON/],
  ])("is not guessed at: what is not clear is reported (%#)", async (content, reason) => {
    await write(".", content);
    const { zoo, damage } = await openLone();
    expect(damage).toEqual([expect.stringMatching(reason)]);
    expect(zoo.defaultId).toBeNull();
  });

  it("is none where a folder below it holds a model", async () => {
    await write(".", files);
    await write("a", { "manifest.json": manifest("a"), "graph.pb": GRAPH, "labels.txt": LABELS });
    expect((await openLone()).zoo.list().map(({ manifest: { id } }) => id)).toEqual(["a"]);
  });
});

describe("the zoo on disk", () => {
  it("reads each folder that holds a manifest", async () => {
    await write("a", { "manifest.json": manifest("a"), "graph.pb": GRAPH, "labels.txt": LABELS });
    await write("b", { "manifest.json": manifest("b", { default: true }), "graph.pb": GRAPH, "labels.txt": LABELS });
    await write("training", { "notes.txt": "no model" });
    const { zoo, damage } = await open();
    expect(damage).toEqual({});
    expect(zoo.list().map(({ manifest: { id } }) => id)).toEqual(["a", "b"]);
    expect(zoo.defaultId).toBe("b");
    expect(Buffer.from((await zoo.find("a")?.readGraph()) ?? [])).toEqual(GRAPH);
    expect(Buffer.from((await zoo.find("a", "1")?.readLabels()) ?? [])).toEqual(LABELS);
    expect(zoo.find("a", "2")).toBeUndefined();
    expect(zoo.find("c")).toBeUndefined();
  });

  it("has the photos of a model's golden answers as its samples", async () => {
    const files = { "manifest.json": manifest("a"), "graph.pb": GRAPH, "labels.txt": LABELS };
    await write("photos", { "one.jpg": "a photo" });
    await write("a", { ...files, "golden.json": { cases: [{ image: "../photos/one.jpg" }, {}] } });
    await write("b", { ...files, "manifest.json": manifest("b"), "golden.json": "no JSON" });
    const { zoo, damage } = await open();
    expect(damage).toEqual({});
    expect(zoo.find("a")?.samples).toEqual(["one.jpg"]);
    expect(Buffer.from((await zoo.find("a")?.readSample("one.jpg")) ?? []).toString()).toBe("a photo");
    expect(await zoo.find("a")?.readSample("../photos/one.jpg")).toBeNull();
    expect(zoo.find("b")?.samples).toEqual([]);
  });

  it("has versions of a model in folders of their own, of which the latest that is whole is served", async () => {
    const files = { "graph.pb": GRAPH, "labels.txt": LABELS };
    for (const version of ["10", "2"])
      await write(`a/${version}`, { "manifest.json": manifest("a", { version }), ...files });
    await write("a/11", { "manifest.json": manifest("a", { version: "11" }), "labels.txt": LABELS });
    await write("a/3", { "manifest.json": manifest("a", { version: "4" }), ...files });
    const { zoo, damage } = await open();
    expect(damage).toEqual({
      [join("a", "11")]: "graph.pb is missing",
      [join("a", "3")]: 'its version is "4", its folder another',
    });
    expect(zoo.versionsOf("a")).toEqual(["2", "3", "10", "11"]);
    expect(zoo.list().map(({ manifest: { version } }) => version)).toEqual(["10"]);
    expect(zoo.find("a")?.manifest.version).toBe("10");
    expect(zoo.find("a", "2")?.manifest.version).toBe("2");
    expect(zoo.find("a")?.rejected).toBe("graph.pb is missing");
    expect(zoo.find("a", "3")).toMatchObject({ present: false, damage: 'its version is "4", its folder another' });
    expect(zoo.find("a", "4")).toBeUndefined();
  });

  it("is empty when its folder is not there", async () => {
    const zoo = await openFileZoo(join(dir, "nowhere"), () => {});
    expect([zoo.list(), zoo.defaultId]).toEqual([[], null]);
  });

  it.each<[string, Record<string, Buffer | string | object>, RegExp]>([
    ["no JSON", { "manifest.json": "{" }, /JSON/],
    ["a misspelt field", { "manifest.json": manifest("bad", { licenze: "x" }) }, /licenze/],
    [
      "a graph outside of the folder",
      { "manifest.json": manifest("bad", { graph: { file: "../a/graph.pb" } }) },
      /plain file name/,
    ],
    ["another id than its folder", { "manifest.json": manifest("other") }, /its id is "other"/],
    ["no graph", { "manifest.json": manifest("bad"), "labels.txt": LABELS }, /graph.pb is missing/],
    [
      "another graph",
      { "manifest.json": manifest("bad"), "graph.pb": Buffer.from("b graph"), "labels.txt": LABELS },
      /its SHA-256 is [0-9a-f]{64} instead of/,
    ],
    [
      "a cut graph",
      {
        "manifest.json": manifest("bad", { graph: { file: "graph.pb", bytes: 9, sha256: null } }),
        "graph.pb": GRAPH,
        "labels.txt": LABELS,
      },
      /7 bytes instead of 9/,
    ],
    ["no labels", { "manifest.json": manifest("bad"), "graph.pb": GRAPH }, /labels.txt: it cannot be read/],
  ])("reports an entry with %s and serves the others", async (_what, files, reason) => {
    await write("good", { "manifest.json": manifest("good"), "graph.pb": GRAPH, "labels.txt": LABELS });
    await write("bad", files);
    const { zoo, damage } = await open();
    expect(damage["bad"]).toMatch(reason);
    expect(zoo.find("good")?.damage).toBeNull();
  });

  it("verifies a graph again each time it is read", async () => {
    await write("a", { "manifest.json": manifest("a"), "graph.pb": GRAPH, "labels.txt": LABELS });
    const { zoo } = await open();
    await writeFile(join(dir, "a/graph.pb"), "A graph");
    await expect(zoo.find("a")?.readGraph()).rejects.toMatchObject({ code: "engine_unavailable" });
  });

  it("lists public models whose graph is not here yet", async () => {
    const source = { url: "https://example.org/a.tgz", member: "a.pb" };
    await writeFile(join(dir, "imagenet.json"), JSON.stringify({ schema: 1, models: [manifest("net", { source })] }));
    const { zoo, damage } = await open();
    expect(damage).toEqual({});
    expect(zoo.find("net")).toMatchObject({ present: false, damage: null });
  });

  it("of this project is whole, with a default model", async () => {
    const damage: string[] = [];
    const zoo = await openFileZoo(join(ROOT_DIR, "models"), (entry, reason) => damage.push(`${entry}: ${reason}`));
    opened.push(zoo);
    expect(damage).toEqual([]);
    expect(zoo.defaultId).toBe("flowers5");
  });
});
