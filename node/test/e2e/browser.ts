/// <reference lib="dom" />
/**
 * A real browser for the end-to-end tests: `CHROMIUM_PATH`, or a Chromium or Chrome in PATH.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";
import { type RunningServer, startServer } from "../support/server.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A camera of its own, which is granted.
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];
/** Machines with few and busy cores need a while. */
const STEP_MS_MAX = 60_000;

/** Path of the browser; `undefined`, with the reason printed, when there is none. */
export function findBrowser(): string | undefined {
  const { CHROMIUM_PATH: given, PATH: path = "" } = process.env;
  const folders = path.split(delimiter);
  const places = given ? [given] : NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = places.find(isExecutable);
  if (found === undefined) {
    const looked = given ? `CHROMIUM_PATH=${given}` : `${NAMES.join(", ")} in PATH`;
    console.warn(`browser tests skipped: no browser (${looked}); install Chromium or set CHROMIUM_PATH`);
  }
  return found;
}

export function launchBrowser(executablePath: string, flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath, headless: true, args: [...FLAGS, ...flags] });
}

/** What the tests of `describeInBrowser` stand on, while they run. */
export interface Stage {
  service: RunningServer;
  browser: Browser;
}

/** Tests on a service of their own and in a browser of their own; left out where there is no browser. */
export function describeInBrowser(name: string, define: (stage: Stage) => void): void {
  const browserPath = findBrowser();
  describe.skipIf(browserPath === undefined)(name, () => {
    const stage = {} as Stage;

    beforeAll(async () => {
      [stage.service, stage.browser] = await Promise.all([startServer({}), launchBrowser(browserPath ?? "")]);
    });

    afterAll(async () => {
      await Promise.all([stage.browser?.close(), stage.service?.stop()]);
    });

    define(stage);
  });
}

export interface Visit {
  readonly page: Page;
  /** Whatever the page asked of anybody else, and every error of the console. */
  readonly complaints: string[];
}

/** Opens the page of a service for the test that runs. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  onTestFinished(() => context.close());
  context.setDefaultTimeout(STEP_MS_MAX);
  const page = await context.newPage();
  const complaints: string[] = [];
  const { origin } = new URL(url);
  page.on("request", (request) => {
    const address = request.url();
    if (!address.startsWith(`${origin}/`) && !/^(data|blob):/.test(address)) complaints.push(`asked ${address}`);
  });
  page.on("console", (message) => {
    // A browser logs each answer of status 400 and up, and each that does not come; those are shown by the page.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, complaints };
}

/** Drops files and folders of this machine on an element, as a user does. */
export async function dropOn(page: Page, selector: string, paths: readonly string[]): Promise<void> {
  const element = page.locator(selector).first();
  await element.scrollIntoViewIfNeeded();
  const { x = 0, y = 0, width = 0, height = 0 } = (await element.boundingBox()) ?? {};
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...paths], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x: x + width / 2, y: y + Math.min(20, height / 2), data });
  await session.detach();
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
