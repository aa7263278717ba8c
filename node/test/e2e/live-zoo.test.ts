/** The zoo's folder changes while the service answers. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { meanColourGraph } from "../support/graph-def.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo, type RunningServer, signalAll, startServer } from "../support/server.js";

const RED = solidPng(8, 8, [255, 0, 0]);
const REPLACEMENTS = Number(process.env["REPLACEMENTS"] ?? 30);
const CLIENTS = 4;

let dir: string;
let zoo: string;
let server: RunningServer;
let edition = 0;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-live-"));
  zoo = await makeColourZoo();
  server = await startServer({ MODELS_DIR: zoo, LOG_LEVEL: "warn" });
}, 120_000);
afterEach(async () => {
  await server.stop();
  await Promise.all([dir, zoo].map((one) => rm(one, { recursive: true })));
});

interface Model {
  readonly id: string;
  readonly served: string;
  readonly state: string;
  readonly problem: string | null;
}

interface Answer {
  readonly model: { readonly id: string; readonly version: string; readonly sha256: string };
  readonly label: string;
}

const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** The files of one version of `colours`: graph, labels and version go together. */
async function filesOf(version: string, changes: Record<string, unknown> = {}): Promise<Record<string, Buffer>> {
  const graph = meanColourGraph(8, version);
  const labels = Buffer.from(["red", "green", "blue"].map((label) => `${label} ${version}\n`).join(""));
  const manifest = JSON.parse(await readFile(join(zoo, "colours/manifest.json"), "utf8"));
  return {
    "graph.pb": graph,
    "labels.txt": labels,
    "manifest.json": Buffer.from(
      JSON.stringify({
        ...manifest,
        version,
        graph: { file: "graph.pb", bytes: graph.length, sha256: hash(graph) },
        labels: { file: "labels.txt", sha256: hash(labels) },
        ...changes,
      }),
    ),
  };
}

/** Another folder takes the place of `colours`, as `mv` does it. */
async function replace(files: Record<string, Buffer>): Promise<void> {
  edition += 1;
  const fresh = join(dir, `new-${edition}`);
  await mkdir(fresh);
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(fresh, name), bytes);
  await rename(join(zoo, "colours"), join(dir, `old-${edition}`)).catch(() => {});
  await rename(fresh, join(zoo, "colours"));
}

async function ask(model?: string): Promise<Response> {
  const form = new FormData();
  form.append("image_file", new Blob([new Uint8Array(RED)]), "a.png");
  if (model !== undefined) form.append("model", model);
  return await fetch(`${server.url}/infer`, { method: "POST", body: form, headers: { accept: "application/json" } });
}

async function answerOf(response: Response): Promise<Answer | undefined> {
  return ((await response.json()) as { results?: Answer[] }).results?.[0];
}

async function listed(): Promise<Model[]> {
  return ((await (await fetch(`${server.url}/api/models`)).json()) as { models: Model[] }).models;
}

async function modelsLoaded(): Promise<number> {
  return ((await (await fetch(`${server.url}/readyz`)).json()) as { models_loaded: number }).models_loaded;
}

const colours = async () => (await listed()).find(({ id }) => id === "colours");

describe("a folder of the zoo", () => {
  it(`that is replaced ${REPLACEMENTS} times under load fails no request, and each answer is of one whole version`, async () => {
    const graphs = new Map([["1", hash(meanColourGraph())]]);
    let isOver = false;
    const seen = new Set<string>();
    const wrong: unknown[] = [];
    let count = 0;
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!isOver) {
        const response = await ask();
        const answer = await answerOf(response.clone());
        const { version = "", sha256 } = answer?.model ?? {};
        const label = version === "1" ? "red" : `red ${version}`;
        if (answer?.label !== label || graphs.get(version) !== sha256) wrong.push(await response.text());
        seen.add(version);
        count += 1;
      }
    });
    for (let number = 2; number < REPLACEMENTS + 2; number += 1) {
      const version = String(number);
      const files = await filesOf(version);
      graphs.set(version, hash(files["graph.pb"] ?? Buffer.alloc(0)));
      // In turn: another folder, and the same one written file by file.
      if (number % 2 === 0) await replace(files);
      else for (const [name, bytes] of Object.entries(files)) await writeFile(join(zoo, "colours", name), bytes);
      // Every tenth engine dies in the middle of it; what was written over cannot be loaded again for those who still use it.
      if (number % 10 === 0) {
        await expect.poll(modelsLoaded).toBe(1);
        signalAll(server.engines(), "SIGKILL");
      }
      await expect.poll(async () => (await colours())?.served, { interval: 20 }).toBe(version);
    }
    isOver = true;
    await Promise.all(clients);
    expect(wrong).toEqual([]);
    // One may be there too shortly to be asked.
    expect(seen.size).toBeGreaterThan(REPLACEMENTS / 2);
    expect(count).toBeGreaterThan(REPLACEMENTS);
  }, 600_000);

  it("that fails its check replaces nothing that serves, and is listed with the reason until it is mended", async () => {
    const broken = { ...(await filesOf("2")), "graph.pb": Buffer.from("half a gr") };
    await replace(broken);
    await expect.poll(async () => (await colours())?.problem).toMatch(/graph.pb has 9 bytes instead of/);
    // Its engine goes, and the files that served are gone from the folder.
    signalAll(server.engines(), "SIGKILL");
    expect(await answerOf(await ask())).toMatchObject({ label: "red", model: { version: "1" } });
    expect(await colours()).toMatchObject({ served: "1", state: "available" });
    await replace(await filesOf("2", { labels: { file: "labels.txt", sha256: null, offset: 40 } }));
    await expect.poll(async () => (await colours())?.problem).toMatch(/label/);
    expect(await answerOf(await ask())).toMatchObject({ label: "red", model: { version: "1" } });
    await replace(await filesOf("2"));
    await expect.poll(colours).toMatchObject({ served: "2", problem: null });
    expect(await answerOf(await ask())).toMatchObject({ label: "red 2", model: { version: "2" } });
  });

  it("that comes, takes the default, gives it back and goes again is picked up each time", async () => {
    const files = await filesOf("1", { id: "more", default: false });
    await mkdir(join(zoo, "more"));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(zoo, "more", name), bytes);
    await expect.poll(async () => (await ask("more")).status).toBe(200);
    expect((await listed()).map(({ id }) => id)).toEqual(["colours", "more"]);

    const setDefault = async (id: string, isDefault: boolean) => {
      const path = join(zoo, id, "manifest.json");
      const manifest = JSON.parse(await readFile(path, "utf8")) as object;
      await writeFile(path, JSON.stringify({ ...manifest, default: isDefault }));
    };
    await setDefault("more", true);
    await setDefault("colours", false);
    await expect.poll(async () => (await answerOf(await ask()))?.model.id).toBe("more");
    await setDefault("colours", true);
    await setDefault("more", false);
    await expect.poll(async () => (await answerOf(await ask()))?.model.id).toBe("colours");

    await rm(join(zoo, "more"), { recursive: true });
    await expect.poll(async () => (await ask("more")).status).toBe(404);
    expect((await ask()).status).toBe(200);
  });

  it("whose changes nobody tells of is looked at now and then", async () => {
    await server.stop();
    server = await startServer({ MODELS_DIR: zoo, LOG_LEVEL: "warn", MODELS_POLL_SECONDS: "0.1" });
    await replace(await filesOf("2"));
    await expect.poll(async () => (await colours())?.served).toBe("2");
  });
});
