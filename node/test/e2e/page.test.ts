/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The page in a real browser, on the real service: what the README promises of it.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { BrowserContextOptions, Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { solidPng } from "../support/png.js";
import { startServer } from "../support/server.js";
import { describeInBrowser, visit } from "./browser.js";

const SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-1.jpg`;
const CARDBOARD = `${ROOT_DIR}models/samples/cardboard-1.jpg`;
const WASTE = `${ROOT_DIR}models/waste6`;
const SENTENCE = /^Detected sunflowers with (very high|high|medium|low) confidence\.$/;
const SENTENCE_MARKUP = /Detected <b>sunflowers<\/b> with <u>(very high|high|medium|low)<\/u> confidence\./;

describeInBrowser("the page", (stage) => {
  const open = (options: BrowserContextOptions = {}) => visit(stage.browser, stage.service.url, options);

  test("a photo alone is answered at once, with bars, the picture that the model saw, and timings", async () => {
    const { page, complaints } = await open();
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#answer:not([hidden])");

    expect(await page.textContent("#sentence")).toMatch(SENTENCE);
    expect(await page.innerHTML("#sentence")).toMatch(SENTENCE_MARKUP);
    expect(await page.locator("#top li").count()).toBe(5);
    const widths = await page.locator("#top .bar span").evaluateAll((bars) => bars.map((bar) => bar.clientWidth));
    expect(widths).toEqual(widths.toSorted((one, other) => other - one));
    expect(widths[0]).toBeGreaterThan(200);
    const seen = page.locator("#seen");
    expect(await seen.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth))).toBe(
      await inputWidth(stage.service.url),
    );
    expect(await seen.boundingBox()).toMatchObject({ width: 224, height: 224 });
    expect(await page.textContent("#timings")).toMatch(/Total\d+\.\d ms$/);
    expect(await page.textContent("#status")).toMatch(SENTENCE);
    expect(complaints).toEqual([]);
  });

  test("an answer says what its band was worth, and that it is unsure where that is little", async () => {
    const { page, complaints } = await open();
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#worth");
    expect(await page.textContent("#worth")).toMatch(
      /^With (very high|high) confidence it was right \d+ of \d+ times when it was measured\.$/,
    );
    const unsure = { name: "blue.png", mimeType: "image/png", buffer: Buffer.from(solidPng(200, 150, [0, 0, 255])) };
    await page.setInputFiles("#image", unsure);
    await page.waitForSelector("#worth.warnings");
    const words = /Unsure: with medium confidence it was right \d+ of \d+ times when it was measured\.$/;
    expect(await page.textContent("#worth")).toMatch(words);
    expect(await page.textContent("#status")).toMatch(words);
    expect(complaints).toEqual([]);
  });

  test("another model of the zoo answers when it is chosen", async () => {
    const { page } = await open();
    await page.setInputFiles("#image", CARDBOARD);
    await page.waitForSelector("#answer:not([hidden])");
    await page.selectOption("#model", "waste6");
    await page.waitForFunction(() => document.querySelector("#seen-caption")?.textContent?.includes("waste6"));
    expect(await page.textContent("#top")).toContain("cardboard");
  });

  test("a registered model is offered by its title, whatever markup that holds", async () => {
    const body = new FormData();
    body.set("id", "marked-up");
    body.set("normalization", "-1..1");
    body.set("manifest", JSON.stringify({ title: "<img src=x onerror=alert(1)>", description: "<b>bold</b>" }));
    body.set("model_file", new Blob([await readFile(`${WASTE}/graph.pb`)]));
    body.set("label_file", new Blob([await readFile(`${WASTE}/labels.txt`)]));
    expect((await fetch(`${stage.service.url}/api/models`, { method: "POST", body })).status).toBe(201);
    onTestFinished(async () => {
      await fetch(`${stage.service.url}/api/models/marked-up`, { method: "DELETE" });
    });

    const { page, complaints } = await open();
    await page.selectOption("#model", { label: "<img src=x onerror=alert(1)> (marked-up)" });
    expect(await page.textContent("#model-help")).toBe("<b>bold</b>");
    await page.setInputFiles("#image", CARDBOARD);
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#sentence")).toMatch(/^Detected cardboard with /);
    expect(complaints).toEqual([]);
  });

  test("a pasted photo is answered", async () => {
    const { page } = await open();
    const base64 = (await readFile(SUNFLOWERS)).toString("base64");
    await page.evaluate((encoded) => {
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([Uint8Array.from(atob(encoded), (byte) => byte.charCodeAt(0))], "image.png"));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
    }, base64);
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#sentence")).toContain("sunflowers");
  });

  test("an error says what is wrong and what to do, marks the field, and the next photo is answered", async () => {
    const { page, complaints } = await open();
    const photo = await readFile(SUNFLOWERS);
    await page.setInputFiles("#image", {
      name: "cut.jpg",
      mimeType: "image/jpeg",
      buffer: photo.subarray(0, photo.length / 3),
    });
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem-code")).toBe("image_undecodable");
    expect(await page.textContent("#problem-title")).toBe("This photo is damaged");
    expect(await page.textContent("#problem-advice")).toContain("Choose another photo");
    expect(await page.getAttribute("#image", "aria-invalid")).toBe("true");
    expect(await page.textContent("#status")).toContain("This photo is damaged");
    expect(await page.isHidden("#answer")).toBe(true);

    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.isHidden("#problem")).toBe(true);
    expect(await page.getAttribute("#image", "aria-invalid")).toBeNull();
    expect(complaints).toEqual([]);
  });

  test("a service that breaks the connection twice is an error with a way to try again", async () => {
    const { page } = await open();
    let askedCount = 0;
    await page.route("**/infer", (route) => {
      askedCount += 1;
      return route.abort("connectionrefused");
    });
    await page.setInputFiles("#image", SUNFLOWERS);
    await expect.poll(() => askedCount).toBe(2);
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem-title")).toBe("The service did not answer");
    await page.unroute("**/infer");
    await page.click("#retry");
    await page.waitForSelector("#answer:not([hidden])");
  });

  test("a sample is answered by a click, also on a service that nobody has a photo for", async () => {
    const { page, complaints } = await open();
    await page.click('.sample:has([alt="Sample roses-1.jpg"])');
    await page.waitForSelector("#answer");
    expect(await page.textContent("#sentence")).toContain("roses");
    expect(complaints).toEqual([]);
  });

  test("a part of the photo is classified: by mouse, by touch, by keyboard, in numbers, and around a point", async () => {
    const { page, complaints } = await open({ hasTouch: true });
    const asked: string[] = [];
    await page.exposeFunction("record", (what: string) => asked.push(what));
    await page.evaluate(() => {
      const { send } = XMLHttpRequest.prototype;
      XMLHttpRequest.prototype.send = function (form) {
        const { record } = globalThis as unknown as { record(what: string): void };
        if (form instanceof FormData) record(String(form.get("crop") ?? form.get("point") ?? "whole"));
        send.call(this, form ?? null);
      };
    });
    const last = () => asked.at(-1);
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#answer");
    await page.click("text=A part");
    await expect.poll(last).toBe("55,36,109,72");

    const box = await page.locator("#region").boundingBox();
    const surface = await page.locator(".surface").boundingBox();
    if (box === null || surface === null) throw new Error("the part is not shown");
    const scale = 218 / surface.width;
    const [x, y] = [box.x + box.width / 3, box.y + box.height / 3];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 20 / scale, y + 10 / scale, { steps: 3 });
    await page.mouse.up();
    await expect.poll(last).toBe("75,46,109,72");

    await page.focus("#region");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Shift+ArrowUp");
    await expect.poll(last).toBe("71,46,109,68");
    await page.fill("[name=region-width]", "50");
    await page.press("[name=region-width]", "Tab");
    await expect.poll(last).toBe("71,46,50,68");

    await page.click("text=Around a point");
    await expect.poll(last).toBe("109,72,72");
    await page.touchscreen.tap(surface.x + 30 / scale, surface.y + 40 / scale);
    await expect.poll(last).toBe("30,40,72");
    await page.click("text=Whole photo");
    await expect.poll(last).toBe("whole");
    expect(complaints).toEqual([]);
  });

  test("the camera is asked for when it is wanted, and its photo is answered", async () => {
    const { page, complaints } = await open();
    expect(await page.locator("video").count()).toBe(0);
    await page.click("#take");
    await page.click("#shoot:not([disabled])");
    await page.waitForSelector("#answer");
    expect(await page.textContent(".frame .file-name")).toBe("camera.jpg");
    expect(await page.locator("video").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("the ready commands do what the page did", async () => {
    const { page } = await open({ permissions: ["clipboard-read", "clipboard-write"] });
    await page.selectOption("#model", "waste6");
    await page.setInputFiles("#image", CARDBOARD);
    await page.waitForSelector("#answer");
    await page.click("#answer .code summary");
    await page.click("#answer .copy");
    await page.waitForSelector("text=Copied");
    const curl = await page.evaluate(() => navigator.clipboard.readText());
    await page.click("#answer >> text=JavaScript");
    const javascript = (await page.textContent("#answer pre")) ?? "";
    const cwd = `${ROOT_DIR}models/samples`;
    const run = promisify(execFile);
    const { stdout: byCurl } = await run("sh", ["-c", curl], { cwd });
    const { stdout: byNode } = await run(process.execPath, ["--input-type=module", "-e", javascript], { cwd });
    for (const output of [byCurl, byNode]) {
      expect(output).toContain('"label":"cardboard"');
      expect(output).toContain('"id":"waste6"');
    }
  });

  test("a service that is gone is noticed, and the photo is asked about again when it is back", async () => {
    const { page } = await open();
    await page.waitForSelector("#zoo");
    await page.route("**/{infer,api/**}", (route) => route.abort("connectionrefused"));
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#gone");
    await page.waitForFunction(() =>
      document.querySelector("#problem-advice")?.textContent?.includes("tries again by itself"),
    );
    await page.unroute("**/{infer,api/**}");
    await page.waitForSelector("#answer");
    expect(await page.locator("#gone").count()).toBe(0);
  });

  test("a full service is waited for, in sight of the user", async () => {
    const { page } = await open();
    const full = { title: "Service Unavailable", status: 503, code: "overloaded", detail: "The queue is full." };
    await page.route(
      "**/infer",
      (route) => route.fulfill({ status: 503, headers: { "retry-after": "2" }, json: full }),
      {
        times: 2,
      },
    );
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("text=The service is full. Trying again in");
    await page.waitForSelector("#answer");
  });

  test("a photo larger than the service takes is refused before it is sent", async () => {
    const { page, complaints } = await open();
    await page.waitForSelector("#zoo");
    let uploads = 0;
    page.on("request", (request) => {
      if (request.method() === "POST") uploads += 1;
    });
    await page.setInputFiles("#image", { name: "a.png", mimeType: "", buffer: Buffer.alloc(34_000_000) });
    await page.waitForSelector("#problem");
    expect(await page.textContent("#problem-detail")).toBe(
      "a.png has 34.0 MB, and this service takes 33.6 MB at most (IMAGE_BYTES_MAX).",
    );
    expect(uploads).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("a warning of the answer is shown", async () => {
    const { page } = await open();
    await page.route("**/infer", async (route) => {
      const response = await route.fetch();
      const answer = (await response.json()) as { results: object[] };
      const results = answer.results.map((result) => ({ ...result, warnings: ["input.resize is only 60 % sure."] }));
      await route.fulfill({ response, json: { ...answer, results } });
    });
    await page.click(".sample");
    await page.waitForSelector("#answer .warnings");
    expect(await page.textContent("#answer .warnings")).toBe("input.resize is only 60 % sure.");
  });

  test("an address is taken where the service allows some, and refused with the reason", async () => {
    const { page: without } = await open();
    await without.waitForSelector("#zoo");
    expect(await without.locator("#address").count()).toBe(0);

    const allowing = await startServer({ IMAGE_URL_HOSTS: "photos.example.org" });
    onTestFinished(async () => void (await allowing.stop()));
    const { page, complaints } = await visit(stage.browser, allowing.url);
    await page.fill("#address", "https://elsewhere.example.org/a.jpg");
    await page.press("#address", "Enter");
    await page.waitForSelector("#problem");
    expect(await page.textContent("#problem-code")).toBe("url_forbidden");
    expect(await page.textContent("#problem-advice")).toBe("Save the photo and choose the file.");
    expect(await page.textContent(".frame .file-name")).toBe("https://elsewhere.example.org/a.jpg");
    expect(complaints).toEqual([]);
  });

  test("a photo that is dropped on another view is answered", async () => {
    const { page } = await open();
    await page.click("nav >> text=About");
    const base64 = (await readFile(SUNFLOWERS)).toString("base64");
    const transfer = await page.evaluateHandle((encoded) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(encoded), (byte) => byte.charCodeAt(0))], "dropped.jpg"));
      return data;
    }, base64);
    await page.dispatchEvent("body", "dragover", { dataTransfer: transfer });
    await page.waitForSelector(".drop-zone");
    await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
    await page.waitForSelector("#answer");
    expect(await page.locator(".drop-zone").count()).toBe(0);
    expect(await page.textContent("#sentence")).toMatch(SENTENCE);
  });

  test("the keyboard alone is enough", async () => {
    const { page } = await open();
    page.on("filechooser", (chooser) => chooser.setFiles(SUNFLOWERS));
    await page.waitForSelector("#zoo:not([hidden])");
    await tabTo(page, "image");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#answer:not([hidden])");
    await tabTo(page, "model");
    expect(await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle)).toBe(
      "solid",
    );
    await page.keyboard.press("ArrowDown");
    await tabTo(page, "submit");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("#status")?.textContent?.startsWith("Detected"));
  });
});

/** Presses Tab until the control with this id has the focus. */
async function tabTo(page: Page, id: string): Promise<void> {
  for (let presses = 0; presses < 20; presses++) {
    if ((await page.evaluate(() => document.activeElement?.id)) === id) {
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`#${id} cannot be reached with the Tab key`);
}

/** Width of the default model's input, as the service states it. */
async function inputWidth(address: string): Promise<number> {
  const form = new FormData();
  form.set("image_file", new Blob([await readFile(SUNFLOWERS)]));
  const response = await fetch(`${address}/infer?format=json`, { method: "POST", body: form });
  const { results } = (await response.json()) as { results: { input: { width: number } }[] };
  return results[0]?.input.width ?? 0;
}
