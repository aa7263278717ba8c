/** Listed models fetched while the service runs: from a server of this test's own, and through HTTP. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openFileZoo } from "../src/models/file-zoo.js";
import type { ApiKeys, ModelFetcher, Role } from "../src/ports.js";
import { createModelFetcher } from "../src/zoo/fetcher.js";
import { startFakeService } from "./support/fake-service.js";

const GRAPH = randomBytes(200_000);
const HASH = createHash("sha256").update(GRAPH).digest("hex");
const LIMITS = { graphBytesMax: 1_000_000, labelsBytesMax: 1000 };

describe("the fetcher", () => {
  let dir: string;
  let server: Server;
  let archive: Buffer;
  /** The second half of each archive waits for this. */
  let gate: Promise<void>;
  let asked: string[];
  const failures: string[] = [];
  const fetchers: ModelFetcher[] = [];

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "menagerie-fetcher-"));
    mkdirSync(join(dir, "net"));
    writeFileSync(join(dir, "net/frozen.pb"), GRAPH);
    archive = execFileSync("tar", ["-czf", "-", "net"], { cwd: dir });
    rmSync(join(dir, "net"), { recursive: true });
    gate = Promise.resolve();
    asked = [];
    failures.length = 0;
    server = createServer((request, response) => void send(request.url ?? "", response)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
  });

  afterEach(async () => {
    for (const fetcher of fetchers.splice(0)) await fetcher.close();
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true });
  });

  async function send(path: string, response: ServerResponse): Promise<void> {
    asked.push(path);
    response.writeHead(200, { "content-length": archive.length, etag: '"1"' });
    response.write(archive.subarray(0, archive.length / 2));
    await gate;
    response.end(archive.subarray(archive.length / 2));
  }

  /** A zoo whose list has these models, with a fetcher. */
  async function open(...models: [id: string, sha256: string | null][]) {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const listed = models.map(([id, sha256]) => ({
      schema: 1,
      id,
      version: "1",
      title: id,
      description: "",
      licence: "CC0-1.0",
      graph: { file: "graph.pb", bytes: null, sha256 },
      source: { url: `${url}/${id}.tgz`, member: "net/frozen.pb" },
      input: {},
      output: { classes: 2 },
    }));
    writeFileSync(join(dir, "imagenet.json"), JSON.stringify({ schema: 1, models: listed }));
    const zoo = await openFileZoo(dir, () => {});
    const reportFailure = (id: string) => void failures.push(id);
    const fetcher = createModelFetcher({ zoo, dir, limits: LIMITS, report: () => {}, reportFailure });
    fetchers.push(fetcher);
    onTestFinished(() => zoo.close());
    return { zoo, fetcher };
  }

  /** Holds back the rest of each archive until it is called. */
  function hold(): () => void {
    let go = () => {};
    gate = new Promise((resolve) => {
      go = resolve;
    });
    return go;
  }

  it("tells how far it is, and the zoo has the model without being opened anew", async () => {
    const go = hold();
    const { zoo, fetcher } = await open(["one", HASH]);
    expect(zoo.find("one")?.present).toBe(false);
    expect(fetcher.begin("one", null, false)).toEqual({ receivedBytes: 0, totalBytes: null, problem: null });
    const half = Math.floor(archive.length / 2);
    await expect.poll(() => fetcher.stateOf("one")).toMatchObject({ receivedBytes: half, totalBytes: archive.length });
    go();
    await expect.poll(() => fetcher.stateOf("one")).toBeNull();
    expect(Buffer.from((await zoo.find("one")?.readGraph()) ?? [])).toEqual(GRAPH);
    expect(() => fetcher.begin("one", null, false)).toThrow(/are here already/);
  });

  it("fetches a model once, however often it is asked for, and one at a time", async () => {
    const go = hold();
    const { zoo, fetcher } = await open(["one", HASH], ["two", HASH]);
    for (const id of ["one", "one", "two"]) fetcher.begin(id, null, false);
    await expect.poll(() => fetcher.stateOf("one")?.receivedBytes).toBeGreaterThan(0);
    expect(asked).toEqual(["/one.tgz"]);
    go();
    await expect.poll(() => zoo.find("two")?.present).toBe(true);
    expect(asked).toEqual(["/one.tgz", "/two.tgz"]);
  });

  it("ends when it is cancelled, with nothing in the model's folder, and begins anew", async () => {
    const go = hold();
    const { zoo, fetcher } = await open(["one", HASH], ["two", HASH]);
    fetcher.begin("one", null, false);
    fetcher.begin("two", null, false);
    await expect.poll(() => fetcher.stateOf("one")?.receivedBytes).toBeGreaterThan(0);
    fetcher.cancel("two");
    fetcher.cancel("one");
    expect(fetcher.stateOf("one")).toBeNull();
    expect(() => fetcher.cancel("one")).toThrow(/not being fetched/);
    go();
    fetcher.begin("one", null, false);
    await expect.poll(() => zoo.find("one")?.present).toBe(true);
    expect(asked).not.toContain("/two.tgz");
    expect(existsSync(join(dir, "two"))).toBe(false);
    expect(failures).toEqual([]);
  });

  it("keeps nothing of a file with another SHA-256, and says so until it is tried again", async () => {
    const { zoo, fetcher } = await open(["one", "0".repeat(64)]);
    fetcher.begin("one", null, false);
    await expect.poll(() => fetcher.stateOf("one")?.problem).toMatch(/of SHA-256 [0-9a-f]{64}, not SHA-256 0{64}/);
    expect(failures).toEqual(["one"]);
    expect(zoo.find("one")?.present).toBe(false);
    expect(existsSync(join(dir, "one/graph.pb"))).toBe(false);
    expect(fetcher.begin("one", null, false).problem).toBeNull();
  });

  it("writes nothing any more once it is closed, whatever it was about", async () => {
    for (let turns = 0; turns < 40; turns++) {
      const { fetcher } = await open(["one", "0".repeat(64)]);
      fetcher.begin("one", null, false);
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      await fetcher.close();
      const left = readdirSync(dir, { recursive: true });
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(readdirSync(dir, { recursive: true })).toEqual(left);
    }
  });

  it("takes a graph whose SHA-256 is not known only when told to, and records it", async () => {
    const { zoo, fetcher } = await open(["one", null]);
    expect(() => fetcher.begin("one", null, false)).toThrow(/is not known, so what comes cannot be verified/);
    fetcher.begin("one", null, true);
    await expect.poll(() => zoo.find("one")?.present).toBe(true);
    expect(zoo.find("one")?.manifest.graph.sha256).toBe(HASH);
    expect(readFileSync(join(dir, "one/manifest.json"), "utf8")).toContain(HASH);
  });

  it("knows nothing that the operator did not list", async () => {
    const { fetcher } = await open(["one", HASH]);
    expect(() => fetcher.begin("two", null, true)).toThrow(/There is no model "two" in the zoo/);
    expect(() => fetcher.begin("../one", null, true)).toThrow(/There is no model/);
    expect(() => fetcher.begin("one", "2", true)).toThrow(/has no version 2; it has: 1/);
    expect(asked).toEqual([]);
  });
});

describe("the calls", () => {
  const KEYS: ApiKeys = {
    find: (key) => (["infer", "models", "admin"].includes(key) ? { role: key as Role, name: key } : undefined),
  };

  it.each([
    ["infer", "", 403],
    ["models", "", 202],
    ["models", "?trust_on_first_use=1", 403],
    ["admin", "?trust_on_first_use=1", 202],
    ["admin", "?trust_on_first_use=yes", 400],
    ["admin", "?url=http://example.org", 400],
  ])("a key of role %s begins a fetch%s: %i", async (key, query, status) => {
    const service = await startFakeService({}, KEYS);
    onTestFinished(() => service.close());
    const init = { method: "POST", headers: { "x-api-key": key } };
    const response = await fetch(`${service.url}/api/models/listed@1/fetch${query}`, init);
    expect(response.status).toBe(status);
    const trustOnFirstUse = query !== "";
    expect(service.fetcher.asked).toEqual(status === 202 ? [{ id: "listed", version: "1", trustOnFirstUse }] : []);
  });

  it("the list says how far it is, and it can be ended", async () => {
    const service = await startFakeService();
    onTestFinished(() => service.close());
    const address = `${service.url}/api/models/listed/fetch`;
    const begun = await fetch(address, { method: "POST" });
    const state = { received_bytes: 1, total_bytes: 2, problem: null };
    expect(await begun.json()).toEqual({ id: "listed", fetch: state });
    const { models } = (await (await fetch(`${service.url}/api/models`)).json()) as { models: { id: string }[] };
    expect(models.find(({ id }) => id === "listed")).toMatchObject({ state: "not fetched", fetch: state });
    expect(models.find(({ id }) => id === "colours")).toMatchObject({ fetch: null });
    expect((await fetch(address, { method: "DELETE" })).status).toBe(204);
    expect((await fetch(address, { method: "DELETE" })).status).toBe(404);
  });
});
