/// <reference lib="dom" />
/** What an answer hangs on, asked for on the page, in a real browser. */
import { expect, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { describeInBrowser, visit } from "./browser.js";

const SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-2.jpg`;
const ROSES = `${ROOT_DIR}models/samples/roses-1.jpg`;
const WASTE = `${ROOT_DIR}models/waste6`;

describeInBrowser("why an answer was given", (stage) => {
  /** The page with the answer to a photo. */
  const open = async () => {
    const opened = await visit(stage.browser, stage.service.url);
    await opened.page.setInputFiles("#image", SUNFLOWERS);
    await opened.page.waitForSelector("#answer");
    return opened;
  };

  test("a map lies over the photo and is put in words, finer on demand, and for another class", async () => {
    const { page, complaints } = await open();
    const before = await page.getAttribute("#seen", "src");
    await page.click("#ask-why");
    await page.waitForSelector("#because");
    expect(await page.textContent("#because")).toMatch(
      /^sunflowers \([\d.]+ %\) hangs most on the \w+( \w+)?: hidden, /,
    );
    expect(await page.textContent("#status")).toBe(await page.textContent("#because"));
    const map = page.locator("#seen.map");
    expect(await map.getAttribute("src")).not.toBe(before);
    expect(await map.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth))).toBe(576);
    expect(await map.getAttribute("alt")).toContain("A map over the photo: sunflowers");

    const coarse = await map.getAttribute("src");
    await page.click("#finer");
    await page.waitForFunction((was) => document.querySelector("#seen.map")?.getAttribute("src") !== was, coarse);
    expect(await page.locator("#finer").count()).toBe(0);
    await page.selectOption("#why-class", { label: "tulips" });
    await page.waitForFunction(() => document.querySelector("#because")?.textContent?.includes("tulips"));

    await page.click("#hide-why");
    expect(await page.getAttribute("#seen", "src")).toBe(before);
    expect(complaints).toEqual([]);
  });

  test("the keyboard alone asks for it and hides it, and another photo takes it away", async () => {
    const { page } = await open();
    await page.focus("#ask-why");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#because");
    await page.setInputFiles("#image", ROSES);
    await page.waitForFunction(() => document.querySelector("#sentence")?.textContent?.includes("roses"));
    expect(await page.locator("#because").count()).toBe(0);
    expect(await page.locator("#ask-why").count()).toBe(1);
  });

  test("it shows that it is at work and can be stopped; a full service is waited for", async () => {
    const { page, complaints } = await open();
    let asked = 0;
    await page.route("**/api/explain", (route) => {
      asked += 1;
      // The first one is never answered.
      if (asked === 1) return;
      if (asked > 2) return route.continue();
      const full = { title: "Service Unavailable", status: 503, code: "overloaded", detail: "The queue is full." };
      return route.fulfill({ status: 503, headers: { "retry-after": "1" }, json: full });
    });
    await page.click("#ask-why");
    await page.waitForSelector("#why-progress");
    const failed = page.waitForEvent("requestfailed");
    await page.click("#stop-why");
    expect((await failed).url()).toContain("/api/explain");
    expect(await page.locator("#why-progress").count()).toBe(0);
    expect(await page.textContent("#status")).toBe("Stopped.");

    await page.click("#ask-why");
    await page.waitForSelector("text=The service is full. Trying again in 1 s.");
    await page.waitForSelector("#because");
    expect(complaints).toEqual([]);
  });

  test("a refusal says why, and what to do next", async () => {
    const { page } = await open();
    await page.route("**/api/explain", (route) => route.abort("connectionrefused"));
    await page.click("#ask-why");
    await page.waitForSelector("#why #problem");
    expect(await page.textContent("#problem-title")).toBe("The service did not answer");
    await page.unroute("**/api/explain");
    await page.click("#retry");
    await page.waitForSelector("#because");
  });

  test("two models side by side have a map each, and so has a graph of one's own", async () => {
    const { page, complaints } = await open();
    await page.selectOption("#other", "waste6");
    await page.waitForSelector(".answers.two");
    await page.click("#ask-why");
    await page.click("#ask-why-2");
    await page.waitForSelector("#because");
    await page.waitForSelector("#because-2");
    expect(await page.locator(".seen.map").count()).toBe(2);

    await page.setInputFiles("#graph", [`${WASTE}/graph.pb`]);
    await page.setInputFiles("#labels", [`${WASTE}/labels.txt`]);
    await page.waitForSelector("#reading");
    await page.click("#submit");
    await page.waitForFunction(() => document.querySelector("#seen-caption")?.textContent?.includes("your model"));
    await page.click("#ask-why");
    await page.waitForSelector("#because");
    expect(complaints).toEqual([]);
  });
});
