/// <reference lib="dom" />
/** One click on an answer says what was right, in the grid too; the model's view shows what came of it. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { describeInBrowser, visit } from "./browser.js";

const photo = (name: string) => `${ROOT_DIR}models/samples/${name}.jpg`;

describeInBrowser("what was right, on the page", (stage) => {
  const open = () => visit(stage.browser, stage.service.url);
  const pressed = (page: Page) => page.locator('.was-right [aria-pressed="true"]').allTextContents();
  const accuracy = async (id: string) =>
    (await fetch(`${stage.service.url}/api/models/${id}/accuracy`)).json() as Promise<{
      n: number;
      right: number;
      confusions: { label: string; answered: string }[];
    }>;

  test("is said with one click, changed with another, and may be any words", async () => {
    const { page, complaints } = await open();
    await page.setInputFiles("#image", photo("sunflowers-1"));
    await page.click(".was-right >> text=Yes");
    await expect.poll(() => accuracy("flowers5")).toMatchObject({ n: 1, right: 1 });
    expect(await pressed(page)).toEqual(["Yes"]);
    await page.click(".was-right >> text=tulips");
    await expect
      .poll(() => accuracy("flowers5"))
      .toMatchObject({
        n: 1,
        right: 0,
        confusions: [{ label: "tulips", answered: "sunflowers" }],
      });
    await page.click(".was-right >> text=another");
    await expect.poll(() => page.locator(".was-right datalist option").count()).toBe(5);
    await page.keyboard.type("a paper flower");
    await page.keyboard.press("Enter");
    await expect.poll(() => accuracy("flowers5")).toMatchObject({ confusions: [{ label: "a paper flower" }] });
    expect(await pressed(page)).toEqual(["a paper flower"]);
    expect(complaints).toEqual([]);
  });

  test("is said in the grid, and stays said when other photos are shown", async () => {
    const { page, complaints } = await open();
    await page.goto(`${stage.service.url}/#/?model=waste6`);
    await page.setInputFiles("#image", ["glass-1", "paper-1"].map(photo));
    await page.waitForFunction(() => document.querySelectorAll(".tile.answered").length === 2);
    await page.click(".tile:nth-child(1) .was-right >> text=✓");
    await page.click(".tile:nth-child(2) .was-right >> text=✗");
    await page.click(".tile:nth-child(2) .was-right >> text=another");
    const typing = await page.locator(".tile:nth-child(2) .was-right input").boundingBox();
    const tile = await page.locator(".tile:nth-child(2)").boundingBox();
    expect((typing?.x ?? 0) + (typing?.width ?? 0)).toBeLessThanOrEqual((tile?.x ?? 0) + (tile?.width ?? 0));
    await page.click(".tile:nth-child(2) .was-right >> text=trash");
    await expect.poll(() => accuracy("waste6")).toMatchObject({ n: 2, right: 1, confusions: [{ label: "trash" }] });
    await page.selectOption(".filters select >> nth=0", { index: 1 });
    await page.selectOption(".filters select >> nth=0", { index: 0 });
    await page.waitForFunction(() => document.querySelectorAll(".tile").length === 2);
    expect(await page.locator(".tile:nth-child(1) [aria-pressed=true]").count()).toBe(1);
    expect(await page.locator(".tile:nth-child(2)").textContent()).toContain("It was trash");
    await page.goto(`${stage.service.url}/#/models/waste6`);
    await page.click("#what-was-right > summary");
    expect(await page.textContent(".right-here")).toContain("50 %, 1 of 2");
    expect(await page.textContent(".right-here")).toContain("trash for ");
    expect(complaints).toEqual([]);
  });

  test("that the service does not take is not shown as said", async () => {
    const { page } = await open();
    await page.route("**/api/feedback", (route) =>
      route.fulfill({ status: 503, json: { code: "overloaded", detail: "The store of feedback is locked." } }),
    );
    await page.setInputFiles("#image", photo("daisy-1"));
    await page.click(".was-right >> text=Yes");
    await page.waitForSelector("text=The store of feedback is locked.");
    expect(await pressed(page)).toEqual([]);
  });

  test("is not asked for where nothing is remembered", async () => {
    const { page } = await open();
    await page.route("**/api/service", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ json: { ...(await response.json()), feedback: false } });
    });
    await page.reload();
    await page.setInputFiles("#image", photo("daisy-1"));
    await page.waitForSelector("#answer");
    expect(await page.locator(".was-right").count()).toBe(0);
    await page.goto(`${stage.service.url}/#/models/flowers5`);
    await page.waitForSelector(".label-list");
    expect(await page.locator("#what-was-right").count()).toBe(0);
  });
});
