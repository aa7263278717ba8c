/** Fetching a listed model: from a server of this test's own, on the loopback address. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Manifest } from "../src/generated/contract.js";
import { fetchModel } from "../src/models/fetch-model.js";

const GRAPH = Buffer.alloc(300_000, "graph");
const LIMITS = { graphBytesMax: 1_000_000, labelsBytesMax: 1000 };
const dir = mkdtempSync(join(tmpdir(), "menagerie-fetch-"));
let server: Server;
let url: string;

beforeAll(async () => {
  mkdirSync(join(dir, "net"));
  writeFileSync(join(dir, "net/frozen.pb"), GRAPH);
  writeFileSync(join(dir, "net/labels.txt"), "a\nb\n");
  writeFileSync(join(dir, "-odd.pb"), GRAPH);
  const archive = execFileSync("tar", ["-czf", "-", "--", "net", "-odd.pb"], { cwd: dir });
  server = createServer((request, response) => {
    if (request.url !== "/net.tgz") response.writeHead(404);
    response.end(archive);
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
  const hashes = await fetchModel(manifest("whole", { sha256, bytes: GRAPH.length }), dir, LIMITS);
  expect(hashes.get("graph.pb")).toBe(sha256);
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
