/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** How the page looks and is reached: by small screens, by keyboard, by screen readers. */
import { readFile } from "node:fs/promises";
import axe from "axe-core";
import type { BrowserContextOptions, Page } from "playwright-core";
import { expect, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { SHAPES, wave } from "../support/waves.js";
import { describeInBrowser, visit } from "./browser.js";
import { contrastsBelow } from "./contrast.js";
import { LONG_NAME, strain } from "./extremes.mjs";

const SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-1.jpg`;
const OTHER_SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-2.jpg`;
const CARDBOARD = `${ROOT_DIR}models/samples/cardboard-1.jpg`;
const WASTE = `${ROOT_DIR}models/waste6`;

describeInBrowser("the page's looks", (stage) => {
  const open = (options: BrowserContextOptions = {}) => visit(stage.browser, stage.service.url, options);

  test.each([320, 390])(
    "a screen %i pixels wide needs no sideways scrolling, and the answer comes into view",
    async (width) => {
      const { page } = await open({ viewport: { width, height: 640 }, reducedMotion: "reduce" });
      await page.setInputFiles("#image", SUNFLOWERS);
      await page.waitForSelector("#answer:not([hidden])");
      await page.click("#own > summary");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.setInputFiles("#image", OTHER_SUNFLOWERS);
      await page.waitForFunction(() => {
        const { top = -1, bottom = Number.POSITIVE_INFINITY } =
          document.querySelector("#sentence")?.getBoundingClientRect() ?? {};
        return top >= 0 && bottom <= innerHeight;
      });
    },
  );

  test.each([
    ["light", 1280],
    ["light", 360],
    ["dark", 1280],
    ["dark", 360],
  ] as const)(
    "axe finds nothing on any view, and text has a contrast of 4.5:1, in the %s scheme %i pixels wide",
    async (colorScheme, width) => {
      const { page, complaints } = await open({ colorScheme, viewport: { width, height: 800 } });
      await page.evaluate(axe.source);
      const findings: string[] = [];
      for (const [view, show] of Object.entries(VIEWS)) {
        await show(page);
        findings.push(...(await complaintsOfAxe(page)).map((finding) => `${view}: ${finding}`));
        findings.push(...(await contrastsBelow(page, 4.5)).map((finding) => `${view}: contrast ${finding}`));
        const { scrollWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth }));
        if (scrollWidth > width) findings.push(`${view}: it is ${scrollWidth} pixels wide`);
      }
      expect(findings).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  test.each([360, 1280])(
    "words without a break, labels from right to left, one class and 1,001 classes fit a screen %i pixels wide",
    async (width) => {
      const { page, complaints } = await open({ viewport: { width, height: 800 } });
      await strain(page);
      const findings: string[] = [];
      for (const [view, show] of Object.entries(STRAINED)) {
        await page.goto(`${stage.service.url}/${view}`);
        await page.reload();
        await show(page);
        await page.evaluate(axe.source);
        findings.push(...(await complaintsOfAxe(page)).map((finding) => `${view}: ${finding}`));
        const { scrollWidth } = await page.evaluate(() => ({ scrollWidth: document.documentElement.scrollWidth }));
        if (scrollWidth > width) findings.push(`${view}: it is ${scrollWidth} pixels wide`);
      }
      expect(findings).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  test("nothing moves when the answer comes", async () => {
    const { page } = await open();
    await page.waitForSelector(".sample img");
    await page.evaluate(() => {
      const moved: number[] = [];
      Object.assign(globalThis, { moved });
      new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) moved.push((shift as unknown as { value: number }).value);
      }).observe({ type: "layout-shift" });
    });
    const moved = () => page.evaluate(() => (globalThis as unknown as { moved: number[] }).moved);
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/infer", async (route) => {
      await held;
      await route.continue();
    });
    await page.click(".sample");
    await page.waitForSelector("#progress");
    await page.waitForSelector("#preview:not([hidden])");
    const before = (await moved()).length;
    answer();
    await page.waitForSelector("#answer");
    await page.locator("#seen").evaluate((image: HTMLImageElement) => image.decode());
    await page.waitForTimeout(200);
    expect((await moved()).slice(before)).toEqual([]);
  });

  test("with reduced motion nothing is animated", async () => {
    const { page } = await open({ reducedMotion: "reduce" });
    await page.route("**/infer", () => {});
    await page.click(".sample");
    await page.waitForSelector("#progress");
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
  });
});

/** Each view in each state that looks its own, in an order in which they follow from each other. */
const VIEWS: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  "no photo": (page) => page.waitForSelector(".sample img"),
  "an answer with its code": async (page) => {
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#answer");
    await page.click("#answer .code summary");
  },
  "an answer that was something else": async (page) => {
    await page.click(".was-right >> text=another");
    await page.fill(".was-right input", "a sun");
    await page.click("text=Say so");
    await page.waitForSelector('.was-right [aria-pressed="true"] >> text=a sun');
    await page.click(".was-right >> text=another");
  },
  "why it was given": async (page) => {
    await page.click("#ask-why");
    await page.waitForSelector("#because");
  },
  "two models on a part of the photo": async (page) => {
    await page.selectOption("#other", "waste6");
    await page.click("text=A part");
    await page.waitForSelector(".answers.two");
  },
  "the camera": async (page) => {
    await page.click("#take");
    await page.waitForSelector("#shoot:not([disabled])");
  },
  "a photo that is none": async (page) => {
    await page.click("text=Close the camera");
    await page.setInputFiles("#image", { name: "a.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no image") });
    await page.waitForSelector("#problem");
  },
  "many photos": async (page) => {
    await page.setInputFiles("#image", [SUNFLOWERS, OTHER_SUNFLOWERS, CARDBOARD]);
    await page.waitForSelector("#many");
    await page.waitForFunction(() => document.querySelectorAll(".tile.answered").length === 3);
    await page.click(".tile .was-right button >> nth=0");
    await page.click(".tile:nth-child(2) .was-right button[aria-expanded] >> nth=0");
  },
  "a model of one's own": async (page) => {
    await page.click("text=Back to one photo");
    await page.setInputFiles("#image", CARDBOARD);
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.waitForSelector("#reading");
    await page.click("#reading > details > summary");
    await page.click(".register > summary");
    await page.click("#settle");
    await page.waitForFunction(() => document.querySelectorAll(".candidate .bars").length > 1);
  },
  models: async (page) => {
    await page.click("nav >> text=Models");
    await page.waitForSelector(".card");
  },
  "one model": async (page) => {
    await page.click("text=Five flowers");
    await page.waitForSelector(".label-list");
    await page.click("#settings > summary");
    await page.waitForSelector("#evidence");
    await page.click("#what-was-right > summary");
    await page.waitForSelector(".right-here");
    await page.click(".code > summary");
  },
  "classes with photos": async (page) => {
    await page.click("nav >> text=Teach");
    for (const [place, shape] of [SHAPES.across, SHAPES.down].entries()) {
      const photos = [0, 1, 2, 3, 4, 5].map((number) => wave(shape, number));
      const files = photos.map((buffer, number) => ({ name: `${number}.png`, mimeType: "image/png", buffer }));
      await page.setInputFiles(`[data-class='${place + 1}'] input[type=file]`, files);
      await page.waitForFunction((count) => document.querySelectorAll(".taught-photo").length === count, 6 * place + 6);
    }
    await page.click("[data-class='2'] >> text=Camera");
    await page.waitForSelector(".hold:not([disabled])");
    await page.click(".taught-photo >> nth=0");
    await page.click("#forget-all");
    await page.fill("[data-class='1'] input[type=text]", "Class 2");
    await page.press("[data-class='1'] input[type=text]", "Tab");
    await page.waitForSelector(".class-name .wrong");
  },
  "what was taught": async (page) => {
    await page.click("text=Unmark");
    await page.click("#train");
    await page.waitForSelector("#right");
    await page.click("#measured > summary");
    await page.click("#try-live");
    await page.waitForSelector(".said");
  },
  "what was taught, served": async (page) => {
    await page.click(".try >> text=Close the camera");
    await page.fill("#taught-id", `waves-${Math.random().toString(36).slice(2)}`);
    await page.click("#serve");
    await page.waitForSelector("#served");
  },
  about: async (page) => {
    await page.click("nav >> text=About");
    await page.waitForSelector(".limits");
    await page.click("text=Classify a photo");
  },
  nowhere: async (page) => {
    await page.evaluate(() => {
      location.hash = "#/nowhere";
    });
    await page.waitForSelector("text=There is nothing at this address");
  },
};

/** The views that hold names, by their addresses. */
const STRAINED: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  "#/?with=one-class": async (page) => {
    const buffer = await readFile(SUNFLOWERS);
    await page.setInputFiles("#image", { name: LONG_NAME, mimeType: "image/jpeg", buffer });
    await page.waitForSelector(".answers.two");
    await page.click("#answer .code summary");
  },
  "#/?with=one-class&many": async (page) => {
    const buffer = await readFile(SUNFLOWERS);
    const names = [LONG_NAME, `2${LONG_NAME}`];
    await page.setInputFiles(
      "#image",
      names.map((name) => ({ name, mimeType: "image/jpeg", buffer })),
    );
    await page.waitForFunction(() => document.querySelectorAll(".tile.answered").length === 2);
    await page.click(".tile .was-right button[aria-expanded] >> nth=0");
  },
  "#/teach": async (page) => {
    const photos = [0, 1].map((number) => wave(SHAPES.down, number));
    const files = photos.map((buffer, number) => ({ name: `${number}${LONG_NAME}`, mimeType: "image/png", buffer }));
    await page.setInputFiles("[data-class='1'] input[type=file]", [
      ...files,
      { name: LONG_NAME, mimeType: "text/plain", buffer: Buffer.from("no photo") },
    ]);
    await page.waitForSelector("#intake-said");
    await page.fill("[data-class='1'] input[type=text]", LONG_NAME.slice(0, 100));
    await page.press("[data-class='1'] input[type=text]", "Tab");
    await page.click(".taught-photo >> nth=0");
    await page.waitForSelector("#missing");
  },
  "#/models": (page) => page.waitForSelector(".card"),
  "#/models/straining": async (page) => {
    await page.waitForSelector(".label-list");
    await page.click("#what-was-right > summary");
    await page.waitForSelector(".right-here");
  },
};

/** What axe says against the page as it is: the rule and the first element that breaks it. */
function complaintsOfAxe(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { axe: engine } = globalThis as unknown as { axe: typeof axe };
    const { violations } = await engine.run(document);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
  });
}
