/** Registered models on disk: changes, limits, damage, and stops at any moment. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Manifest } from "../src/generated/contract.js";
import { folderBlobs } from "../src/models/folder-blobs.js";
import { type ModelStore, openModelStore } from "../src/models/store.js";
import { changeOf, contentOf, make, manifestOf } from "./fixtures/store-changes.mjs";
import { FakeZoo, zooModel } from "./support/fake-service.js";

const CHILD = fileURLToPath(new URL("fixtures/store-changes.mjs", import.meta.url));

let dir: string;
let damage: Record<string, string>;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-store-"));
  damage = {};
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

async function open({
  dir: at = dir,
  ...limits
}: {
  modelsMax?: number;
  bytesMax?: number;
  dir?: string;
} = {}): Promise<ModelStore> {
  damage = {};
  const store = await openModelStore({
    blobs: folderBlobs(at),
    zoo: new FakeZoo([zooModel("colours", { default: true })]),
    modelsMax: 100,
    bytesMax: 10_000_000,
    report: (entry, reason) => {
      damage[entry] = reason;
    },
    ...limits,
  });
  await store.verify();
  return store;
}

function register(store: ModelStore, id: string, version = "1", changes: Partial<Manifest> = {}): Promise<boolean> {
  const { graph, labels } = contentOf(id, version);
  return store.register({ ...manifestOf(id, version), ...changes }, graph, labels);
}

/** Versions and the served one, by id: what a store holds. */
type State = Readonly<Record<string, { readonly served: string | undefined; readonly versions: readonly string[] }>>;

function stateOf(store: ModelStore): State {
  const ids = store.list().flatMap(({ manifest, registered }) => (registered ? [manifest.id] : []));
  return Object.fromEntries(
    ids.map((id) => [id, { served: store.find(id)?.manifest.version, versions: [...store.versionsOf(id)] }]),
  );
}

/** What a change makes of a state; the state itself where there is nothing to change. */
function after(state: State, { kind, id, version }: ReturnType<typeof changeOf>): State {
  const { [id]: entry, ...others } = state;
  if (kind === "register") {
    if (version === null || entry?.versions.includes(version)) return state;
    return { ...state, [id]: { served: entry?.served ?? version, versions: [...(entry?.versions ?? []), version] } };
  }
  if (entry === undefined) return state;
  if (version === null) return others;
  if (!entry.versions.includes(version)) return state;
  if (kind === "serve") return { ...state, [id]: { ...entry, served: version } };
  const versions = entry.versions.filter((other) => other !== version);
  if (versions.length === 0) return others;
  return { ...state, [id]: { served: entry.served === version ? versions.at(-1) : entry.served, versions } };
}

/** Every file of the folder is named by an entry, and each version has its own graph and labels. */
async function expectWhole(store: ModelStore): Promise<void> {
  const named = new Set<string>();
  for (const [id, { versions }] of Object.entries(stateOf(store))) {
    named.add(`${id}.json`);
    for (const version of versions) {
      const model = store.find(id, version);
      const { graph, labels } = contentOf(id, version);
      expect(model?.damage).toBeNull();
      expect(graph.equals((await model?.readGraph()) ?? Buffer.alloc(0))).toBe(true);
      expect(labels.equals((await model?.readLabels()) ?? Buffer.alloc(0))).toBe(true);
      named.add(model?.manifest.graph.file ?? "").add(model?.manifest.labels?.file ?? "");
    }
  }
  expect((await readdir(dir)).toSorted()).toEqual([...named].toSorted());
}

describe("the store", () => {
  it("keeps models over a restart, in the order in which they came", async () => {
    const store = await open();
    expect(await register(store, "birds", "2")).toBe(true);
    expect(await register(store, "birds", "1")).toBe(true);
    const again = await open();
    expect(damage).toEqual({});
    expect(stateOf(again)).toEqual({ birds: { served: "2", versions: ["2", "1"] } });
    expect(again.list().map(({ manifest, registered }) => [manifest.id, registered])).toEqual([
      ["colours", false],
      ["birds", true],
    ]);
    expect(again.defaultId).toBe("colours");
    await expectWhole(again);
  });

  it("is empty when its folder is not there, and makes none by reading", async () => {
    await rm(dir, { recursive: true });
    const store = await open();
    await store.removeLeftovers();
    expect(stateOf(store)).toEqual({});
    await expect(readdir(dir)).rejects.toThrow(/ENOENT/);
    await register(store, "birds");
    expect(stateOf(await open())).toEqual({ birds: { served: "1", versions: ["1"] } });
  });

  it("knows the same model again, and refuses another one under its id and version", async () => {
    const store = await open();
    await register(store, "birds");
    expect(await register(store, "birds")).toBe(false);
    const { graph } = contentOf("birds", "2");
    const other = store.register({ ...manifestOf("birds", "2"), version: "1" }, graph, contentOf("birds", "2").labels);
    await expect(other).rejects.toMatchObject({
      code: "model_exists",
      message: expect.stringMatching(/another graph/),
    });
    await expect(register(store, "birds", "1", { input: { width: 9 } })).rejects.toThrow(/another input/);
    await expect(register(store, "colours")).rejects.toThrow(/a model of the zoo/);
    await expectWhole(await open());
  });

  it("serves the first version until another is chosen; when that goes, the last of the others", async () => {
    const store = await open();
    for (const version of ["1", "2", "3"]) await register(store, "birds", version);
    await store.serve("birds", "2");
    expect(stateOf(await open())).toEqual({ birds: { served: "2", versions: ["1", "2", "3"] } });
    await store.discard(await store.remove("birds", "2"));
    expect(stateOf(await open())).toEqual({ birds: { served: "3", versions: ["1", "3"] } });
    await store.discard(await store.remove("birds", null));
    expect(await readdir(dir)).toEqual([]);
  });

  it.each<[string, (store: ModelStore) => Promise<unknown>, string]>([
    ["an unknown model", (store) => store.remove("fish", null), "model_unknown"],
    ["an unknown version", (store) => store.remove("birds", "9"), "version_unknown"],
    ["an unknown version to serve", (store) => store.serve("birds", "9"), "version_unknown"],
    ["a model of the zoo", (store) => store.remove("colours", null), "forbidden"],
    ["a version of the zoo's", (store) => store.serve("colours", "1"), "forbidden"],
  ])("changes nothing for %s", async (_what, change, code) => {
    const store = await open();
    await register(store, "birds");
    await expect(change(store)).rejects.toMatchObject({ code });
    await expectWhole(await open());
  });

  it("keeps the files of a removed version until they are used no more", async () => {
    const store = await open();
    await register(store, "birds");
    const gone = await store.remove("birds", null);
    await store.removeLeftovers();
    expect(await gone[0]?.readGraph()).toHaveLength(100_000);
    await store.discard(gone);
    expect(await readdir(dir)).toEqual([]);
  });

  it("keeps a graph that two models share until both are gone", async () => {
    const store = await open();
    const { graph, labels } = contentOf("birds", "1");
    for (const id of ["birds", "fish"]) await store.register({ ...manifestOf("birds", "1"), id }, graph, labels);
    expect(await readdir(dir)).toHaveLength(4);
    await store.discard(await store.remove("birds", null));
    expect(await store.find("fish")?.readGraph()).toHaveLength(graph.length);
    await store.discard(await store.remove("fish", null));
    expect(await readdir(dir)).toEqual([]);
  });

  it("refuses more versions and more bytes than its limits, and leaves nothing", async () => {
    const store = await open({ modelsMax: 2, bytesMax: 250_000 });
    await register(store, "a");
    const { graph, labels } = contentOf("b", "1", 200_000);
    await expect(store.register(manifestOf("b", "1", { graph, labels }), graph, labels)).rejects.toMatchObject({
      code: "storage_full",
      message: expect.stringMatching(/would pass 250000/),
    });
    await register(store, "a", "2");
    await expect(register(store, "a", "3")).rejects.toMatchObject({ code: "storage_full" });
    expect(await register(store, "a", "2")).toBe(false);
    await expectWhole(await open());
  });

  it("has one caller leave as many versions and bytes to others as it has, also after a restart, and the operator take all", async () => {
    const as = (holder: number | null, id: string, version = "1", bytes = 1000) => {
      const { graph, labels } = contentOf(id, version, bytes);
      return store.register(manifestOf(id, version, { graph, labels }), graph, labels, holder);
    };
    let store = await open({ modelsMax: 6 });
    for (const version of ["1", "2", "3"]) await as(7, "a", version);
    const full = {
      code: "storage_full",
      message: expect.stringMatching(/6 versions .*REGISTERED_MODELS_MAX.* 3 are yours.*admin/),
    };
    await expect(as(7, "a", "4")).rejects.toMatchObject(full);
    await expect(as(7, "other", "1")).rejects.toMatchObject(full);
    expect(await as(7, "a", "3"), "what is there").toBe(false);
    store = await open({ modelsMax: 6 });
    await expect(as(7, "a", "4")).rejects.toMatchObject(full);
    expect(await as(8, "a", "4"), "another's version of the same model").toBe(true);
    await expect(as(8, "b")).rejects.toMatchObject({ message: expect.stringMatching(/1 are yours/) });
    expect(await as(9, "b"), "who has none").toBe(true);
    expect(await as(null, "c")).toBe(true);
    await expect(as(null, "d")).rejects.toMatchObject({ code: "storage_full" });
    await store.discard(await store.remove("a", "1"));
    await store.discard(await store.remove("a", "2"));
    await store.discard(await store.remove("c", null));
    expect(await as(7, "a", "5")).toBe(true);
    await store.discard(await store.remove("a", "5"));
    expect(JSON.parse(await readFile(join(dir, "a.json"), "utf8")).holders).toEqual({ 3: 7, 4: 8 });

    store = await open({ modelsMax: 100, bytesMax: 200_000 });
    expect(await as(7, "large", "1", 60_000)).toBe(true);
    await expect(as(7, "large", "2", 60_000)).rejects.toMatchObject({
      message: expect.stringMatching(/200000 bytes .*REGISTERED_BYTES_MAX/),
    });
    expect(await as(9, "large", "2", 60_000)).toBe(true);
  });

  it("says that it may not write its folder, and whose matter that is", async () => {
    const file = join(dir, "file");
    await writeFile(file, "");
    for (const wrong of [file, join(file, "models")]) {
      await expect(register(await open({ dir: wrong }), "a")).rejects.toMatchObject({
        code: "storage_full",
        message: expect.stringMatching(/may not write its folder of models \(E\w+\).*REGISTERED_MODELS_DIR/),
      });
    }
  });

  it("counts no bytes for a file that somebody has removed between listing and counting", async () => {
    await symlink(join(dir, "gone"), join(dir, "listed"));
    expect(await register(await open(), "colours-2")).toBe(true);
  });

  it("takes one of two different models that come under one id and version at once", async () => {
    const store = await open();
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => {
        const content = contentOf("birds", String(index % 2));
        return store.register({ ...manifestOf("birds", "1", content) }, content.graph, content.labels);
      }),
    );
    const added = attempts.filter((attempt) => attempt.status === "fulfilled" && attempt.value);
    const same = attempts.filter((attempt) => attempt.status === "fulfilled" && !attempt.value);
    expect([added.length, same.length]).toEqual([1, 3]);
    expect(await readdir(dir)).toHaveLength(3);
  });
});

describe("a damaged store", () => {
  const ENTRIES: Readonly<Record<string, string>> = {
    "no JSON": "{",
    "an unknown field": JSON.stringify({ schema: 1, served: "1", versions: [manifestOf("birds", "1")], more: 1 }),
    "another id": JSON.stringify({ schema: 1, served: "1", versions: [manifestOf("fish", "1")] }),
    "no served version": JSON.stringify({ schema: 1, served: "2", versions: [manifestOf("birds", "1")] }),
    "a graph outside of the folder": JSON.stringify({
      schema: 1,
      served: "1",
      versions: [{ ...manifestOf("birds", "1"), graph: { file: "../../graph.pb" } }],
    }),
  };

  it.each(Object.entries(ENTRIES))(
    "lists an entry with %s as damaged, serves the others and removes no file",
    async (_what, text) => {
      await register(await open(), "birds");
      await register(await open(), "fish");
      await writeFile(join(dir, "birds.json"), text);
      const files = await readdir(dir);
      const store = await open();
      await store.removeLeftovers();
      expect(await readdir(dir)).toEqual(files);
      expect(Object.keys(damage)).toEqual(["birds@damaged"]);
      expect(store.find("birds")).toMatchObject({ present: false, damage: expect.stringContaining("birds.json") });
      expect(store.versionsOf("birds")).toEqual([]);
      await expect(register(store, "birds")).rejects.toMatchObject({ code: "model_exists" });
      await expect(store.find("birds")?.readGraph()).rejects.toMatchObject({ code: "engine_unavailable" });
      expect(store.find("fish")?.damage).toBeNull();

      await store.discard(await store.remove("birds", null));
      await register(store, "birds");
      await expectWhole(await open());
    },
  );

  it.each<[string, (file: string) => Promise<void>, RegExp]>([
    ["is cut", (file) => truncate(file, 1000), /SHA-256|bytes/],
    ["is another", (file) => writeFile(file, Buffer.alloc(100_000)), /SHA-256/],
    ["is missing", (file) => rm(file), /missing/],
  ])("says which graph %s, and the same model again mends it", async (_what, harm, reason) => {
    await register(await open(), "birds");
    await harm(join(dir, manifestOf("birds", "1").graph.file));
    const store = await open();
    expect(damage["birds@1"]).toMatch(reason);
    expect(store.find("birds")?.damage).toMatch(reason);
    expect(await register(store, "birds")).toBe(false);
    expect(store.find("birds")?.damage).toBeNull();
    await expectWhole(await open());
  });

  it("loses what a stop left behind, and nothing else", async () => {
    await register(await open(), "birds");
    const { graph } = contentOf("birds", "2");
    await writeFile(join(dir, manifestOf("birds", "2").graph.file), graph);
    await writeFile(join(dir, "fish.json.0.part"), "{");
    await writeFile(join(dir, "notes.txt"), "kept");
    const store = await open();
    await store.removeLeftovers();
    await rm(join(dir, "notes.txt"));
    await expectWhole(store);
  });
});

/** Runs `change` with the write call of this number failing, and resolves with whether there was one. */
async function failingAt(step: number, code: string, change: () => Promise<unknown>): Promise<boolean> {
  const { open: openFile, rename, rm: remove } = fs.promises;
  let left = step;
  let failed = false;
  const guard = () => {
    left -= 1;
    if (left !== 0) return;
    failed = true;
    throw Object.assign(new Error(`${code}: made by the test`), { code });
  };
  fs.promises.rename = async (...args) => {
    guard();
    await rename(...args);
  };
  fs.promises.rm = async (...args) => {
    guard();
    await remove(...args);
  };
  fs.promises.open = async (...args) => {
    guard();
    const file = await openFile(...args);
    const { writeFile: write, sync } = file;
    file.writeFile = async (content, options) => {
      // A full disk takes a part of what is written.
      if (left === 1) await write.call(file, Buffer.from(content as Uint8Array).subarray(0, 10), options);
      guard();
      await write.call(file, content, options);
    };
    file.sync = async () => {
      guard();
      await sync.call(file);
    };
    return file;
  };
  syncBuiltinESMExports();
  try {
    await change();
  } catch (error) {
    if (!failed) throw error;
    expect(error).toMatchObject({ code: code === "EIO" ? code : "storage_full" });
  } finally {
    Object.assign(fs.promises, { open: openFile, rename, rm: remove });
    syncBuiltinESMExports();
  }
  return failed;
}

describe.each(["ENOSPC", "EROFS", "EIO"])("a change during which a write fails with %s", (code) => {
  it.each(Array.from({ length: 5 }, (_, index) => index))("is made or not made, change %i", async (index) => {
    for (let step = 1; ; step += 1) {
      await rm(dir, { recursive: true });
      let store = await open();
      let before: State = {};
      for (let earlier = 0; earlier < index; earlier += 1) {
        await make(store, changeOf(earlier));
        before = after(before, changeOf(earlier));
      }
      const failed = await failingAt(step, code, () => make(store, changeOf(index)));
      const now = stateOf(store);
      expect([before, after(before, changeOf(index))]).toContainEqual(now);
      store = await open();
      expect(damage).toEqual({});
      expect(stateOf(store)).toEqual(now);
      await store.removeLeftovers();
      await expectWhole(store);
      if (!failed) {
        expect(step).toBeGreaterThan(3);
        break;
      }
    }
  });
});

describe("a process that is killed", () => {
  const KILLS = 40;

  it(`leaves the old or the new state, ${KILLS} times`, { timeout: 300_000 }, async () => {
    let state: State = {};
    let next = 0;
    let interrupted = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = spawn(process.execPath, [CHILD, dir, String(next), "loop"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const acknowledged = await killLater(child);
      for (; next < acknowledged; next += 1) state = after(state, changeOf(next));
      if ((await readdir(dir)).some((name) => name.endsWith(".part"))) interrupted += 1;

      const store = await open();
      expect(damage).toEqual({});
      const now = stateOf(store);
      const possible = [state, after(state, changeOf(next))];
      expect(possible).toContainEqual(now);
      if (JSON.stringify(now) !== JSON.stringify(state)) next += 1;
      state = now;
      await store.removeLeftovers();
      await expectWhole(store);
    }
    process.stdout.write(`${next} changes, ${KILLS} kills, ${interrupted} of them while a file was written\n`);
    expect(next).toBeGreaterThan(0);
  });

  /** Kills at a random moment; resolves with the number of the change that was not acknowledged. */
  async function killLater(child: ChildProcess): Promise<number> {
    let acknowledged = -1;
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const closed = once(lines, "close");
    await new Promise<void>((resolve, reject) => {
      child.once("exit", () => reject(new Error("the child ended by itself")));
      lines.on("line", (line) => {
        if (line === "ready") resolve();
        else acknowledged = Number(line) + 1;
      });
    });
    child.removeAllListeners("exit");
    await new Promise((resolve) => setTimeout(resolve, randomInt(60)));
    child.kill("SIGKILL");
    await closed;
    return acknowledged;
  }
});

describe("a disk that is full", () => {
  const MOUNT = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"';

  function mountsAllowed(): boolean {
    try {
      execFileSync("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", dir, "true"], {
        stdio: "ignore",
      });
      return true;
    } catch {
      process.stderr.write("skipped: this system lets no user mount a tmpfs (unshare --user --mount)\n");
      return false;
    }
  }

  it("takes what fits, answers storage_full, and keeps no half of the rest", async (context) => {
    if (!mountsAllowed()) return context.skip();
    const run = [
      "sh",
      "-c",
      MOUNT,
      "sh",
      dir,
      "sh",
      "-c",
      '"$0" "$@"; ls "$2"',
      process.execPath,
      CHILD,
      dir,
      "0",
      "fill",
    ];
    const output = execFileSync("unshare", ["--user", "--map-root-user", "--mount", ...run], { encoding: "utf8" });
    expect(output).toContain('{"code":"storage_full","versions":["0","1","2"]}');
    const files = output.slice(output.indexOf("}")).match(/^\S+\.(graph|labels|json|part)$/gm) ?? [];
    expect(files.filter((name) => name.endsWith(".part"))).toEqual([]);
    expect(files).toHaveLength(7);
  });
});

it("an entry is JSON that a person can read", async () => {
  await register(await open(), "birds");
  const entry: unknown = JSON.parse(await readFile(join(dir, "birds.json"), "utf8"));
  expect(entry).toMatchObject({ schema: 1, served: "1", versions: [{ id: "birds", version: "1" }] });
});
