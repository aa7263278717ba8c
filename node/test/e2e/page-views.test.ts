/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** The page's views: their addresses, the models and their changes, and what the service tells of itself. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { BrowserContextOptions } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { describeInBrowser, visit } from "./browser.js";

const SUNFLOWERS = `${ROOT_DIR}models/samples/sunflowers-1.jpg`;
const WASTE = `${ROOT_DIR}models/waste6`;

describeInBrowser("the page's views", (stage) => {
  const open = (path = "", options: BrowserContextOptions = {}) =>
    visit(stage.browser, `${stage.service.url}${path}`, options);

  test("each has an address of its own, for reload, links and the back button", async () => {
    const { page, complaints } = await open();
    await page.click("nav >> text=Models");
    await page.click("text=Six kinds of waste");
    await page.waitForSelector(".label-list");
    expect(new URL(page.url()).hash).toBe("#/models/waste6");
    expect(await page.title()).toBe("Menagerie: waste6");
    await page.reload();
    await page.waitForSelector("text=cardboard");
    await page.goBack();
    await page.waitForSelector(".cards");
    await page.goBack();
    await page.waitForSelector("#image", { state: "attached" });
    await page.goForward();
    await page.waitForSelector(".cards");
    await page.click("nav >> text=About");
    await expect.poll(() => page.locator("nav [aria-current]").textContent()).toBe("About");
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe("MAIN");
    expect(complaints).toEqual([]);
  });

  test("a link carries the models that are asked, and the choice is in the address", async () => {
    const { page } = await open("/#/?model=waste6&with=flowers5");
    await page.setInputFiles("#image", SUNFLOWERS);
    await page.waitForSelector(".answers.two");
    expect(await page.locator(".whose").allTextContents()).toEqual(["waste6", "flowers5"]);
    await page.selectOption("#other", "");
    await page.waitForFunction(() => document.querySelectorAll("#answer article").length === 1);
    expect(new URL(page.url()).hash).toBe("#/?model=waste6");
  });

  test("an address that leads nowhere says so and leads on", async () => {
    const { page } = await open("/#/nope");
    expect(await page.textContent("h1")).toBe("There is nothing at this address");
    await page.click("main >> text=models");
    await page.waitForSelector(".cards");
  });

  test("the page works below a path of a proxy", async () => {
    const proxy = createServer((incoming, outgoing) => {
      const path = /^\/deep\/below(\/.*)$/.exec(incoming.url ?? "")?.[1];
      if (path === undefined) return outgoing.writeHead(404).end();
      const { method, headers } = incoming;
      const onward = request(`${stage.service.url}${path}`, { method: method ?? "GET", headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      return incoming.pipe(onward);
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    onTestFinished(() => void proxy.close().closeAllConnections());
    const { port } = proxy.address() as AddressInfo;
    const base = `http://127.0.0.1:${port}/deep/below/`;
    const { page, complaints } = await visit(stage.browser, base);
    const strays: string[] = [];
    page.on("request", (sent) => {
      if (!sent.url().startsWith(base) && !/^(data|blob):/.test(sent.url())) strays.push(sent.url());
    });
    await page.click(".sample");
    await page.waitForSelector("#answer");
    expect(await page.locator("#answer pre").textContent()).toContain(`${base}infer`);
    await page.setInputFiles("#graph", `${WASTE}/graph.pb`);
    await page.waitForSelector("#reading");
    await page.goto(`${base}#/models/flowers5`);
    await page.reload();
    await page.waitForSelector(".sample img");
    await page.click("nav >> text=About");
    await page.waitForSelector(".limits");
    expect([...strays, ...complaints]).toEqual([]);
  });

  test("models are found by what they tell apart", async () => {
    const { page } = await open("/#/models");
    await page.waitForSelector(".card");
    const all = await page.locator(".card").count();
    await page.fill("#search", "cardb");
    await page.waitForSelector("text=It knows cardboard.");
    expect(await page.locator(".card").count()).toBe(1);
    await page.fill("#search", "");
    expect(await page.locator(".card").count()).toBe(all);
  });

  test("changes made elsewhere show up without a reload, and a registered model is served and removed here", async () => {
    const { page, complaints } = await open("/#/models");
    await page.waitForSelector(".card");
    await register("elsewhere", "1");
    await page.click("text=Seen elsewhere");
    await page.waitForSelector("#manage-title");
    await register("elsewhere", "2");
    await page.click("text=Serve 2");
    await page.waitForFunction(
      () => document.querySelector(".versions li:nth-child(2) .tag")?.textContent === "served",
    );
    const { models } = (await (await fetch(`${stage.service.url}/api/models`)).json()) as {
      models: { id: string; served: string }[];
    };
    expect(models.find(({ id }) => id === "elsewhere")?.served).toBe("2");

    await page.click("text=Remove 1");
    await page.click("#remove-now");
    await page.waitForFunction(() => document.querySelectorAll(".versions li").length === 1);
    await page.click("#remove");
    expect(await page.textContent("[role=alertdialog]")).toContain("This cannot be undone.");
    await page.click("text=Keep");
    await page.click("#remove");
    await page.click("#remove-now");
    await page.waitForSelector(".cards");
    await page.waitForFunction(() => !document.querySelector(".cards")?.textContent?.includes("Seen elsewhere"));
    expect((await fetch(`${stage.service.url}/api/models/elsewhere`)).status).toBe(404);
    expect(complaints).toEqual([]);
  });

  test("a model's view has its settings with evidence, its labels, photos to try and downloads", async () => {
    const { page, complaints } = await open("/#/models/waste6");
    await page.waitForSelector(".label-list");
    expect(await page.locator(".label-list li").allTextContents()).toContain("plastic");
    await page.click("#settings > summary");
    await page.waitForSelector("#evidence");
    expect(await page.textContent("#facts")).toContain("6 classes, softmax");
    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("a[download] >> text=Graph")]);
    const graph = await readFile(`${WASTE}/graph.pb`);
    expect(graph.equals(await readFile(await saved.path()))).toBe(true);
    await page.click(".sample");
    await page.waitForSelector("#answer");
    expect(new URL(page.url()).hash).toBe("#/?model=waste6");
    expect(await page.textContent("#seen-caption")).toContain("waste6");
    expect(complaints).toEqual([]);
  });

  test("a model that was not fetched says how it comes here", async () => {
    const { page } = await open("/#/models/mobilenet-v1-0.25-224");
    await page.waitForSelector("text=npx menagerie pull mobilenet-v1-0.25-224");
  });

  test("the service tells its state, its limits, what one may do, and its calls", async () => {
    const { page, complaints } = await open("/#/about");
    await page.waitForSelector(".limits");
    const text = await page.textContent("main");
    expect(text).toMatch(/Engineprocess, libtensorflow 2\.\d+/);
    expect(text).toContain("You may do: everything.");
    expect(text).toContain("IMAGE_BYTES_MAX33.6 MB");
    expect(text).toContain(`${stage.service.url}/api/models/inspect`);
    expect(complaints).toEqual([]);
  });

  async function register(id: string, version: string): Promise<void> {
    const body = new FormData();
    body.set("id", id);
    body.set("version", version);
    body.set("normalization", "-1..1");
    body.set("manifest", JSON.stringify({ title: "Seen elsewhere" }));
    body.set("model_file", new Blob([await readFile(`${WASTE}/graph.pb`)]));
    body.set("label_file", new Blob([await readFile(`${WASTE}/labels.txt`)]));
    const { status } = await fetch(`${stage.service.url}/api/models`, { method: "POST", body });
    expect(status).toBe(201);
    onTestFinished(async () => void (await fetch(`${stage.service.url}/api/models/${id}`, { method: "DELETE" })));
  }
});
