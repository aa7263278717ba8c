/** The page's files over HTTP: compressed where they can be, and themselves where not. */
import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { request as ask, createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import express, { type ErrorRequestHandler } from "express";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { servePage } from "../src/front/serve-page.js";

const SCRIPT = "export {};".repeat(100);

describe("the page's files", () => {
  let dir: string;
  const app = express();
  const failed = vi.fn<ErrorRequestHandler>((_error, _request, response, _next) => response.destroy());
  const ended = vi.fn();
  const server = createServer((request, response) => app(request, response.on("close", ended)));

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "menagerie-web-"));
    await writeFile(join(dir, "index.html"), "<!doctype html>");
    await writeFile(join(dir, "index.html.gz"), gzipSync("<!doctype html>"));
    await writeFile(join(dir, "main.js"), SCRIPT);
    await writeFile(join(dir, "main.js.gz"), gzipSync(SCRIPT));
    await writeFile(join(dir, "plain.css"), "a {}");
    await mkdir(join(dir, "large"));
    await writeFile(join(dir, "large/run.wasm.gz"), gzipSync(SCRIPT));
    await writeFile(join(dir, "large/kept.js.gz"), gzipSync("kept"));
    await utimes(join(dir, "large/kept.js.gz"), 1000, 1000);
    await writeFile(join(dir, "large/zeros.wasm.gz"), gzipSync(Buffer.alloc(50_000_000)));
    app.use(servePage(dir), failed);
    await once(server.listen(0, "127.0.0.1"), "listening");
  });

  afterAll(async () => {
    server.close();
    await rm(dir, { recursive: true });
  });

  /** By hand: `fetch` unpacks what it gets. */
  async function get(path: string, headers: Record<string, string> = {}): Promise<[IncomingHttpHeaders, Buffer]> {
    const sent = ask({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", path, headers }).end();
    const [answer] = await once(sent, "response");
    return [answer.headers, await buffer(answer)];
  }

  it.each([
    ["/main.js", "text/javascript", SCRIPT],
    ["/main.js?again", "text/javascript", SCRIPT],
    ["/", "text/html", "<!doctype html>"],
  ])("%s comes compressed to whoever takes that, under its own type", async (path, type, content) => {
    const [headers, body] = await get(path, { "accept-encoding": "gzip, br" });
    expect(headers).toMatchObject({ "content-encoding": "gzip", "cache-control": "no-cache" });
    expect(headers.vary?.toLowerCase()).toContain("accept-encoding");
    expect(headers["content-type"]).toContain(type);
    expect(gunzipSync(body).toString()).toBe(content);
  });

  it.each([
    ["/main.js", {}],
    ["/main.js", { "accept-encoding": "gzip;q=0, identity" }],
    ["/plain.css", { "accept-encoding": "gzip" }],
  ])("%s comes as it is with %o", async (path, asked) => {
    const [headers, body] = await get(path, asked);
    expect(headers["content-encoding"]).toBeUndefined();
    expect(headers.vary?.toLowerCase()).toContain("accept-encoding");
    expect(body.toString()).toBe(path === "/main.js" ? SCRIPT : "a {}");
  });

  it("a part of a file comes as it is", async () => {
    const [headers, body] = await get("/main.js", { "accept-encoding": "gzip", range: "bytes=0-5" });
    expect(headers["content-encoding"]).toBeUndefined();
    expect(body.toString()).toBe("export");
  });

  it("a file of which the compressed form alone is kept comes so, or unpacked to whoever does not take that", async () => {
    const [headers, body] = await get("/large/run.wasm", { "accept-encoding": "gzip" });
    expect(headers).toMatchObject({ "content-encoding": "gzip", "content-type": "application/wasm" });
    expect(gunzipSync(body).toString()).toBe(SCRIPT);
    for (const asked of [{}, { range: "bytes=0-5", "accept-encoding": "gzip" }]) {
      const [plain, whole] = await get("/large/run.wasm", asked);
      expect(plain).toMatchObject({ "content-type": "application/wasm", "cache-control": "no-cache" });
      expect(plain["content-encoding"]).toBeUndefined();
      expect(whole.toString()).toBe(SCRIPT);
    }
  });

  it("a file is unpacked once, and again where it changed", async () => {
    const file = join(dir, "large/kept.js.gz");
    const textOf = async () => (await get("/large/kept.js"))[1].toString();
    expect(await textOf()).toBe("kept");
    const { atime, mtime } = await stat(file);
    await writeFile(file, gzipSync("other"));
    await utimes(file, atime, mtime);
    expect(await textOf()).toBe("kept");
    await utimes(file, atime, new Date(mtime.getTime() + 1000));
    expect(await textOf()).toBe("other");
    await writeFile(file, "damaged");
    expect(await textOf().catch(() => "an error")).toBe("an error");
    await writeFile(file, gzipSync("kept"));
    expect(await textOf()).toBe("kept");
    failed.mockClear();
  });

  it.each(["/nope.js", "/../serve-page.test.ts", "/%2e%2e%2fpackage.json"])("%s is not found", async (path) => {
    const [, body] = await get(path, { "accept-encoding": "gzip" });
    expect(body.toString()).toContain("Cannot GET");
  });

  it("that are left in the middle are nobody's failure", async () => {
    ended.mockClear();
    const { port } = server.address() as AddressInfo;
    const sent = ask({ port, host: "127.0.0.1", path: "/large/zeros.wasm" })
      .on("error", () => {})
      .end();
    await once(sent, "response");
    sent.destroy();
    await vi.waitFor(() => expect(ended).toHaveBeenCalled());
    await get("/plain.css");
    expect(failed).not.toHaveBeenCalled();
  });
});
