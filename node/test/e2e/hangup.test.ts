/** SIGHUP: the keys and the zoo are read again. What is broken by then changes nothing. */
import { execFile } from "node:child_process";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CLI_FILE } from "../support/paths.js";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

interface NewKey {
  readonly key: string;
  readonly line: string;
}

let zoo: string;
let file: string;
let old: NewKey;
let server: RunningServer;

async function makeKey(name: string): Promise<NewKey> {
  const run = promisify(execFile);
  const { stdout, stderr } = await run(process.execPath, [CLI_FILE, "key", "--role", "infer", "--name", name]);
  return { key: /menagerie_\S+/.exec(stderr)?.[0] ?? "", line: stdout };
}

const ask = async ({ key }: NewKey, path = "colours") =>
  (await fetch(`${server.url}/api/models/${path}`, { headers: { authorization: `Bearer ${key}` } })).status;

const hangUp = () => server.child.kill("SIGHUP");

beforeAll(async () => {
  zoo = await makeColourZoo();
  file = join(zoo, "keys.txt");
  old = await makeKey("old");
  await writeFile(file, old.line);
  server = await startServer({ MODELS_DIR: zoo, API_KEYS_FILE: file, MODELS_POLL_SECONDS: "0" });
});
afterAll(async () => {
  await server?.stop();
  await rm(zoo, { recursive: true });
});

it("a file of keys that is broken is told of, and the keys before it open the service", async () => {
  await writeFile(file, "nonsense\n");
  hangUp();
  await expect.poll(() => server.log()).toContain("the API keys stay as they were");
  expect(server.log()).toContain("keys.txt, line 1");
  expect(await ask(old)).toBe(200);
});

it("a file of keys that is whole takes its place", async () => {
  const fresh = await makeKey("fresh");
  await writeFile(file, fresh.line);
  hangUp();
  await expect.poll(() => ask(fresh)).toBe(200);
  expect(await ask(old)).toBe(401);
  await writeFile(file, old.line);
  hangUp();
  await expect.poll(() => ask(old)).toBe(200);
});

it("a model that came is served", async () => {
  await cp(join(zoo, "colours"), join(zoo, "shades"), { recursive: true });
  const path = join(zoo, "shades/manifest.json");
  const manifest = JSON.parse(await readFile(path, "utf8")) as object;
  await writeFile(path, JSON.stringify({ ...manifest, id: "shades", default: false }));
  hangUp();
  await expect.poll(() => ask(old, "shades")).toBe(200);
});

it("the service goes on, and a stop is a stop", async () => {
  expect(server.child.exitCode).toBeNull();
  expect(server.log().match(/reading the keys and the zoo again/g)?.length).toBeGreaterThanOrEqual(4);
  expect(await server.stop()).toBe(0);
});
