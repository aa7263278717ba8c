/** Fetching a listed model: from a server of this test's own, on the loopback address. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Manifest } from "../src/generated/contract.js";
import { fetchModel } from "../src/models/fetch-model.js";
import { pullModel } from "../src/zoo/pull.js";

/** Does not become less by packing. */
const GRAPH = randomBytes(300_000);
const LIMITS = { graphBytesMax: 1_000_000, labelsBytesMax: 1000, trustOnFirstUse: true, report: () => {} };
const dir = mkdtempSync(join(tmpdir(), "menagerie-fetch-"));
let server: Server;
let url: string;
const requests: { readonly path: string; readonly range: string | null }[] = [];

beforeAll(async () => {
  mkdirSync(join(dir, "net"));
  writeFileSync(join(dir, "net/frozen.pb"), GRAPH);
  writeFileSync(join(dir, "net/labels.txt"), "a\nb\n");
  writeFileSync(join(dir, "-odd.pb"), GRAPH);
  const archive = execFileSync("tar", ["-czf", "-", "--", "net", "-odd.pb"], { cwd: dir });
  server = createServer((request, response) => {
    const { range = null, "if-range": validator = null } = request.headers;
    requests.push({ path: request.url ?? "", range });
    if (request.url === "/gone.tgz") response.writeHead(404).end();
    else if (request.url === "/broken.tgz" && range === null) {
      // Half of it, and then the connection ends.
      response.writeHead(200, { "content-length": archive.length, etag: '"1"' });
      response.write(archive.subarray(0, archive.length / 2), () => request.socket.end());
    } else if (range !== null && validator === '"1"') {
      const from = Number(/\d+/.exec(range)?.[0]);
      response.writeHead(206, { "content-length": archive.length - from, etag: '"1"' });
      response.end(archive.subarray(from));
    } else response.end(archive);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

function manifest(id: string, graph: Partial<Manifest["graph"]> = {}, member = "net/frozen.pb"): Manifest {
  return {
    schema: 1,
    id,
    version: "1",
    title: id,
    description: "",
    licence: "CC0-1.0",
    default: false,
    graph: { file: "graph.pb", bytes: null, sha256: null, ...graph },
    source: { url: `${url}/net.tgz`, member, labels_member: "net/labels.txt" },
    labels: { file: "labels.txt", sha256: null },
    input: {} as Manifest["input"],
    output: {} as Manifest["output"],
  };
}

it("puts graph and labels into the model's folder, verified", async () => {
  const sha256 = createHash("sha256").update(GRAPH).digest("hex");
  const files = await fetchModel(manifest("whole", { sha256, bytes: GRAPH.length }), dir, LIMITS);
  expect(files).toEqual([
    { file: "graph.pb", bytes: GRAPH.length, sha256, verified: true },
    { file: "labels.txt", bytes: 4, sha256: expect.stringMatching(/^[0-9a-f]{64}$/), verified: false },
  ]);
  expect(readdirSync(join(dir, ".pull"))).toEqual([]);
  expect(readFileSync(join(dir, "whole/graph.pb"))).toEqual(GRAPH);
  expect(readFileSync(join(dir, "whole/labels.txt"), "utf8")).toBe("a\nb\n");
  expect(readdirSync(join(dir, "whole")).toSorted()).toEqual(["graph.pb", "labels.txt"]);
});

it.each<[string, () => Manifest, string, RegExp]>([
  [
    "another SHA-256",
    () => manifest("sha", { sha256: "0".repeat(64) }),
    "graph_invalid",
    /has 300000 bytes of SHA-256 [0-9a-f]{64}, not SHA-256 0{64}\.$/,
  ],
  ["another size", () => manifest("size", { bytes: 5 }), "graph_invalid", /not 5 bytes\.$/],
  ["no such member", () => manifest("member", {}, "net/other.pb"), "url_unreachable", /no net\/other.pb/],
])("leaves nothing behind when the archive has %s", async (_, makeManifest, code, message) => {
  const wrong = makeManifest();
  await expect(fetchModel(wrong, dir, LIMITS)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(readdirSync(dir)).not.toContain(wrong.id);
});

it("takes a member that begins with a dash for a member, and for no option of tar", async () => {
  await fetchModel(manifest("odd", {}, "-odd.pb"), dir, LIMITS);
  expect(readFileSync(join(dir, "odd/graph.pb"))).toEqual(GRAPH);
  const made = join(dir, "made");
  for (const member of [`--to-command=touch ${made}`, `-I touch ${made}`]) {
    await expect(fetchModel(manifest("option", {}, member), dir, LIMITS)).rejects.toMatchObject({
      code: "url_unreachable",
    });
    expect(existsSync(made)).toBe(false);
  }
});

it("stops at the size limit", async () => {
  const fetching = fetchModel(manifest("large"), dir, { ...LIMITS, graphBytesMax: 1000 });
  await expect(fetching).rejects.toMatchObject({ code: "graph_too_large" });
});

it("names an address that does not answer with the archive", async () => {
  const gone = manifest("gone");
  gone.source = { url: `${url}/gone.tgz`, member: "a" };
  await expect(fetchModel(gone, dir, LIMITS)).rejects.toMatchObject({
    code: "url_unreachable",
    message: expect.stringContaining("404"),
  });
});

it("goes on where a connection broke off, and fetches an archive once", async () => {
  const broken = manifest("broken");
  broken.source = { url: `${url}/broken.tgz`, member: "net/frozen.pb", labels_member: "net/labels.txt" };
  await expect(fetchModel(broken, dir, LIMITS)).rejects.toMatchObject({
    code: "url_unreachable",
    message: expect.stringContaining("goes on from there"),
  });
  expect(readdirSync(dir)).not.toContain("broken");
  const told: number[] = [];
  await fetchModel(broken, dir, { ...LIMITS, report: (bytes) => told.push(bytes) });
  expect(readFileSync(join(dir, "broken/graph.pb"))).toEqual(GRAPH);
  const ranges = requests.filter(({ path }) => path === "/broken.tgz").map(({ range }) => range);
  expect(ranges).toEqual([null, expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  expect(told.at(-1)).toBeGreaterThan(Number(/\d+/.exec(ranges[1] ?? "")?.[0]));
  expect(readdirSync(join(dir, ".pull"))).toEqual([]);
});

it("takes no file whose SHA-256 is not known, unless it is told to", async () => {
  const before = requests.length;
  const fetching = fetchModel(manifest("unknown"), dir, { ...LIMITS, trustOnFirstUse: false });
  await expect(fetching).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringMatching(/graph\.pb and labels\.txt of unknown is not known.*--trust-on-first-use/),
  });
  expect(requests.length).toBe(before);
});

it("says that the machine may be off line where nothing answers", async () => {
  const off = manifest("off");
  off.source = { url: "http://127.0.0.1:9/net.tgz", member: "a" };
  await expect(fetchModel(off, dir, LIMITS)).rejects.toMatchObject({
    code: "url_unreachable",
    message: expect.stringMatching(/cannot be reached|does not answer/),
  });
});

it("takes labels that are kept beside the list, and records what it came to trust", async () => {
  const zoo = mkdtempSync(join(tmpdir(), "menagerie-listed-"));
  try {
    const listed = manifest("listed");
    listed.source = { url: `${url}/net.tgz`, member: "net/frozen.pb" };
    listed.labels = { file: "labels.txt", sha256: createHash("sha256").update("c\nd\n").digest("hex") };
    mkdirSync(join(zoo, "imagenet"));
    writeFileSync(join(zoo, "imagenet/labels.txt"), "c\nd\n");
    writeFileSync(join(zoo, "imagenet.json"), JSON.stringify({ schema: 1, models: [listed] }));
    await expect(pullModel(zoo, "listed", { ...LIMITS, trustOnFirstUse: false })).rejects.toMatchObject({
      code: "forbidden",
    });
    expect(await pullModel(zoo, "listed", LIMITS)).toMatchObject({ recorded: join(zoo, "listed/manifest.json") });
    const sha256 = createHash("sha256").update(GRAPH).digest("hex");
    const recorded = JSON.parse(readFileSync(join(zoo, "listed/manifest.json"), "utf8")) as Manifest;
    expect(recorded.graph).toEqual({ file: "graph.pb", bytes: GRAPH.length, sha256 });
    // What is recorded is verified from then on.
    expect(await pullModel(zoo, "listed", { ...LIMITS, trustOnFirstUse: false })).toMatchObject({ recorded: null });
  } finally {
    rmSync(zoo, { recursive: true });
  }
});
