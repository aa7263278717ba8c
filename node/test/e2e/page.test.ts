/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The page in a real browser, on the real service: what the README promises of it.
 */
import { readFile } from "node:fs/promises";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { type RunningServer, startServer } from "../support/server.js";
import { findBrowser, launchBrowser } from "./browser.js";
import { contrastsBelow } from "./contrast.js";

const SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-1.jpg`;
const OTHER_SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-2.jpg`;
const CARDBOARD = `${ROOT_DIR}models/samples/cardboard-1.jpg`;
const WASTE = `${ROOT_DIR}models/waste6`;
const SENTENCE = /^Detected sunflowers with (very high|high|medium|low) confidence\.$/;
const SENTENCE_MARKUP = /Detected <b>sunflowers<\/b> with <u>(very high|high|medium|low)<\/u> confidence\./;
/** Machines with few and busy cores need a while. */
const STEP_MS_MAX = 60_000;

const browserPath = findBrowser();

describe.skipIf(browserPath === undefined)("the page", () => {
  let service: RunningServer;
  let browser: Browser;

  beforeAll(async () => {
    [service, browser] = await Promise.all([startServer({}), launchBrowser(browserPath ?? "")]);
  });

  afterAll(async () => {
    await Promise.all([browser?.close(), service?.stop()]);
  });

  /** Opens the page; the test fails when the page asks anybody else for anything, or the console shows an error. */
  async function open(options: BrowserContextOptions = {}): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
    onTestFinished(() => context.close());
    context.setDefaultTimeout(STEP_MS_MAX);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(`${service.url}/`) && !request.url().startsWith("data:")) {
        complaints.push(`asked ${request.url()}`);
      }
    });
    page.on("console", (message) => {
      // A browser logs each answer of status 400 and up; those are shown by the page.
      if (message.type() === "error" && !message.text().includes("the server responded with a status of")) {
        complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(service.url);
    return { page, complaints };
  }

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
      await inputWidth(service.url),
    );
    expect(await seen.boundingBox()).toMatchObject({ width: 224, height: 224 });
    expect(await page.textContent("#timings")).toMatch(/Total\d+\.\d ms$/);
    expect(await page.textContent("#status")).toMatch(SENTENCE);
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
    expect((await fetch(`${service.url}/api/models`, { method: "POST", body })).status).toBe(201);
    onTestFinished(async () => {
      await fetch(`${service.url}/api/models/marked-up`, { method: "DELETE" });
    });

    const { page, complaints } = await open();
    await page.selectOption("#model", { label: "<img src=x onerror=alert(1)> (marked-up)" });
    expect(await page.textContent("#model-help")).toBe("<b>bold</b>");
    await page.setInputFiles("#image", CARDBOARD);
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#sentence")).toMatch(/^Detected cardboard with /);
    expect(complaints).toEqual([]);
  });

  test("a graph with its labels takes the place of the zoo, and waits for the button", async () => {
    const { page, complaints } = await open();
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.setInputFiles("#image", CARDBOARD);
    expect(await page.isDisabled("#model")).toBe(true);
    expect(await page.isHidden("#reply")).toBe(true);
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#top")).toContain("cardboard");
    await page.click("#forget");
    await page.waitForFunction(() => document.querySelector("#seen-caption")?.textContent?.includes("flowers5"));
    expect(await page.isDisabled("#model")).toBe(false);
    expect(complaints).toEqual([]);
  });

  test("a graph is uploaded once, and again when the service has it no more", async () => {
    const { page } = await open();
    const sent: string[] = [];
    await page.exposeFunction("record", (what: string) => sent.push(what));
    await page.evaluate(() => {
      const { send } = XMLHttpRequest.prototype;
      XMLHttpRequest.prototype.send = function (form) {
        const { record } = globalThis as unknown as { record(what: string): void };
        record(form instanceof FormData && form.has("model_sha256") ? "hash" : "graph");
        send.call(this, form ?? null);
      };
    });
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.setInputFiles("#image", CARDBOARD);
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
    await Promise.all([page.waitForResponse("**/infer"), page.setInputFiles("#image", SUNFLOWERS)]);
    expect(sent).toEqual(["graph", "hash"]);

    const gone = { title: "Not Found", status: 404, code: "model_unknown", detail: "It is not kept here." };
    await page.route("**/infer", (route) => route.fulfill({ status: 404, json: gone }), { times: 1 });
    const answered = page.waitForResponse((response) => response.url().endsWith("/infer") && response.ok());
    await Promise.all([answered, page.setInputFiles("#image", CARDBOARD)]);
    expect(sent).toEqual(["graph", "hash", "hash", "graph"]);
  });

  test("how a graph is read is shown with its evidence, also without labels and photo", async () => {
    const { page, complaints } = await open();
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.click("#inspect");
    await page.waitForSelector("#reading:not([hidden])");
    expect(await page.textContent("#facts")).toContain("6 classes, softmax");
    expect(await page.locator("#evidence tr").count()).toBeGreaterThan(8);
    const mean = page.locator("#evidence tr", { hasText: "input.mean" });
    expect(await mean.textContent()).toMatch(/^input\.mean[\d.]+(read|measured|prior), \d+ %: /);
    expect(await page.textContent("#status")).toContain("tells 6 classes apart");

    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.setInputFiles("#image", CARDBOARD);
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.isHidden("#reading")).toBe(true);
    expect(complaints).toEqual([]);
  });

  test("a graph is read in the browser without being sent, and by the service where a setting is given", async () => {
    const { page, complaints } = await open();
    let uploads = 0;
    page.on("request", (request) => {
      if (request.method() === "POST") uploads += 1;
    });
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.click("#inspect");
    await page.waitForSelector("#reading:not([hidden])");
    const here = await page.textContent("#reading");
    expect(here).toContain("6, plain");
    expect(uploads).toBe(0);

    await page.click("#own details > summary");
    await page.fill("[name=output_tensor]", "final_result");
    await page.click("#inspect");
    await page.waitForFunction(() => document.querySelector("#evidence")?.textContent?.includes("request, 100 %"));
    expect(uploads).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("a file that is no graph is refused with a sentence that says what it is", async () => {
    const { page } = await open();
    await page.click("#own > summary");
    await page.setInputFiles("#graph", { name: "a.pb", mimeType: "", buffer: Buffer.from("<!doctype html><p>404") });
    await page.click("#inspect");
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem-code")).toBe("graph_invalid");
    expect(await page.textContent("#problem-detail")).toContain("HTML");
    expect(await page.getAttribute("#graph", "aria-invalid")).toBe("true");
  });

  test("photo, graph and labels dropped together each find their field", async () => {
    const { page } = await open();
    const files = await Promise.all(
      [CARDBOARD, `${WASTE}/labels.txt`, `${WASTE}/graph.pb`].map(async (path) => ({
        name: path.slice(path.lastIndexOf("/") + 1),
        base64: (await readFile(path)).toString("base64"),
      })),
    );
    const transfer = await page.evaluateHandle((dropped) => {
      const data = new DataTransfer();
      for (const { name, base64 } of dropped) {
        data.items.add(new File([Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))], name));
      }
      return data;
    }, files);
    await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
    const names = await page
      .locator("#image, #graph, #labels")
      .evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).files?.[0]?.name));
    expect(names).toEqual(["cardboard-1.jpg", "graph.pb", "labels.txt"]);
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
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

  test("a graph without labels is answered with the number of the class", async () => {
    const { page, complaints } = await open();
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#image", CARDBOARD);
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#sentence")).toMatch(/^Detected class \d with/);
    expect(complaints).toEqual([]);
  });

  test("labels of the wrong count are refused with the labels field marked", async () => {
    const { page } = await open();
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", { name: "labels.txt", mimeType: "text/plain", buffer: Buffer.from("a\nb") });
    await page.setInputFiles("#image", CARDBOARD);
    await page.click("#submit");
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem-code")).toBe("labels_mismatch");
    expect(await page.getAttribute("#labels", "aria-invalid")).toBe("true");
  });

  test("labels that are markup are shown as text", async () => {
    const { page, complaints } = await open();
    const labels = Array.from({ length: 6 }, (_, index) => `<img src=x onerror=alert(${index})>`).join("\n");
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", { name: "labels.txt", mimeType: "text/plain", buffer: Buffer.from(labels) });
    await page.setInputFiles("#image", CARDBOARD);
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#sentence")).toMatch(/^Detected <img src=x onerror=alert\(\d\)> with/);
    expect(await page.locator("#answer img").count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("a service that is gone is an error with a way to try again", async () => {
    const { page } = await open();
    await page.route("**/infer", (route) => route.abort("connectionrefused"));
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem-title")).toBe("The service did not answer");
    await page.unroute("**/infer");
    await page.click("#retry");
    await page.waitForSelector("#answer:not([hidden])");
  });

  test("without JavaScript the same form gets a page with the sentence", async () => {
    const { page } = await open({ javaScriptEnabled: false });
    expect(await page.isHidden("#zoo")).toBe(true);
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.click("#submit");
    await page.waitForURL("**/infer");
    expect(await page.innerHTML("body")).toMatch(SENTENCE_MARKUP);
    expect(await page.locator("section img").getAttribute("src")).toMatch(/^data:image\/png/);

    await page.goto(service.url);
    await page.click("#own > summary");
    await page.setInputFiles("#image", CARDBOARD);
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.click("#submit");
    await page.waitForURL("**/infer");
    expect(await page.textContent("body")).toMatch(/Detected (cardboard|glass|metal|paper|plastic|trash) with/);
  });

  test("without JavaScript an error is a page that says what is wrong", async () => {
    const { page } = await open({ javaScriptEnabled: false });
    await page.setInputFiles("#image", { name: "a.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no image") });
    await page.click("#submit");
    await page.waitForURL("**/infer");
    expect(await page.textContent("body")).toContain("image_unsupported");
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

  test.each([320, 390])(
    "a screen %i pixels wide needs no sideways scrolling, and the answer comes into view",
    async (width) => {
      const { page } = await open({ viewport: { width, height: 640 }, reducedMotion: "reduce" });
      await page.setInputFiles("#image", SUNFLOWERS);
      await page.waitForSelector("#answer:not([hidden])");
      await page.click("#own > summary");
      await page.click("#own details summary");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.setInputFiles("#image", OTHER_SUNFLOWERS);
      await page.waitForFunction(() => {
        const { top = -1, bottom = Number.POSITIVE_INFINITY } =
          document.querySelector("#sentence")?.getBoundingClientRect() ?? {};
        return top >= 0 && bottom <= innerHeight;
      });
    },
  );

  test("a slow upload shows how far it is, and can be cancelled", async () => {
    const { page } = await open();
    const network = await page.context().newCDPSession(page);
    await network.send("Network.enable");
    const graphBytes = (await readFile(`${WASTE}/graph.pb`)).length;
    await network.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: graphBytes / 4,
    });
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.setInputFiles("#image", CARDBOARD);
    await page.click("#submit");
    await page.waitForSelector("#progress:not([hidden])");
    const shares: number[] = [];
    while (await page.isVisible("#progress")) {
      const share = await page.locator("#progress-bar").evaluate((bar: HTMLProgressElement) => bar.position);
      if (share >= 0) {
        shares.push(share);
      }
      await page.waitForTimeout(100);
    }
    expect(new Set(shares).size, `shares seen: ${shares}`).toBeGreaterThan(3);
    expect(shares).toEqual(shares.toSorted((one, other) => one - other));
    expect(await page.isVisible("#answer")).toBe(true);

    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.click("#submit");
    await page.waitForSelector("#progress:not([hidden])");
    await page.click("#cancel");
    expect(await page.isHidden("#progress")).toBe(true);
    expect(await page.textContent("#status")).toBe("Cancelled.");
  });

  test.each(["light", "dark"] as const)("text has a contrast of 4.5:1 in the %s scheme", async (colorScheme) => {
    const { page } = await open({ colorScheme });
    await page.click("#own > summary");
    await page.click("#own details summary");
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector("#answer:not([hidden])");
    expect(await contrastsBelow(page, 4.5)).toEqual([]);
    await page.setInputFiles("#image", { name: "a.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no image") });
    await page.waitForSelector("#problem:not([hidden])");
    expect(await contrastsBelow(page, 4.5)).toEqual([]);
  });

  test("every control has a name", async () => {
    const { page } = await open();
    await page.click("#own > summary");
    await page.click("#own details summary");
    const unnamed = await page
      .locator("input:not([type=hidden]), select, button, progress")
      .evaluateAll((controls) =>
        controls
          .filter((control) => !((control as HTMLInputElement).labels?.length || control.textContent?.trim()))
          .map((control) => control.id),
      );
    expect(unnamed).toEqual([]);
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
