/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** The page without JavaScript: the same form, answered by pages. */
import type { BrowserContextOptions } from "playwright-core";
import { expect, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { describeInBrowser, visit } from "./browser.js";

const SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-1.jpg`;
const CARDBOARD = `${ROOT_DIR}models/samples/cardboard-1.jpg`;
const WASTE = `${ROOT_DIR}models/waste6`;
const SENTENCE_MARKUP = /Detected <b>sunflowers<\/b> with <u>(very high|high|medium|low)<\/u> confidence\./;

describeInBrowser("the page without JavaScript", (stage) => {
  const open = (options: BrowserContextOptions = {}) => visit(stage.browser, stage.service.url, options);

  test("without JavaScript the same form gets a page with the sentence", async () => {
    const { page } = await open({ javaScriptEnabled: false });
    expect(await page.isVisible("#plain")).toBe(true);
    await page.setInputFiles("#plain-image", SUNFLOWERS);
    await page.click("#plain [type=submit]");
    await page.waitForURL("**/infer");
    expect(await page.innerHTML("body")).toMatch(SENTENCE_MARKUP);
    expect(await page.locator("section img").getAttribute("src")).toMatch(/^data:image\/png/);

    await page.goto(stage.service.url);
    await page.click("#plain details > summary");
    await page.setInputFiles("#plain-image", CARDBOARD);
    await page.setInputFiles("#plain-graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#plain-labels", `${WASTE}/labels.txt`);
    await page.click("#plain [type=submit]");
    await page.waitForURL("**/infer");
    expect(await page.textContent("body")).toMatch(/Detected (cardboard|glass|metal|paper|plastic|trash) with/);
  });

  test("the form appears where the script does not come", async () => {
    const { page } = await open();
    await page.route("**/main.js", (route) => route.abort());
    await page.reload();
    await page.waitForSelector("#plain form");
    expect(await page.locator(".page").count()).toBe(0);
  });

  test("without JavaScript an error is a page that says what is wrong", async () => {
    const { page } = await open({ javaScriptEnabled: false });
    await page.setInputFiles("#plain-image", {
      name: "a.jpg",
      mimeType: "image/jpeg",
      buffer: Buffer.from("no image"),
    });
    await page.click("#plain [type=submit]");
    await page.waitForURL("**/infer");
    expect(await page.textContent("body")).toContain("image_unsupported");
  });
});
