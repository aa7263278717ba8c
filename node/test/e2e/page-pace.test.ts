/// <reference lib="dom" />
/**
 * How soon the page shows what it has, by the page's own clock. The best of several tries counts: on a machine with other
 * work the others say what that work was.
 */
import { expect, test } from "vitest";
import { describeInBrowser, visit } from "./browser.js";

const TRIES = 5;
/** Each of them is what the model says of its first sample. */
const FLOWERS = ["daisy", "dandelion", "roses", "sunflowers", "tulips"];
const FIRST_VIEW_MS_MAX = 1000;
const SENTENCE_MS_MAX = 100;

describeInBrowser("the page's pace", (stage) => {
  test("the first view is complete within a second of its address", async () => {
    const times: number[] = [];
    for (let tried = 0; tried < TRIES; tried++) {
      const { page } = await visit(stage.browser, stage.service.url);
      await page.waitForFunction(() => {
        const samples = [...document.querySelectorAll<HTMLImageElement>(".sample img")];
        const isThere = samples.length > 0 && samples.every((one) => one.complete && one.naturalWidth > 0);
        if (isThere) document.body.dataset["complete"] ??= String(Math.round(performance.now()));
        return isThere;
      });
      times.push(Number(await page.getAttribute("body", "data-complete")));
    }
    console.log(`first view complete after ${times.join(", ")} ms`);
    expect(Math.min(...times)).toBeLessThanOrEqual(FIRST_VIEW_MS_MAX);
  });

  test("the sentence is there within 100 ms of the service's answer to a click on a sample", async () => {
    const { page } = await visit(stage.browser, stage.service.url);
    await page.waitForSelector(".sample img");
    const times: number[] = [];
    for (const label of FLOWERS) {
      const took = page.evaluate((wanted) => {
        performance.clearResourceTimings();
        return new Promise<number>((resolve) => {
          const look = () => {
            const answers = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
            const answer = answers.find(({ name }) => name.endsWith("/infer"));
            const isThere = document.querySelector("#sentence")?.textContent?.includes(wanted) === true;
            if (isThere && answer !== undefined) resolve(Math.round(performance.now() - answer.responseEnd));
            else requestAnimationFrame(look);
          };
          look();
        });
      }, label);
      await page.click(`.sample:has([alt="Sample ${label}-1.jpg"])`);
      times.push(await took);
    }
    console.log(`sentence ${times.join(", ")} ms after the answer`);
    expect(Math.min(...times)).toBeLessThanOrEqual(SENTENCE_MS_MAX);
  });
});
