/// <reference lib="dom" />
/** The light way on the page: pixels that it made itself go to the service in place of a large photo. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { rgbPng } from "../support/png.js";
import { describeInBrowser, visit } from "./browser.js";

/** Noise, which no PNG makes small: 1.1 MB. */
const LARGE = { name: "noise.png", mimeType: "image/png", buffer: rgbPng(640, 560, randomBytes(640 * 560 * 3)) };

describeInBrowser("a large photo", (stage) => {
  test("is answered alike when only its pixels are sent, and the page says that they are the same", async () => {
    const { page, complaints } = await visit(stage.browser, stage.service.url);
    await Promise.all([page.waitForResponse("**/infer"), page.setInputFiles("#image", LARGE)]);
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.locator("#sent").count()).toBe(0);
    const shown = async () => [await page.textContent("#sentence"), await page.textContent("#top")];
    const photo = await shown();

    const [request] = await Promise.all([
      page.waitForRequest("**/v2/models/*/infer"),
      page.waitForResponse("**/v2/models/*/infer"),
      page.check("#send-pixels"),
    ]);
    await page.waitForSelector("#sent");
    expect((await request.sizes()).requestBodySize).toBeLessThan(160_000);
    expect(await page.textContent("#sent")).toMatch(/in place of 1\.1 MB.*SHA-256, [0-9a-f]{16}…: it saw the same/s);
    expect(await page.textContent("#seen-caption")).toContain("640\u00a0×\u00a0560 (png)");
    expect(await page.getAttribute("#seen", "src")).toMatch(/^data:image\/png/);
    expect(await shown()).toEqual(photo);
    expect(complaints).toEqual([]);
  });

  test("is remembered by its pixels too: a click says what was right", async () => {
    const { page, complaints } = await visit(stage.browser, stage.service.url);
    await page.setInputFiles("#image", LARGE);
    await page.check("#send-pixels");
    await page.waitForSelector("#sent");
    const [said] = await Promise.all([page.waitForResponse("**/api/feedback"), page.click(".was-right >> text=Yes")]);
    expect(await said.json()).toMatchObject({ index: 0, right: true });
    expect(complaints).toEqual([]);
  });

  test("is sent whole where a part of it is asked about", async () => {
    const { page } = await visit(stage.browser, stage.service.url);
    await page.setInputFiles("#image", LARGE);
    await page.check("#send-pixels");
    await page.waitForSelector("#sent");
    await Promise.all([page.waitForResponse("**/infer"), page.click("text=A part")]);
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.locator("#send-pixels").count()).toBe(0);
    expect(await page.locator("#sent").count()).toBe(0);
  });
});
