/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** A graph of one's own on the page. */
import { readFile } from "node:fs/promises";
import type { BrowserContextOptions } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { COLOURS, meanColourGraph } from "../support/graph-def.js";
import { solidPng } from "../support/png.js";
import { describeInBrowser, visit } from "./browser.js";

const SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-1.jpg`;
const CARDBOARD = `${ROOT_DIR}models/samples/cardboard-1.jpg`;
const WASTE = `${ROOT_DIR}models/waste6`;

describeInBrowser("a model of one's own", (stage) => {
  const open = (options: BrowserContextOptions = {}) => visit(stage.browser, stage.service.url, options);

  test("a graph with its labels takes the place of the zoo, and waits for the button", async () => {
    const { page, complaints } = await open();
    await page.click("#own > summary");
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.setInputFiles("#image", CARDBOARD);
    await page.waitForSelector("#reading");
    await page.waitForSelector("#preview:not([hidden])");
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
    await page.waitForSelector("#reading");
    expect(await page.textContent("#facts")).toContain("6 classes, softmax");
    expect(await page.locator("#evidence tr").count()).toBeGreaterThan(8);
    const mean = page.locator("#evidence tr", { hasText: "input.mean" });
    expect(await mean.textContent()).toMatch(/^input\.mean[\d.]+(read|measured|prior), \d+ %: /);
    expect(await page.textContent("#status")).toContain("tells 6 classes apart");

    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.setInputFiles("#image", CARDBOARD);
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#reading")).toContain("cardboard, glass, metal, paper, plastic, trash");
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
    await page.waitForFunction(() => document.querySelector("#reading")?.textContent?.includes("6, plain"));
    expect(uploads).toBe(0);

    await page.click("#reading > details > summary");
    await page.fill("[name=output_tensor]", "final_result");
    await page.click("#inspect");
    await page.waitForFunction(() => document.querySelector("#evidence")?.textContent?.includes("request, 100 %"));
    expect(uploads).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("what the settings rest on is said, and a click on what the photo shows decides them", async () => {
    const { page, complaints } = await open();
    const file = (name: string, buffer: Uint8Array) => ({ name, mimeType: "", buffer: Buffer.from(buffer) });
    await page.click("#own > summary");
    await page.setInputFiles("#graph", file("colours.pb", meanColourGraph()));
    await page.setInputFiles("#labels", file("colours.txt", COLOURS));
    await page.setInputFiles("#image", { ...file("blue.png", solidPng(64, 48, [0, 0, 255])), mimeType: "image/png" });
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
    expect(await page.textContent("#rests")).toBe("How pixels are scaled is not certain: most such graphs are fed so.");
    await page.click(".teach button:has-text('blue')");
    await page.waitForFunction(() => document.querySelector("#rests")?.textContent?.includes("whose labels were said"));
    expect(await page.textContent("#sentence")).toContain("Detected blue");
    // The panel tells what was decided, not what was detected before.
    await page.waitForFunction(() =>
      document.querySelector("#normalization-sure")?.textContent?.includes("examples, "),
    );
    expect(await page.textContent("#normalization-sure")).toContain("with 1 labelled photo");
    expect(complaints).toEqual([]);

    await page.fill(".teach input", "bleu");
    await page.click(".teach button[type=submit]");
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem-detail")).toContain("example_label=bleu: the model has no such label");
  });

  test("a file that is no graph is refused with a sentence that says what it is", async () => {
    const { page } = await open();
    await page.click("#own > summary");
    await page.setInputFiles("#graph", { name: "a.pb", mimeType: "", buffer: Buffer.from("<!doctype html><p>404") });
    await page.waitForSelector("#problem:not([hidden])");
    expect(await page.textContent("#problem-code")).toBe("graph_invalid");
    expect(await page.textContent("#problem-detail")).toContain("HTML");
    expect(await page.getAttribute("#graph", "aria-invalid")).toBe("true");
  });

  test("photo, graph and labels dropped together each find their place, whatever their names", async () => {
    const { page } = await open();
    const files = await Promise.all(
      Object.entries({
        "a photo": CARDBOARD,
        "names.dat": `${WASTE}/labels.txt`,
        "model.bin": `${WASTE}/graph.pb`,
      }).map(async ([name, path]) => ({
        name,
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
    await page.waitForSelector("#reading");
    const names = await page.locator(".frame .file-name, #graph-name, #labels-name").allTextContents();
    expect(names).toEqual(["a photo", "model.bin", "names.dat"]);
    await page.click("#submit");
    await page.waitForSelector("#answer:not([hidden])");
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
    // -1 while the service is at work, null once it has answered.
    const position = () =>
      page.evaluate(() => document.querySelector<HTMLProgressElement>("#progress-bar")?.position ?? null);
    for (let share = await position(); share !== null; share = await position()) {
      if (share >= 0) shares.push(share);
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

  test("a setting that is unsure is settled by looking: the right answer is clicked and becomes the setting", async () => {
    const { page, complaints } = await open();
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.waitForSelector("#reading");
    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.setInputFiles("#image", CARDBOARD);
    expect(await page.textContent(".setting.unsure")).toContain("prior, 70 % sure");
    await page.click("#settle");
    await page.waitForFunction(() => document.querySelectorAll(".candidate .bars").length === 3);
    expect(await page.locator(".candidate h4").allTextContents()).toEqual([
      "stretched to fit",
      "the middle cut out",
      "whole, with bars",
    ]);
    await page.click(".candidate >> nth=1 >> button");
    await page.waitForSelector("#answer");
    expect(await page.inputValue("#resize")).toBe("center-crop");
    expect(await page.textContent(".setting:has(#resize)")).toContain("set by you");
    expect(await page.locator(".unsure-question").count()).toBe(0);
    expect(await page.textContent("#answer pre")).toContain("resize=center-crop");
    expect(complaints).toEqual([]);
  });

  test("a photo that is chosen while the graph is on its way is the one that is answered", async () => {
    const { page } = await open();
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    await page.route("**/infer", async (route) => {
      await held;
      await route.continue();
    });
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.waitForSelector("#reading");
    await page.setInputFiles("#image", CARDBOARD);
    await page.click("#submit");
    await page.waitForSelector("#progress");
    await page.setInputFiles("#image", `${ROOT_DIR}models/samples/glass-1.jpg`);
    await page.waitForSelector("text=glass-1.jpg");
    go();
    await page.waitForSelector("#answer");
    const glass = await page.getAttribute("#seen", "src");
    await Promise.all([page.waitForResponse("**/infer"), page.setInputFiles("#image", CARDBOARD)]);
    await page.waitForFunction((before) => document.querySelector<HTMLImageElement>("#seen")?.src !== before, glass);
    await Promise.all([
      page.waitForResponse("**/infer"),
      page.setInputFiles("#image", `${ROOT_DIR}models/samples/glass-1.jpg`),
    ]);
    await page.waitForFunction((first) => document.querySelector<HTMLImageElement>("#seen")?.src === first, glass);
  });

  test("labels of another model say both counts and show the first and the last of them", async () => {
    const { page } = await open();
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    const birds = Array.from({ length: 20 }, (_, index) => `bird ${index}`).join("\n");
    await page.setInputFiles("#labels", { name: "birds.txt", mimeType: "text/plain", buffer: Buffer.from(birds) });
    await page.waitForSelector("#problem");
    const detail = await page.textContent("#problem-detail");
    expect(detail).toContain("20");
    expect(detail).toContain("6");
    const reply = page.locator("#reply .first-labels");
    await reply.waitFor();
    expect(await reply.textContent()).toBe("birds.txt: bird 0, bird 1, bird 2 … bird 17, bird 18, bird 19");
  });

  test("a model of one's own is kept under a name, and used from then on", async () => {
    const { page, complaints } = await open();
    onTestFinished(async () => void (await fetch(`${stage.service.url}/api/models/my-waste`, { method: "DELETE" })));
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.setInputFiles("#labels", `${WASTE}/labels.txt`);
    await page.waitForSelector("#reading");
    await page.selectOption("#normalization", "-1..1");
    await page.click(".register > summary");
    await page.fill("#register-id", "My Waste");
    expect(await page.isDisabled("#register")).toBe(true);
    await page.fill("#register-id", "my-waste");
    await page.fill("#register-title", "Waste of mine");
    await page.click("#register");
    await page.click("text=Use it from now on");
    await page.setInputFiles("#image", CARDBOARD);
    await page.waitForSelector("#answer");
    expect(await page.textContent("#seen-caption")).toContain("my-waste");
    expect(await page.textContent("#model")).toContain("Waste of mine (my-waste)");
    expect(complaints).toEqual([]);
  });

  test("the reader of graphs is fetched when there is a graph, and not before", async () => {
    const { page } = await open();
    const fetched: string[] = [];
    page.on("request", (request) => fetched.push(request.url()));
    await page.click(".sample");
    await page.waitForSelector("#answer");
    expect(fetched.filter((url) => url.includes("wasm"))).toEqual([]);
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.waitForSelector("#reading");
    expect(fetched.filter((url) => url.endsWith(".wasm"))).toHaveLength(1);
  });
});
