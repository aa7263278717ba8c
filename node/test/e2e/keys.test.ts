/** API keys as an operator uses them: made on the command line, put in a file, taken back. */
import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { CLI_FILE, SERVER_FILE } from "../support/paths.js";
import { makeColourZoo, startServer } from "../support/server.js";

const run = promisify(execFile);

let zoo: string;
beforeAll(async () => {
  zoo = await makeColourZoo();
});
afterAll(() => rm(zoo, { recursive: true }));

const start = async (environment: Record<string, string>) => {
  const server = await startServer({ MODELS_DIR: zoo, ...environment });
  onTestFinished(async () => void (await server.stop()));
  return server;
};

it("a public address without keys stops the start with a sentence that says what to set", async () => {
  const { PATH = "" } = process.env;
  const environment = { PATH, HOST: "0.0.0.0", PORT: "0", MODELS_DIR: zoo };
  const failure = await run(process.execPath, [SERVER_FILE], { env: environment }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 1, stdout: "" });
  expect(String((failure as { stderr: string }).stderr)).toMatch(
    /HOST=0\.0\.0\.0 .*API_KEYS_FILE.*ANONYMOUS_ROLE=infer.*HOST=127\.0\.0\.1/,
  );
});

it("a public address starts once it is said what strangers may do, and the log warns", async () => {
  const server = await start({ HOST: "0.0.0.0", ANONYMOUS_ROLE: "infer" });
  expect((await fetch(`${server.url}/api/models`)).status).toBe(200);
  expect(server.log()).toMatch(/"level":40.*"anonymous_role":"infer"/);
});

it("a key made by `menagerie key` opens the service, until its line is taken out", async () => {
  const { stdout, stderr } = await run(process.execPath, [CLI_FILE, "key", "--role", "infer", "--name", "phone"]);
  const [key = ""] = /menagerie_\S+/.exec(stderr) ?? [];
  const file = join(zoo, "keys.txt");
  await writeFile(file, stdout);
  const server = await start({ API_KEYS_FILE: file });
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`${server.url}/api/models/colours`, { headers })).status;

  expect(await ask({})).toBe(401);
  expect(await ask({ authorization: `Bearer ${key}` })).toBe(200);
  await writeFile(file, "# nobody\n");
  await expect.poll(() => ask({ authorization: `Bearer ${key}` })).toBe(401);
  expect(server.log()).not.toContain(key);
}, 60_000);

it("a role that is none stops `menagerie key`", async () => {
  const failure = await run(process.execPath, [CLI_FILE, "key", "--role", "king"]).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 1, stderr: expect.stringContaining("infer, models, admin") });
});
