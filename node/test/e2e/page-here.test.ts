/// <reference lib="dom" />
/** Answers that the browser makes itself, with a small model that it downloads once. */
import { readFile } from "node:fs/promises";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { AnsweredItem, InferAnswer } from "../../src/generated/api.js";
import { describeInBrowser, visit } from "./browser.js";

const SUNFLOWERS = "sunflowers-1.jpg";
const TULIPS = "tulips-1.jpg";
const PROBABILITY_DIFFERENCE_MAX = 1e-3;

const pathOf = (name: string) => `${ROOT_DIR}models/samples/${name}`;

describeInBrowser("a small model", (stage) => {
  test("that cannot be downloaded is said to be, and the service answers", async () => {
    const { page } = await visit(stage.browser, stage.service.url);
    await page.route("**/graph?as=onnx*", (route) => route.abort());
    await page.setInputFiles("#image", pathOf(SUNFLOWERS));
    await page.waitForSelector("#answer:not([hidden])");
    await Promise.all([page.waitForResponse("**/infer"), page.click("#answer-here")]);
    await page.waitForSelector("#here-problem");
    expect(await page.textContent("#here-problem")).toMatch(/the service does: The service may be down/);
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.isChecked("#answer-here")).toBe(false);
    expect(await page.locator("#made-here").count()).toBe(0);
  });

  test("that was registered without a word about its confidence answers in the browser as on the service", async () => {
    const { url } = stage.service;
    const body = new FormData();
    body.set("id", "plain");
    body.set("model_file", new Blob([await readFile(`${ROOT_DIR}models/waste6/graph.pb`)]));
    expect((await fetch(`${url}/api/models`, { method: "POST", body })).status).toBe(201);
    const { page, complaints } = await visit(stage.browser, url);
    await page.selectOption("#model", "plain");
    await page.check("#answer-here");
    await page.setInputFiles("#image", pathOf(TULIPS));
    await expectAnswer(page, await answerOf(url, TULIPS, "plain"));
    expect(complaints).toEqual([]);
  });

  test("answers in the browser as on the service, and goes on when that is gone", async () => {
    const { url } = stage.service;
    const expected = [await answerOf(url, SUNFLOWERS), await answerOf(url, TULIPS)] as const;
    const { page, complaints } = await visit(stage.browser, url);
    await page.setInputFiles("#image", pathOf(SUNFLOWERS));
    await page.waitForSelector("#answer:not([hidden])");
    await page.waitForSelector("#answer-here");
    expect(await page.textContent(".here")).toMatch(/loads \d+\.\d MB once/);

    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.check("#answer-here");
    await expectAnswer(page, expected[0]);
    expect(asked.filter((address) => address.endsWith("/infer"))).toEqual([]);
    await page.evaluate(axe.source);
    const findings = await page.evaluate(async () => {
      const { axe: engine } = globalThis as unknown as { axe: typeof axe };
      return (await engine.run(document)).violations.map(({ id }) => id);
    });
    expect(findings).toEqual([]);
    expect(complaints).toEqual([]);

    await stage.service.stop();
    await page.setInputFiles("#image", pathOf(TULIPS));
    await expectAnswer(page, expected[1]);
  });
});

async function answerOf(url: string, name: string, model = "flowers5"): Promise<AnsweredItem> {
  const body = new FormData();
  body.set("model", model);
  body.set("image_file", new Blob([await readFile(pathOf(name))]), name);
  const { results } = (await (
    await fetch(`${url}/infer`, { method: "POST", body, headers: { accept: "application/json" } })
  ).json()) as InferAnswer;
  return results[0] as AnsweredItem;
}

async function expectAnswer(page: Page, { input, label, band, band_accuracy, top }: AnsweredItem): Promise<void> {
  await page.waitForSelector(`#made-here code:text-is("${input.sha256}")`);
  expect(await page.textContent("#sentence")).toBe(`Detected ${label} with ${band} confidence.`);
  if (band_accuracy !== undefined) {
    expect(await page.textContent("#worth")).toContain(`right ${band_accuracy.right} of ${band_accuracy.n} times`);
  }
  expect(await page.locator("#top bdi").allTextContents()).toEqual(top.map((entry) => entry.label));
  const shares = await page
    .locator("#top data")
    .evaluateAll((all) => all.map((one) => Number(one.getAttribute("value"))));
  for (const [place, { probability }] of top.entries()) {
    expect(Math.abs((shares[place] ?? 2) - probability)).toBeLessThanOrEqual(PROBABILITY_DIFFERENCE_MAX);
  }
}
