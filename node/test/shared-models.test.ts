/** Registered models that replicas share: each sees the others' changes whole, and overwrites none. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFollower } from "../src/models/follower.js";
import { openSharedBlobs, type SharedBlobs } from "../src/models/shared-blobs.js";
import { type ModelStore, openModelStore } from "../src/models/store.js";
import type { ZooModel } from "../src/ports.js";
import { contentOf, manifestOf } from "./fixtures/store-changes.mjs";
import { FakeObjects } from "./support/fake-objects.js";
import { FakeZoo, zooModel } from "./support/fake-service.js";

interface Replica {
  readonly store: ModelStore;
  readonly shared: SharedBlobs;
  readonly cacheDir: string;
}

let objects: FakeObjects;
let dirs: string[];
let reports: unknown[];
beforeEach(() => {
  objects = new FakeObjects();
  dirs = [];
  reports = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true })));
});

async function start(cacheDir?: string, bytesMax = 10_000_000): Promise<Replica> {
  const dir = cacheDir ?? (await mkdtemp(join(tmpdir(), "menagerie-copies-")));
  dirs.push(dir);
  const report = (error: unknown) => void reports.push(error);
  const shared = await openSharedBlobs({ objects, cacheDir: dir, blobBytesMax: bytesMax, report });
  const store = await openModelStore({
    blobs: shared,
    zoo: new FakeZoo([zooModel("colours", { default: true })]),
    modelsMax: 100,
    bytesMax,
    report: (entry, reason) => void reports.push(`${entry}: ${reason}`),
  });
  return { store, shared, cacheDir: dir };
}

function register({ store }: Replica, id: string, version = "1", title = id): Promise<boolean> {
  const { graph, labels } = contentOf(id, version);
  return store.register({ ...manifestOf(id, version), title }, graph, labels);
}

/** What one look of the follower does; resolves with what is gone. */
async function follow({ store }: Replica): Promise<string[]> {
  const { gone, verify } = await store.takeOver();
  await verify();
  return gone.map(({ manifest }) => `${manifest.id}@${manifest.version}`);
}

function stateOf({ store }: Replica): unknown {
  const ids = store.list().flatMap(({ manifest, registered }) => (registered ? [manifest.id] : []));
  return Object.fromEntries(ids.map((id) => [id, [store.find(id)?.manifest.version, ...store.versionsOf(id)]]));
}

async function expectGraph(model: ZooModel | undefined, id: string, version = "1"): Promise<void> {
  expect(model?.damage).toBeNull();
  expect(contentOf(id, version).graph.equals((await model?.readGraph()) ?? Buffer.alloc(0))).toBe(true);
}

describe("what one replica changes", () => {
  it("is what the others serve, switch to and refuse after their next look", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds", "1");
    await register(first, "birds", "2");
    expect(stateOf(second)).toEqual({});
    expect(await follow(second)).toEqual([]);
    expect(stateOf(second)).toEqual({ birds: ["1", "1", "2"] });
    await expectGraph(second.store.find("birds"), "birds");

    await second.store.serve("birds", "2");
    expect(await follow(first)).toEqual([]);
    expect(stateOf(first)).toEqual({ birds: ["2", "1", "2"] });

    await second.store.remove("birds", "1");
    expect(await follow(first)).toEqual(["birds@1"]);
    expect(first.store.find("birds", "1")).toBeUndefined();
    await first.store.remove("birds", null);
    expect(await follow(second)).toEqual(["birds@2"]);
    expect(stateOf(second)).toEqual({});
  });

  it("leaves the models that did not change as they are loaded", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds", "1");
    await follow(second);
    const loaded = second.store.find("birds", "1");
    await register(first, "birds", "2");
    await follow(second);
    expect(second.store.find("birds", "1")).toBe(loaded);
  });

  it("costs one question where nothing changed, and none while requests are served", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    await follow(second);
    objects.asked.length = 0;
    await follow(second);
    expect(objects.asked).toEqual(["get models.json"]);
    await expectGraph(second.store.find("birds"), "birds");
    expect(objects.asked).toHaveLength(1);
  });

  it("is retired and forgotten by the follower of the others", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    await follow(second);
    await first.store.remove("birds", null);
    const retired: string[] = [];
    const follower = createFollower({
      ...second,
      models: { retire: async ({ manifest }) => void retired.push(manifest.id) },
      report: (error) => void reports.push(error),
    });
    follower.start();
    await vi.waitFor(() => expect(retired).toEqual(["birds"]));
    expect(follower.status()).toEqual({ problem: null, heard_seconds_ago: expect.any(Number) });
    follower.stop();
  });
});

describe("two replicas at once", () => {
  it("that register different models keep both", async () => {
    const replicas = [await start(), await start(), await start()];
    const versions = Array.from({ length: 4 }, (_, index) => String(index));
    await Promise.all(replicas.flatMap((one, at) => versions.map((v) => register(one, "birds", `${at}${v}`))));
    for (const one of replicas) await follow(one);
    for (const { store } of replicas) expect(store.versionsOf("birds")).toHaveLength(12);
    expect(new Set(replicas.map(({ store }) => store.find("birds")?.manifest.version)).size).toBe(1);
  });

  it("that register another model under one id and version: one wins, the other gets the usual conflict", async () => {
    const [first, second] = [await start(), await start()];
    const outcomes = await Promise.allSettled([
      register(first, "birds", "1", "mine"),
      register(second, "birds", "1", "yours"),
    ]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const [refused] = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    expect(refused).toMatchObject({ code: "model_exists", message: expect.stringMatching(/another title/) });
    await follow(first);
    await follow(second);
    expect(first.store.find("birds")?.manifest).toEqual(second.store.find("birds")?.manifest);
  });

  it("that register the very same model: it is new once", async () => {
    const [first, second] = [await start(), await start()];
    const added = await Promise.all([register(first, "birds"), register(second, "birds")]);
    expect(added.toSorted()).toEqual([false, true]);
  });

  it("that remove and switch: the switch to what is gone is refused", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds", "1");
    await register(first, "birds", "2");
    await follow(second);
    objects.beforeReplace = async () => {
      objects.beforeReplace = async () => {};
      await first.store.remove("birds", "2");
    };
    await expect(second.store.serve("birds", "2")).rejects.toMatchObject({ code: "version_unknown" });
    expect(stateOf(second)).toEqual({ birds: ["1", "1"] });
  });
});

describe("a model that is half-written", () => {
  it("is seen by no replica, and registered whole by the next try", async () => {
    const [first, second] = [await start(), await start()];
    objects.beforeReplace = async () => {
      objects.isGone = true;
    };
    await expect(register(first, "birds")).rejects.toMatchObject({ code: "engine_unavailable", status: 503 });
    objects.isGone = false;
    objects.beforeReplace = async () => {};
    expect([...objects.kept.keys()].every((key) => key.startsWith("blobs/"))).toBe(true);
    await follow(second);
    expect([stateOf(first), stateOf(second)]).toEqual([{}, {}]);
    expect(await register(second, "birds")).toBe(true);
    await follow(first);
    await expectGraph(first.store.find("birds"), "birds");
  });

  it("takes no room of those that are kept", async () => {
    const room = contentOf("birds", "1").graph.length + 10_000;
    const one = await start(undefined, room);
    objects.beforeReplace = async () => {
      objects.isGone = true;
    };
    await expect(register(one, "fish")).rejects.toThrow(/try again/);
    objects.isGone = false;
    objects.beforeReplace = async () => {};
    expect(await register(one, "birds")).toBe(true);
    await expect(register(one, "fish")).rejects.toMatchObject({ code: "storage_full" });
  });

  it("was registered once where the answer of the store was lost", async () => {
    const one = await start();
    objects.losesAnswers = true;
    expect(await register(one, "birds")).toBe(true);
    objects.losesAnswers = false;
    expect(stateOf(one)).toEqual({ birds: ["1", "1"] });
    await one.store.remove("birds", null);
    expect(stateOf(one)).toEqual({});
  });
});

describe("a store that lies about a hash", () => {
  it("is refused, and its bytes are not kept", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    objects.lie = (bytes) => (bytes.length < 10_000 ? bytes : Buffer.alloc(bytes.length, "lie"));
    await follow(second);
    const model = second.store.find("birds");
    expect(model?.damage).toMatch(/its SHA-256 is \w{64} instead of \w{64}/);
    expect(reports).toContainEqual(expect.stringMatching(/^birds@1: .*SHA-256/));
    await expect(model?.readGraph()).rejects.toMatchObject({ code: "engine_unavailable" });
    expect((await readdir(second.cacheDir)).filter((name) => name.endsWith(".graph"))).toEqual([]);
    await expectGraph(first.store.find("birds"), "birds");
  });

  it("is read no further than the index says that a file goes", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    objects.lie = (bytes) => (bytes.length < 10_000 ? bytes : Buffer.concat([bytes, Buffer.of(0)]));
    await follow(second);
    await expect(second.store.find("birds")?.readGraph()).rejects.toMatchObject({
      code: "engine_unavailable",
      message: expect.stringMatching(/holds more under blobs\/\w+\.graph than it may/),
    });
    objects.lie = (bytes) => bytes;
    await expectGraph(second.store.find("birds"), "birds");
  });

  it("serves again once it is mended", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    objects.lie = (bytes) => (bytes.length < 10_000 ? bytes : Buffer.alloc(bytes.length, "lie"));
    await follow(second);
    objects.lie = (bytes) => bytes;
    expect(await register(second, "birds")).toBe(false);
    await expectGraph(second.store.find("birds"), "birds");
  });

  it("gives way to a copy, which is read anew where it is damaged", async () => {
    const one = await start();
    await register(one, "birds");
    const { file } = manifestOf("birds", "1").graph;
    await writeFile(join(one.cacheDir, file), "rot");
    await expectGraph(one.store.find("birds"), "birds");
  });
});

describe("a store that is gone", () => {
  it("takes no change, says so with 503, and loses nothing", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    await follow(second);
    objects.isGone = true;
    const away = { code: "engine_unavailable", status: 503, retryAfterSeconds: expect.any(Number) };
    await expect(register(second, "fish")).rejects.toMatchObject(away);
    await expect(second.store.remove("birds", null)).rejects.toMatchObject(away);
    await expect(follow(second)).rejects.toMatchObject(away);
    expect(stateOf(second)).toEqual({ birds: ["1", "1"] });
    await expectGraph(second.store.find("birds"), "birds");
    objects.isGone = false;
    expect(await register(second, "fish")).toBe(true);
    await follow(first);
    expect(stateOf(first)).toEqual({ birds: ["1", "1"], fish: ["1", "1"] });
  });

  it("is told neither by its host nor by its bucket to who asks", async () => {
    const one = await start();
    objects.isGone = true;
    await expect(register(one, "birds")).rejects.toThrow(/^The store of models cannot be used now \(ECONNREFUSED\)\./);
  });

  it("damages no model that was not copied yet", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    const { verify } = await second.store.takeOver();
    objects.isGone = true;
    await verify();
    const model = second.store.find("birds");
    await expect(model?.readGraph()).rejects.toMatchObject({ status: 503, retryAfterSeconds: expect.any(Number) });
    objects.isGone = false;
    await expectGraph(model, "birds");
  });

  it("lets a replica that was killed begin with its copies, and with what changed once it is back", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    await follow(second);
    objects.isGone = true;
    const again = await start(second.cacheDir);
    expect(again.shared.sinceHeardMs()).toBeNull();
    await expectGraph(again.store.find("birds"), "birds");
    objects.isGone = false;
    await first.store.remove("birds", null);
    expect(await follow(again)).toEqual(["birds@1"]);
    expect(again.shared.sinceHeardMs()).not.toBeNull();
  });

  it("begins with nothing where what was copied is another bucket's", async () => {
    const one = await start();
    await register(one, "birds");
    objects = new FakeObjects("s3://others");
    objects.isGone = true;
    const again = await start(one.cacheDir);
    expect(stateOf(again)).toEqual({});
  });

  it("begins with nothing where nothing was copied, and the default model serves", async () => {
    objects.isGone = true;
    const one = await start();
    expect(one.store.find("colours")?.damage).toBeNull();
    expect(stateOf(one)).toEqual({});
  });
});

describe("a store that answers after five seconds", () => {
  it("keeps nobody who starts waiting, and is understood all the same", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    await follow(second);
    objects.answerMs = 5000;
    const again = await start(second.cacheDir);
    await expectGraph(again.store.find("birds"), "birds");
    expect(await register(again, "fish")).toBe(true);
    await follow(first);
    expect(stateOf(first)).toEqual({ birds: ["1", "1"], fish: ["1", "1"] });
  });

  it("keeps no change of others waiting while it takes the files of a model", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    await follow(second);
    let answer = () => {};
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const put = vi.spyOn(objects, "put");
    let begun = () => {};
    const putting = new Promise<void>((resolve) => {
      begun = resolve;
    });
    put.mockImplementation(async (...asked) => {
      begun();
      await gate;
      await FakeObjects.prototype.put.apply(objects, asked);
    });
    const registering = register(second, "fish");
    await putting;
    await first.store.remove("birds", null);
    expect(await follow(second)).toEqual(["birds@1"]);
    await second.store.discard([]);
    answer();
    expect(await registering).toBe(true);
    expect(put).toHaveBeenCalledTimes(2);
    expect(stateOf(second)).toEqual({ fish: ["1", "1"] });
  });

  it("keeps no request for a model that is copied waiting, whatever is asked of it meanwhile", async () => {
    const [first, second] = [await start(), await start()];
    await register(first, "birds");
    await follow(second);
    let answer = () => {};
    objects.gate = new Promise((resolve) => {
      answer = resolve;
    });
    const looking = follow(second);
    const registering = register(second, "fish");
    await expectGraph(second.store.find("birds"), "birds");
    expect(second.store.find("colours")).toBeDefined();
    answer();
    await looking;
    expect(await registering).toBe(true);
  });
});

it("clocks that differ by a minute, or jump, change nothing", async () => {
  const [first, second] = [await start(), await start()];
  let calls = 0;
  vi.spyOn(Date, "now").mockImplementation(() => 1_700_000_000_000 + (++calls % 2 === 0 ? 60_000 : -60_000));
  await register(first, "birds", "1");
  await register(second, "birds", "2");
  await follow(first);
  expect(stateOf(first)).toEqual({ birds: ["1", "1", "2"] });
  await first.store.remove("birds", "1");
  expect(await follow(second)).toEqual(["birds@1"]);
  expect(stateOf(second)).toEqual({ birds: ["2", "2"] });
});

describe("the index", () => {
  it("of a later version is not read at the start, and changes nothing while one runs", async () => {
    const one = await start();
    await register(one, "birds");
    objects.kept.set("models.json", { bytes: Buffer.from('{"schema": 2}'), etag: "later" });
    await expect(follow(one)).rejects.toMatchObject({ status: 503, message: expect.stringMatching(/later version/) });
    expect(stateOf(one)).toEqual({ birds: ["1", "1"] });
    await expect(start()).rejects.toThrow(/a later version of Menagerie wrote s3:\/\/models\/models.json/);
  });

  it("that is damaged is not overwritten, and what was known of it serves on", async () => {
    const one = await start();
    await register(one, "birds");
    objects.kept.set("models.json", { bytes: Buffer.from("{"), etag: "damaged" });
    await expect(register(one, "fish")).rejects.toMatchObject({ status: 503 });
    expect(objects.kept.get("models.json")?.etag).toBe("damaged");
    await expectGraph(one.store.find("birds"), "birds");
  });

  it("that is lost takes no model away, and is not begun anew", async () => {
    const replica = await start();
    await register(replica, "birds");
    objects.kept.clear();
    await expect(follow(replica)).rejects.toThrow("has lost its index: models.json");
    await expect(register(replica, "fish")).rejects.toThrow("has lost its index");
    expect(stateOf(replica)).toEqual({ birds: ["1", "1"] });
    expect(stateOf(await start(replica.cacheDir))).toEqual({ birds: ["1", "1"] });
    expect(objects.kept.has("models.json")).toBe(false);
  });

  it("is not written where the store overwrites what others wrote", async () => {
    const replica = await start();
    objects.ignoresConditions = true;
    await expect(register(replica, "birds")).rejects.toThrow("does not keep the conditions of writes");
    expect(objects.kept.has("models.json")).toBe(false);
    objects.ignoresConditions = false;
    await register(replica, "birds");
    expect(stateOf(replica)).toEqual({ birds: ["1", "1"] });
  });

  it("names files of the bucket alone", async () => {
    const one = await start();
    await register(one, "birds");
    expect(await one.shared.get("../../etc/passwd")).toBeNull();
    expect(await one.shared.get("index.json")).toBeNull();
  });
});

it("copies of what nobody names any longer go, and the bucket keeps its own", async () => {
  const [first, second] = [await start(), await start()];
  await register(first, "birds");
  await follow(second);
  await first.store.discard(await first.store.remove("birds", null));
  await follow(second);
  await second.store.discard([]);
  objects.beforeReplace = async () => {
    objects.isGone = true;
  };
  await expect(register(first, "fish")).rejects.toMatchObject({ status: 503 });
  for (const { cacheDir } of [first, second]) expect(await readdir(cacheDir)).toEqual(["index.json"]);
  expect([...objects.kept.keys()].filter((key) => key.startsWith("blobs/"))).toHaveLength(4);
});
