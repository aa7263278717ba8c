/// <reference lib="dom" />
/** The viewer of the calls. */
import { expect, test } from "vitest";
import { describeInBrowser, visit } from "./browser.js";

describeInBrowser("the viewer of the service's calls", (stage) => {
  test("shows every call and tries one, and asks nobody but the service", async () => {
    const { page, complaints } = await visit(stage.browser, `${stage.service.url}/docs`);
    await page.waitForSelector(".opblock");
    const { paths } = (await (await fetch(`${stage.service.url}/openapi.json`)).json()) as { paths: object };
    const calls = Object.values(paths).flatMap((methods) => Object.keys(methods as object));
    expect(await page.locator(".opblock").count()).toBe(calls.length);
    await page.click("#operations-models-get_api_models");
    await page.click("#operations-models-get_api_models button.execute");
    const answer = page.locator("#operations-models-get_api_models .live-responses-table .response").first();
    expect(await answer.textContent()).toMatch(/^200/);
    expect(complaints).toEqual([]);
  });
});
