/// <reference lib="dom" />
/** The page of a service that wants API keys. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { createKey } from "../../src/keys/api-keys.js";
import { type RunningServer, startServer } from "../support/server.js";
import { findBrowser, launchBrowser } from "./browser.js";

const SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-1.jpg`;
const STEP_MS_MAX = 60_000;

const browserPath = findBrowser();

describe.skipIf(browserPath === undefined)("the page of a service with keys", () => {
  const { key, line } = createKey("infer", "page");
  let folder: string;
  let service: RunningServer;
  let browser: Browser;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "menagerie-page-"));
    const file = join(folder, "keys.txt");
    await writeFile(file, `${line}\n`);
    [service, browser] = await Promise.all([startServer({ API_KEYS_FILE: file }), launchBrowser(browserPath ?? "")]);
  });

  afterAll(async () => {
    await Promise.all([browser?.close(), service?.stop()]);
    await rm(folder, { recursive: true });
  });

  async function open() {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    context.setDefaultTimeout(STEP_MS_MAX);
    const page = await context.newPage();
    await page.goto(service.url);
    return page;
  }

  test("it asks for the key, and with it shows the models and answers the photo that waits", async () => {
    const page = await open();
    await page.waitForSelector("#access:not([hidden])");
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem-code")).toBe("unauthorized");
    expect(await page.getAttribute("#key", "aria-invalid")).toBe("true");

    await page.fill("#key", "menagerie_wrong");
    await page.press("#key", "Tab");
    await page.waitForFunction(() => document.querySelector("#problem-detail")?.textContent?.includes("not known"));

    await page.fill("#key", ` ${key}\u2028`);
    await page.press("#key", "Tab");
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#sentence")).toMatch(/^Detected sunflowers with/);
    expect(await page.locator("#model option").count()).toBeGreaterThan(1);
    expect(service.log()).not.toContain(key);
  });

  test("a change that the key may not make is not offered, and says which key it needs", async () => {
    const page = await open();
    await page.fill("#key", key);
    await page.press("#key", "Tab");
    await page.waitForSelector("#zoo");
    await page.setInputFiles("#graph", `${ROOT_DIR}models/waste6/graph.pb`);
    await page.click(".register > summary");
    expect(await page.textContent(".register")).toContain("This needs an API key of the role models.");
    await page.goto(`${service.url}/#/about`);
    await page.waitForSelector("text=You may do: classify photos, and look at models.");
  });

  test("the samples and the files of models come with the key", async () => {
    const page = await open();
    await page.fill("#key", key);
    await page.press("#key", "Tab");
    await page.waitForSelector(".sample img");
    await page.goto(`${service.url}/#/models/waste6`);
    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("a[download] >> text=Labels")]);
    expect(await readFile(await saved.path(), "utf8")).toContain("cardboard");
  });

  test("the key outlives a reload, and another tab does not have it", async () => {
    const page = await open();
    await page.fill("#key", key);
    await page.press("#key", "Tab");
    await page.waitForSelector("#zoo:not([hidden])");
    await page.reload();
    await page.waitForSelector("#zoo:not([hidden])");
    expect(await page.inputValue("#key")).toBe(key);
    expect(page.url()).not.toContain(key);
    const other = await page.context().newPage();
    await other.goto(service.url);
    await other.waitForSelector("#access:not([hidden])");
    expect(await other.inputValue("#key")).toBe("");
  });
});

test.runIf(browserPath !== undefined)("a service without keys shows no field for one", async () => {
  const [service, browser] = await Promise.all([startServer({}), launchBrowser(browserPath ?? "")]);
  onTestFinished(async () => void (await Promise.all([browser.close(), service.stop()])));
  const page = await browser.newPage();
  await page.goto(service.url);
  await page.waitForSelector("#zoo:not([hidden])");
  expect(await page.isHidden("#access")).toBe(true);
});
