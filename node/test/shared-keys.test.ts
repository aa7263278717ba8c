/** API keys that replicas share, on a real PostgreSQL. */
import pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT_DIR, readConfig } from "../src/config.js";
import { createKey, type KeptKeys } from "../src/keys/api-keys.js";
import { addSharedKey, openSharedKeys, removeSharedKey } from "../src/keys/shared-keys.js";
import { runCommand } from "./support/command.js";
import { startPostgres } from "./support/postgres.mjs";

const SOON = { timeout: 20_000 };

const postgres = await startPostgres();
afterAll(() => postgres?.remove());

describe.skipIf(postgres === null)("keys of two replicas", () => {
  let url: string;
  let reports: unknown[];
  const open: KeptKeys[] = [];
  beforeEach(async () => {
    url = (await postgres?.newDatabase()) ?? "";
    reports = [];
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });

  async function start(): Promise<KeptKeys> {
    const keys = await openSharedKeys(url, (error) => void reports.push(error));
    open.push(keys);
    return keys;
  }

  async function query(text: string, values: string[] = []): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await client.query(text, values);
    } finally {
      await client.end();
    }
  }

  it("are known to both once they are made, and to none once they are removed; the database has their hashes alone", async () => {
    const [first, second] = await Promise.all([start(), start()]);
    const ann = createKey("models", "ann");
    expect(first.find(ann.key)).toBeUndefined();
    await addSharedKey(url, ann);
    await expect.poll(() => first.find(ann.key), SOON).toEqual({ name: "ann", role: "models" });
    await expect.poll(() => second.find(ann.key), SOON).toEqual({ name: "ann", role: "models" });
    expect(JSON.stringify((await query("select * from api_keys")).rows)).not.toContain(ann.key);
    await expect(addSharedKey(url, createKey("infer", "ann"))).rejects.toThrow("A key of the name ann is there");
    expect(await removeSharedKey(url, "ann")).toBe(true);
    expect(await removeSharedKey(url, "ann")).toBe(false);
    await expect.poll(() => [first.find(ann.key), second.find(ann.key)], SOON).toEqual([undefined, undefined]);
    expect(reports).toEqual([]);
  });

  it("stay as they were where what is there cannot be read, or the database is away, which is said once", async () => {
    const root = createKey("admin", "root");
    await addSharedKey(url, root);
    const keys = await start();
    await query("insert into api_keys (name, line) values ('odd', 'no line of keys')");
    await expect.poll(() => reports, SOON).toHaveLength(1);
    expect(String(reports[0])).toContain("the table api_keys, line 1");
    await query("delete from api_keys where name = 'odd'");
    const more = createKey("infer", "more");
    await addSharedKey(url, more);
    await expect.poll(() => keys.find(more.key)?.name, SOON).toBe("more");
    await postgres?.stop();
    await expect.poll(() => reports, SOON).toHaveLength(2);
    expect(keys.find(root.key)).toEqual({ name: "root", role: "admin" });
    await expect(openSharedKeys(url, () => {})).rejects.toThrow("The keys in PostgreSQL cannot be used");
    await postgres?.start();
    expect(await removeSharedKey(url, "root")).toBe(true);
    await expect.poll(() => keys.find(root.key), SOON).toBeUndefined();
  });

  it("are made and removed by the command, which shows the key once", async () => {
    const env = { DATABASE_URL: url };
    const made = await runCommand(["key", "--shared", "--role", "models", "--name", "bob"], { cwd: ROOT_DIR, env });
    expect(made.stdout).toMatch(/^added: models [0-9a-f]{64} bob\n$/);
    const [, key = ""] = /once: (\S+)/.exec(made.stderr) ?? [];
    expect((await start()).find(key)).toEqual({ name: "bob", role: "models" });
    expect((await runCommand(["key", "--remove", "bob"], { cwd: ROOT_DIR, env })).stdout).toBe("removed: bob\n");
    const again = await runCommand(["key", "--remove", "bob"], { cwd: ROOT_DIR, env });
    expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining("no key of the name bob")]);
  });
});

it("need a database, and no file beside it", () => {
  const message = "SHARED_KEYS=1 takes the keys from DATABASE_URL";
  expect(() => readConfig({ SHARED_KEYS: "1" })).toThrow(message);
  const both = { SHARED_KEYS: "1", DATABASE_URL: "postgres://localhost/keys", API_KEYS_FILE: "keys.txt" };
  expect(() => readConfig(both)).toThrow(message);
  const { API_KEYS_FILE: _, ...shared } = both;
  expect(readConfig(shared).anonymousRole).toBe("none");
});
