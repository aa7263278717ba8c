/** API keys: their file, and what each role may do. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../src/errors.js";
import { createKey, openApiKeys } from "../src/keys/api-keys.js";
import type { ApiKeys, Role } from "../src/ports.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const folder = await mkdtemp(join(tmpdir(), "menagerie-keys-"));
let fileCount = 0;

async function keysFile(text: string): Promise<string> {
  fileCount += 1;
  const path = join(folder, `keys-${fileCount}`);
  await writeFile(path, text);
  return path;
}

const rethrow = (error: unknown) => {
  throw error;
};

describe("the file of keys", () => {
  it("finds the holder of a key that it made, and of no other", async () => {
    const [mine, other] = [createKey("models", "ci"), createKey("infer", "phone")];
    const keys = openApiKeys(await keysFile(`# who\n\n${mine.line}\r\n${other.line}\n`), rethrow);
    expect(keys.find(mine.key)).toEqual({ role: "models", name: "ci" });
    expect(keys.find(other.key)).toEqual({ role: "infer", name: "phone" });
    for (const wrong of ["", mine.key.slice(0, -1), `${mine.key}x`, mine.line.split(" ")[1] ?? "", "é"]) {
      expect(keys.find(wrong), wrong).toBeUndefined();
    }
  });

  it("makes keys of 256 random bits, whose line does not hold them", () => {
    const { key, line } = createKey("infer", "a");
    expect(Buffer.from(key.replace(/^menagerie_/, ""), "base64url")).toHaveLength(32);
    expect(line).not.toContain(key.slice("menagerie_".length));
    expect(createKey("infer", "a").key).not.toBe(key);
  });

  it.each([
    ["a role that is none", `king ${"0".repeat(64)} a`, /line 2: the role must be one of infer, models, admin/],
    ["a hash that is none", "infer 0123 a", /line 2: a line is `ROLE SHA256 NAME`/],
    ["a key in place of its hash", `infer ${createKey("infer", "a").key} a`, /line 2: a line is/],
    ["a name with markup", `infer ${"0".repeat(64)} <b>`, /line 2: the name must be/],
  ])("%s is refused with its line, which is not quoted", async (_what, line, message) => {
    const path = await keysFile(`# keys\n${line}\n`);
    expect(() => openApiKeys(path, rethrow)).toThrow(message);
    expect(() => openApiKeys(path, rethrow)).not.toThrow(line.split(" ")[1]);
  });

  it("is refused when it holds too many keys, or two of one name, or is not there", async () => {
    const path = await keysFile(`infer ${"0".repeat(64)} a\n`.repeat(1001));
    const twice = await keysFile(`infer ${"0".repeat(64)} a\nadmin ${"1".repeat(64)} a\n`);
    expect(() => openApiKeys(twice, rethrow)).toThrow(/two keys of the name a/);
    expect(() => openApiKeys(path, rethrow)).toThrow(/holds 1001 keys; at most 1000/);
    expect(() => openApiKeys(join(folder, "nowhere"), rethrow)).toThrow(/nowhere/);
  });

  it("is read again when it changes, and stays as it was when the change is wrong", async () => {
    const [old, fresh] = [createKey("infer", "old"), createKey("infer", "fresh")];
    const path = await keysFile(`${old.line}\n`);
    const complaints: unknown[] = [];
    const keys = openApiKeys(path, (error) => complaints.push(error));
    await writeFile(path, "nonsense\n");
    await expect.poll(() => complaints).toHaveLength(1);
    expect(keys.find(old.key)).toBeDefined();
    await writeFile(path, `${fresh.line}\n`);
    await expect.poll(() => keys.find(fresh.key)).toBeDefined();
    expect(keys.find(old.key)).toBeUndefined();
  }, 50_000);
});

describe("a service with keys", () => {
  const secrets: Record<Role, string> = { infer: "i", models: "m", admin: "a" };
  const apiKeys: ApiKeys = {
    find: (key) => {
      const role = (Object.keys(secrets) as Role[]).find((name) => secrets[name] === key);
      return role && { role, name: `the ${role}` };
    },
  };
  let service: FakeService;
  beforeAll(async () => {
    service = await startFakeService({ anonymousRole: "none" }, apiKeys);
  });
  afterAll(() => service.close());

  const image = () => form({ image_file: Buffer.from("red") });
  const ask = (method: string, path: string, headers = {}) =>
    fetch(service.url + path, { method, headers, body: method === "POST" ? image() : null });

  it.each([
    ["POST", "/infer"],
    ["GET", "/api/models"],
    ["GET", "/api/models/colours"],
    ["GET", "/api/models/colours/labels"],
    ["POST", "/api/models/inspect"],
  ])("%s %s needs a key", async (method, path) => {
    for (const headers of [
      {},
      { authorization: "Bearer wrong" },
      { "x-api-key": "wrong" },
      { authorization: "Basic aQ==" },
    ]) {
      const response = await ask(method, path, headers);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="menagerie"');
      expect(((await response.json()) as Problem).code).toBe("unauthorized");
    }
    for (const headers of [{ authorization: "Bearer i" }, { authorization: "bearer i" }, { "x-api-key": "a" }]) {
      expect([200, 400]).toContain((await ask(method, path, headers)).status);
    }
  });

  it.each([
    ["POST", "/api/models"],
    ["DELETE", "/api/models/colours"],
    ["DELETE", "/api/models/colours/versions/1"],
    ["PUT", "/api/models/colours/default"],
  ])("%s %s needs a key of role models", async (method, path) => {
    expect((await ask(method, path)).status).toBe(401);
    const refused = await ask(method, path, { "x-api-key": "i" });
    expect(refused.status).toBe(403);
    expect(((await refused.json()) as Problem).detail).toMatch(/has role infer, and this needs role models/);
    for (const key of ["m", "a"]) {
      expect(await (await ask(method, path, { "x-api-key": key })).text()).not.toMatch(/API key/);
    }
  });

  it.each(["/healthz", "/readyz", "/openapi.json", "/"])("%s needs none", async (path) => {
    expect((await ask("GET", path)).status).toBe(200);
  });

  it("a body is not read before its key", async () => {
    const response = await fetch(`${service.url}/infer`, {
      method: "POST",
      body: Buffer.alloc(service.limits.imageBytesMax + 1),
      headers: { "content-type": "image/png" },
    });
    expect(response.status).toBe(401);
  });

  it("the log names the key's holder, never the key", async () => {
    const secret = "a-key-that-is-wrong";
    await ask("GET", "/api/models", { authorization: `Bearer ${secret}` });
    await ask("GET", "/api/models", { "x-api-key": "m" });
    await expect.poll(() => service.logLines.join("")).toContain('"key":"the models"');
    expect(service.logLines.join("")).not.toContain(secret);
  });

  it("without keys a request may do what ANONYMOUS_ROLE says, and a key that is sent all the same is ignored", async () => {
    const open = await startFakeService({ anonymousRole: "infer" });
    const response = await fetch(`${open.url}/api/models`, { headers: { "x-api-key": "of something else" } });
    expect(response.status).toBe(200);
    await open.close();
  });
});
