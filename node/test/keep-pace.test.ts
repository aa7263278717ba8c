/** Answers are taken at a pace, and counted until they are. */
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Config } from "../src/config.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";

const GRAPH_BYTES = 24 * 1024 * 1024;
const GRAPH = Buffer.concat([Buffer.from("graph"), Buffer.alloc(GRAPH_BYTES)]);

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A service with a large registered graph. */
async function start(config: Partial<Config> = {}): Promise<FakeService> {
  const service = await startFakeService(config);
  open.push(() => service.close());
  const body = form({ model_file: GRAPH, id: "large" });
  expect((await fetch(`${service.url}/api/models`, { method: "POST", body })).status).toBe(201);
  return service;
}

/** Asks for a file of a model and reads nothing of it. */
async function ask(service: FakeService, file = "large/graph"): Promise<Socket> {
  const socket = connect(Number(new URL(service.url).port), "127.0.0.1");
  open.push(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(`GET /api/models/${file} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return socket;
}

describe("an answer", () => {
  it("that nobody reads is cut off, and counted until then", async () => {
    const service = await start({ uploadGraceMs: 500 });
    await ask(service);
    await expect.poll(() => service.held().bytes).toBeGreaterThan(GRAPH_BYTES);
    await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  });

  it("that nobody reads takes no permit", async () => {
    const service = await start({ requestsMax: 1, requestsQueuedMax: 20 });
    for (let client = 0; client < 4; client += 1) await ask(service);
    await expect.poll(() => service.held().bytes).toBeGreaterThan(4 * GRAPH_BYTES);
    // They are counted before they are read.
    await expect.poll(() => service.held().requests).toBe(0);
    const body = form({ image_file: Buffer.from("red") });
    expect((await fetch(`${service.url}/infer`, { method: "POST", body })).status).toBe(200);
  });

  it("is refused where those that are not read yet take the caller's share of memory", async () => {
    const service = await start({ uploadsHeldBytesMax: 5 * GRAPH_BYTES });
    await ask(service);
    await expect.poll(() => service.held().bytes).toBeGreaterThan(GRAPH_BYTES);
    await ask(service);
    await expect.poll(() => service.held().bytes).toBeGreaterThan(1.9 * GRAPH_BYTES);
    const refused = await fetch(`${service.url}/api/models/large/graph`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
  });

  it("of a request that does not work is counted and refused as well", async () => {
    const service = await start({
      uploadsHeldBytesMax: 5 * GRAPH_BYTES,
      labelsBytesMax: GRAPH_BYTES,
      uploadGraceMs: 500,
    });
    const labels = Buffer.concat([Buffer.from("red\ngreen\n"), Buffer.alloc(GRAPH_BYTES - 20, "b"), Buffer.from("\n")]);
    const body = form({ model_file: Buffer.from("graph"), label_file: labels, id: "large", version: "2" });
    expect((await fetch(`${service.url}/api/models`, { method: "POST", body })).status).toBe(201);
    const file = "large@2/labels";
    for (const count of [1, 2]) {
      await ask(service, file);
      await expect.poll(() => service.held().bytes).toBeGreaterThan(0.9 * count * GRAPH_BYTES);
    }
    const refused = await fetch(`${service.url}/api/models/${file}`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
    await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
  });

  it("is counted before its file is read", async () => {
    const service = await start({ uploadsHeldBytesMax: 5 * GRAPH_BYTES, labelsBytesMax: GRAPH_BYTES });
    const labels = Buffer.concat([Buffer.from("red\ngreen\n"), Buffer.alloc(GRAPH_BYTES - 20, "b"), Buffer.from("\n")]);
    const body = form({ model_file: GRAPH, label_file: labels, id: "large", version: "2" });
    expect((await fetch(`${service.url}/api/models`, { method: "POST", body })).status).toBe(201);
    for (const count of [1, 2]) {
      const socket = await ask(service);
      // Counted before it is read, and answered after that.
      await once(socket, "readable");
      await expect.poll(() => service.held().bytes).toBeGreaterThan(0.9 * count * GRAPH_BYTES);
    }
    // Whoever reads one of them finds it damaged.
    for (const name of await readdir(service.registeredModelsDir)) {
      const path = join(service.registeredModelsDir, name);
      if (!name.endsWith(".json")) await writeFile(path, Buffer.alloc((await stat(path)).size));
    }
    for (const file of ["large/graph", "large/graph?as=onnx", "large@2/labels"]) {
      const refused = await fetch(`${service.url}/api/models/${file}`);
      expect([file, await refused.json()]).toMatchObject([file, { code: "overloaded" }]);
    }
  });

  it("that is read slowly, and not too slowly, comes whole", async () => {
    const service = await start({ uploadGraceMs: 300, uploadBytesPerSecondMin: 1000 });
    const socket = await ask(service);
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    await once(socket, "end");
    expect(bytes).toBeGreaterThan(GRAPH_BYTES);
  });
});
