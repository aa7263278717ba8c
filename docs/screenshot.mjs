/**
 * Takes the pictures of the page: docs/page.png for the README, and with a folder as second argument every view in light,
 * dark and narrow, to be looked at. `node docs/screenshot.mjs [ADDRESS] [FOLDER]`, on a service that runs.
 */
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const address = process.argv[2] ?? "http://127.0.0.1:8080";
const folder = process.argv[3];
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const sample = (name) => here(`../models/samples/${name}.jpg`);
const SETTLES_MS = 400;

/** How each view comes about; a file name, and what to do from a page that was just opened. */
const VIEWS = {
  "classify-empty": (page) => page.waitForSelector(".sample img"),
  "classify-answer": async (page) => {
    await page.setInputFiles("#image", sample("tulips-1"));
    await page.waitForSelector("#answer");
    await page.click("#answer .code summary");
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
  about: async (page) => {
    await page.click("nav >> text=About");
    await page.waitForSelector(".limits");
    await page.click("text=Classify a photo");
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
  if (folder !== undefined) await takeAll(folder);
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

async function takeAll(into) {
  await mkdir(into, { recursive: true });
  for (const [look, options] of Object.entries(LOOKS)) {
    for (const [name, show] of Object.entries(VIEWS)) {
      const page = await browser.newPage({ ...options, reducedMotion: "reduce" });
      await page.goto(address);
      await page.waitForSelector("#zoo");
      await show(page);
      await page.waitForTimeout(SETTLES_MS);
      await page.screenshot({ path: `${into}/${name}-${look}.png`, fullPage: true });
      await page.close();
    }
  }
}
