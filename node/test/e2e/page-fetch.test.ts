/// <reference lib="dom" />
/** A listed model fetched from the page, in a real browser, from a server of this test's own. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createKey } from "../../src/keys/api-keys.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo, startServer } from "../support/server.js";
import { findBrowser, launchBrowser, visit } from "./browser.js";

const GRAPH = meanColourGraph();

const browserPath = findBrowser();

describe.skipIf(browserPath === undefined)("a listed model", () => {
  let browser: Browser;
  let net: Server;
  let archive: Buffer;
  /** The second half of each archive waits for this. */
  let gate: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), "menagerie-net-"));
    await mkdir(join(folder, "net"));
    await writeFile(join(folder, "net/graph.pb"), GRAPH);
    await writeFile(join(folder, "net/labels.txt"), COLOURS);
    archive = execFileSync("tar", ["-czf", "-", "net"], { cwd: folder });
    await rm(folder, { recursive: true });
    net = createServer(async (_request, response) => {
      response.writeHead(200, { "content-length": archive.length });
      response.write(archive.subarray(0, archive.length / 2));
      await gate;
      response.end(archive.subarray(archive.length / 2));
    }).listen(0, "127.0.0.1");
    browser = await launchBrowser(browserPath ?? "");
    if (!net.listening) await new Promise((resolve) => net.once("listening", resolve));
  });

  afterAll(async () => {
    net.closeAllConnections();
    net.close();
    await browser?.close();
  });

  /** A service whose list has one model that is not here. */
  async function start(sha256: string | null, environment: (zoo: string) => Promise<Record<string, string>>) {
    const zoo = await makeColourZoo();
    onTestFinished(() => rm(zoo, { recursive: true }));
    const url = `http://127.0.0.1:${(net.address() as AddressInfo).port}/net.tgz`;
    const model = {
      schema: 1,
      id: "far",
      version: "1",
      title: "Far colours",
      description: "Tells red, green and blue apart.",
      licence: "Apache-2.0",
      graph: { file: "graph.pb", bytes: null, sha256 },
      labels: { file: "labels.txt", sha256 },
      source: { url, member: "net/graph.pb", labels_member: "net/labels.txt" },
      input: { tensor: "input", width: 8, height: 8, mean: [0], std: [255], channel_order: "RGB" },
      output: { tensor: "probabilities", kind: "softmax", classes: 3 },
    };
    if (sha256 !== null) model.labels.sha256 = hash(COLOURS);
    await writeFile(join(zoo, "imagenet.json"), JSON.stringify({ schema: 1, models: [model] }));
    const service = await startServer({ MODELS_DIR: zoo, ...(await environment(zoo)) });
    onTestFinished(async () => {
      await service.stop();
    });
    return service;
  }

  const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

  test("is fetched with progress, can be stopped, and answers without a reload", async () => {
    const service = await start(hash(GRAPH), async () => ({}));
    let go = () => {};
    gate = new Promise((resolve) => {
      go = resolve;
    });
    const { page, complaints } = await visit(browser, `${service.url}/#/models/far`);
    await page.click("#fetch");
    await page.waitForSelector("text=/Fetching: [\\d.]+ kB of [\\d.]+ kB/");
    expect(Number(await page.getAttribute("#fetch-progress", "value"))).toBeCloseTo(0.5, 1);
    await page.click("#stop-fetch");
    await page.waitForSelector("#fetch");
    expect(await page.textContent("#status")).toBe("Stopped.");

    await page.click("#fetch");
    await page.waitForSelector("#fetching");
    const other = await visit(browser, `${service.url}/#/models`);
    await other.page.waitForSelector(".card >> text=being fetched");
    go();
    await page.click("text=Classify with it");
    await page.setInputFiles("#image", {
      name: "blue.png",
      mimeType: "image/png",
      buffer: solidPng(20, 20, [0, 0, 255]),
    });
    await page.waitForSelector("#answer");
    expect(await page.textContent("#sentence")).toContain("Detected blue");
    expect(await page.textContent("#seen-caption")).toContain("far");
    expect(complaints).toEqual([]);
  });

  test("whose SHA-256 is not known is taken only when that is wanted", async () => {
    const service = await start(null, async () => ({}));
    const { page } = await visit(browser, `${service.url}/#/models/far`);
    await page.click("#fetch");
    await page.waitForSelector("#problem");
    expect(await page.textContent("#problem-detail")).toContain("SHA-256 of the graph of far is not known");
    await page.click("#trust");
    await page.waitForSelector("text=Classify with it");
  });

  test("with another SHA-256 is refused with the reason, and can be tried again", async () => {
    const service = await start("0".repeat(64), async () => ({}));
    const { page } = await visit(browser, `${service.url}/#/models/far`);
    await page.click("#fetch");
    await page.waitForSelector(".fetch .wrong");
    expect(await page.textContent(".fetch .wrong")).toMatch(/of SHA-256 [0-9a-f]{64}, not SHA-256 0{64}/);
    expect(await page.textContent("#fetch")).toBe("Try again");
  });

  test("is fetched by nobody whose key is of too low a role", async () => {
    const { key, line } = createKey("infer", "page");
    const service = await start(hash(GRAPH), async (zoo) => {
      const file = join(zoo, "keys.txt");
      await writeFile(file, `${line}\n`);
      return { API_KEYS_FILE: file };
    });
    const { page } = await visit(browser, `${service.url}/#/models/far`);
    await page.fill("#key", key);
    await page.press("#key", "Tab");
    await page.waitForSelector("text=This needs an API key of the role models");
    expect(await page.isDisabled("#fetch")).toBe(true);
  });
});
