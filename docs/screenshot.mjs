/**
 * Takes the pictures of the page: docs/page.png for the README, and docs/views with every view in light, dark and narrow,
 * also with names that strain it, to be looked at. `node docs/screenshot.mjs [ADDRESS]`, on a service that runs with
 * `ANONYMOUS_ROLE=admin`.
 */
import { mkdir, readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { LONG_NAME, strain } from "../node/test/e2e/extremes.mjs";

const address = process.argv[2] ?? "http://127.0.0.1:8080";
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const sample = (name) => here(`../models/samples/${name}.jpg`);
const folder = here("views");
const SETTLES_MS = 400;
/** Enough to see by, small enough to keep; below, a page goes on as it does above. */
const JPEG_QUALITY = 40;
const HEIGHT_MAX = 2000;

/** How each view comes about; a file name, and what to do from a page that was just opened. */
const VIEWS = {
  "classify-empty": (page) => page.waitForSelector(".sample img"),
  "classify-answer": async (page) => {
    await page.setInputFiles("#image", sample("tulips-1"));
    await page.waitForSelector("#answer");
    await page.click("#answer .code summary");
  },
  "classify-why": async (page) => {
    await page.setInputFiles("#image", sample("sunflowers-2"));
    await page.waitForSelector("#answer");
    await page.click("#ask-why");
    await page.waitForSelector("#finer");
  },
  "classify-part": async (page) => {
    await page.setInputFiles("#image", sample("roses-1"));
    await page.selectOption("#other", "waste6");
    await page.click("text=A part");
    await page.waitForSelector(".answers.two");
  },
  "classify-many": async (page) => {
    const names = ["daisy-1", "daisy-2", "roses-1", "roses-2", "tulips-1", "tulips-2", "glass-1", "paper-1", "trash-1"];
    await page.selectOption("#other", "waste6");
    await page.setInputFiles("#image", names.map(sample));
    await page.waitForFunction((count) => document.querySelectorAll(".tile.answered").length === count, names.length);
  },
  "own-model": async (page) => {
    await page.setInputFiles("#labels", here("../models/waste6/labels.txt"));
    await page.setInputFiles("#graph", here("../models/waste6/graph.pb"));
    await page.waitForSelector("#reading");
    await page.setInputFiles("#image", sample("cardboard-1"));
    await page.click("#settle");
    await page.waitForFunction(() => document.querySelectorAll(".candidate .bars").length === 3);
    await page.click(".register > summary");
  },
  problem: async (page) => {
    await page.setInputFiles("#image", { name: "IMG_1.HEIC", mimeType: "", buffer: Buffer.from("\0\0\0\x18ftypheic") });
    await page.waitForSelector("#problem");
  },
  models: async (page) => {
    await page.click("nav >> text=Models");
    await page.waitForSelector(".card");
  },
  model: async (page) => {
    await page.goto(`${address}/#/models/flowers5`);
    await page.waitForSelector(".sample img");
    await page.click("#settings > summary");
    await page.waitForSelector("#evidence");
  },
  "model-listed": async (page) => {
    await page.goto(`${address}/#/models/mobilenet-v1-1.0-224`);
    await page.click("#fetch");
    await page.waitForSelector("#trust");
  },
  about: async (page) => {
    await page.click("nav >> text=About");
    await page.waitForSelector(".limits");
    await page.click("text=Classify a photo");
  },
};

/** Views with names that strain them. */
const STRAINED = {
  "strained-answer": async (page) => {
    await page.goto(`${address}/#/?with=one-class`);
    await page.setInputFiles("#image", await longNamed(1));
    await page.waitForSelector(".answers.two");
  },
  "strained-many": async (page) => {
    await page.setInputFiles("#image", await longNamed(3));
    await page.waitForFunction(() => document.querySelectorAll(".tile.answered").length === 3);
  },
  "strained-models": (page) => page.goto(`${address}/#/models`).then(() => page.waitForSelector(".card")),
  "strained-model": async (page) => {
    await page.goto(`${address}/#/models/straining`);
    await page.waitForSelector(".label-list");
  },
};

const LOOKS = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  narrow: { viewport: { width: 360, height: 800 }, colorScheme: "light" },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});
try {
  await takeReadmePicture();
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  for (const [look, options] of Object.entries(LOOKS)) {
    for (const [name, show] of Object.entries(VIEWS)) await take(`${name}-${look}`, options, show);
    if (look === "dark") continue;
    for (const [name, show] of Object.entries(STRAINED)) {
      await take(`${name}-${look}`, options, async (page) => {
        await strain(page);
        await page.reload();
        await show(page);
      });
    }
  }
} finally {
  await browser.close();
}

async function takeReadmePicture() {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(address);
  // The first answer warms up, the second one shows the usual times.
  for (let time = 0; time < 2; time++) {
    const answered = page.waitForResponse("**/infer");
    await page.setInputFiles("#image", sample("tulips-1"));
    await answered;
  }
  await page.waitForTimeout(SETTLES_MS);
  await page.screenshot({ path: here("page.png") });
  await page.close();
}

/** One picture of the page from its top. */
async function take(name, options, show) {
  const page = await browser.newPage({ ...options, reducedMotion: "reduce" });
  await page.goto(address);
  await page.waitForSelector("#zoo");
  await show(page);
  await page.waitForTimeout(SETTLES_MS);
  const { clientWidth, scrollHeight } = await page.evaluate(() => {
    const { clientWidth, scrollHeight } = document.documentElement;
    return { clientWidth, scrollHeight };
  });
  const clip = { x: 0, y: 0, width: clientWidth, height: Math.min(scrollHeight, HEIGHT_MAX) };
  await page.screenshot({ path: `${folder}/${name}.jpg`, type: "jpeg", quality: JPEG_QUALITY, fullPage: true, clip });
  await page.close();
}

async function longNamed(count) {
  const buffer = await readFile(sample("daisy-1"));
  return Array.from({ length: count }, (_, place) => ({
    name: `${place}${LONG_NAME}`,
    mimeType: "image/jpeg",
    buffer,
  }));
}
