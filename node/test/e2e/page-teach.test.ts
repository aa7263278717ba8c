/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** The whole circle on the page: photos, a model that tells them apart, tried, mended, served, asked by curl. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createKey } from "../../src/keys/api-keys.js";
import { filmOfWaves } from "../support/film.js";
import { solidPng } from "../support/png.js";
import { type RunningServer, startServer } from "../support/server.js";
import { SHAPES, wave } from "../support/waves.js";
import { dropOn, findBrowser, launchBrowser, visit } from "./browser.js";

const PHOTOS = 10;
/** Waves across that lie in the folder of waves down. */
const MISPLACED = 3;

const browserPath = findBrowser();

describe.skipIf(browserPath === undefined)("teaching on the page", () => {
  let folder: string;
  let service: RunningServer;
  let browser: Browser;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "menagerie-teaching-"));
    for (const [label, shape] of Object.entries(SHAPES)) {
      await mkdir(join(folder, "photos", label), { recursive: true });
      for (let number = 0; number < PHOTOS; number += 1)
        await writeFile(join(folder, "photos", label, `${number}.png`), wave(shape, number));
    }
    for (let number = 0; number < MISPLACED; number += 1)
      await writeFile(join(folder, "photos/down", `misplaced-${number}.png`), wave(SHAPES.across, PHOTOS + number));
    await writeFile(join(folder, "film.y4m"), filmOfWaves(40, 5));
    const camera = `--use-file-for-fake-video-capture=${join(folder, "film.y4m")}`;
    [service, browser] = await Promise.all([startServer({}), launchBrowser(browserPath ?? "", [camera])]);
  });

  afterAll(async () => {
    await Promise.all([browser?.close(), service?.stop()]);
    await rm(folder, { recursive: true });
  });

  const open = async (url = service.url) => {
    const visited = await visit(browser, `${url}/#/teach`);
    await visited.page.waitForSelector(".class-column");
    return visited;
  };

  test("three classes are dropped, trained, mended, tried, served, and answer curl", async () => {
    const { page, complaints } = await open();
    expect(await page.isDisabled("#train")).toBe(true);
    await dropOn(page, "h1", [join(folder, "photos")]);
    await page.waitForSelector("text=33 photos added.");
    await page.click("#train");
    await page.waitForSelector("#right");
    expect(await page.textContent("#right")).toMatch(/^Right for \d+\.\d %: \d+ of \d photos that were set aside\.$/);
    expect(await page.textContent(".outcome")).toMatch(/95 % interval/);

    await page.selectOption(".wrong-photo select >> nth=0", { label: "across" });
    await page.waitForSelector("#stale");
    const again = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/start"));
    const sent: string[] = [];
    page.on("request", (request) => request.method() === "PUT" && sent.push(request.url()));
    await page.click("text=Train again with this");
    await again;
    expect(sent, "what the service has is not sent again").toHaveLength(1);
    await page.waitForSelector("#cancel-training", { state: "detached" });
    await page.waitForSelector("#right");
    expect(await page.locator("#stale").count()).toBe(0);

    await page.setInputFiles(".try-photo", join(folder, "photos/rings/3.png"));
    await page.waitForSelector(".said");
    expect(await page.textContent(".said .sentence")).toMatch(/^Detected rings with/);

    await page.fill("#taught-id", "waves");
    await page.fill("#taught-title", "Waves and rings");
    await page.click("#serve");
    await page.waitForSelector("#served");
    const command = (await page.textContent(".publish pre")) ?? "";
    const { stdout } = await promisify(execFile)("sh", ["-c", command.replace("photo.jpg", "down/4.png")], {
      cwd: join(folder, "photos"),
    });
    expect(JSON.parse(stdout)).toMatchObject({ results: [{ model: { id: "waves" }, label: "down" }] });

    const [saved] = await Promise.all([page.waitForEvent("download"), page.click("text=Everything, as a zip")]);
    expect((await readFile(await saved.path())).subarray(0, 2).toString()).toBe("PK");

    await page.click("#served >> text=waves");
    await page.waitForSelector("h1 >> text=Waves and rings");
    await page.click("text=Teach it more");
    await page.waitForSelector("text=These are the 3 classes of waves");
    expect(await page.inputValue("#base")).toBe("waves");
    expect(await page.isChecked("#from-feedback")).toBe(true);
    // The same classes to people, and so to the service.
    for (const label of Object.keys(SHAPES)) {
      const field = `.class-column[aria-label="Class ${label}"] input[type=text]`;
      await page.fill(field, label.toUpperCase());
      await page.press(field, "Tab");
      await page.waitForSelector(`.class-column[aria-label="Class ${label.toUpperCase()}"]`);
    }
    expect(await page.isChecked("#compare")).toBe(true);
    await page.uncheck("#from-feedback");
    await page.click("#train");
    await page.waitForSelector("#compared");
    expect(await page.textContent("#compared")).toMatch(/^Of \d photos set aside, .* and waves@1 for /);
    expect(complaints).toEqual([]);
  });

  test("a class is photographed by the camera, and the camera's pictures are told from the others as they come", async () => {
    const { page, complaints } = await open();
    await rename(page, 1, "across");
    await rename(page, 2, "rings");
    const files = Array.from({ length: PHOTOS }, (_, number) => join(folder, `photos/rings/${number}.png`));
    await page.setInputFiles("[data-class='2'] input[type=file]", files);
    await page.click("[data-class='1'] >> text=Camera");
    await page.hover(".hold:not([disabled])");
    await page.mouse.down();
    await page.waitForFunction(() => document.querySelectorAll("[data-class='1'] .taught-photo").length >= 12);
    await page.mouse.up();
    await page.waitForSelector("#undo >> text=taken");
    await page.focus(".hold");
    const taken = Number.parseInt((await page.textContent(".burst .small")) ?? "", 10);
    await page.keyboard.press("Enter");
    await page.waitForSelector(`text=${taken + 1} photos taken`);
    await page.click("[data-class='1'] >> text=Close the camera");

    await page.check("#with-other");
    await page.click("#train");
    await page.waitForSelector("#right");
    expect(await page.textContent(".outcome")).toMatch(/Of \d+ photos of other things it knew \d+\./);
    await page.click("#try-live");
    await page.waitForSelector(".said");
    expect(await page.textContent(".said .sentence")).toMatch(/^Detected across with/);
    const shown = await page.textContent(".said");
    await page.waitForFunction((words) => document.querySelector(".said")?.textContent !== words, shown);
    await page.click("text=In the view Classify");
    await page.waitForSelector("#reading");
    expect(complaints).toEqual([]);
  });

  test("photos and training outlast a reload, and a service that is gone for a while", async () => {
    const port = await portOf(await startServer({}));
    const kept = { PORT: port, TEACH_DIR: join(folder, "jobs"), REGISTERED_MODELS_DIR: join(folder, "registered") };
    let server = await startServer(kept);
    onTestFinished(async () => void (await server.stop()));
    const { page } = await open(server.url);
    await dropOn(page, "h1", [join(folder, "photos")]);
    await page.waitForSelector("text=33 photos added.");
    await server.stop();
    await page.click("#train");
    await page.waitForSelector("text=The service does not answer. It is tried again.");
    server = await startServer(kept);
    await page.waitForSelector("#training-bar");
    await page.reload();
    await page.waitForFunction(() => document.querySelectorAll(".taught-photo").length === 33);
    if ((await page.locator("#train:not([disabled])").count()) > 0) await page.click("#train");
    await page.waitForSelector("#right");
    await server.stop();
    server = await startServer(kept);
    await page.reload();
    await page.waitForSelector("#right");
    expect(await page.locator(".taught-photo").count()).toBe(33);
    await rm(join(folder, "jobs"), { recursive: true });
  });

  test("a training is cancelled and begun again; one that cannot be is said to have failed, with the reason", async () => {
    const { page, complaints } = await open();
    await dropOn(page, "h1", [join(folder, "photos")]);
    await page.waitForSelector("text=33 photos added.");
    await page.click("#train");
    await page.waitForSelector("#cancel-training");
    await page.click("#cancel-training");
    await page.click("#train:not([disabled])");
    await page.waitForSelector("#right");

    await page.click("#add-class");
    const alike = [0, 1, 2, 3, 4].map((number) => solidPng(48, 48, [200, 30, number]));
    const files = alike.map((buffer, number) => ({ name: `${number}.png`, mimeType: "image/png", buffer }));
    await page.setInputFiles("[data-class='6'] input[type=file]", files);
    await page.click("#train:not([disabled])");
    await page.waitForSelector("#job-problem");
    expect(await page.textContent("#job-problem")).toMatch(/Class 4.*same/s);
    expect(complaints).toEqual([]);
  });

  test("a service without teaching, and a caller without the role, are told so", async () => {
    const off = await startServer({ TEACH: "off" });
    onTestFinished(async () => void (await off.stop()));
    const { page } = await open(off.url);
    await page.waitForSelector("text=This service does not teach.");

    const [mayNot, may] = [createKey("infer", "page"), createKey("models", "teacher")];
    await writeFile(join(folder, "keys.txt"), `${mayNot.line}\n${may.line}\n`);
    const locked = await startServer({ API_KEYS_FILE: join(folder, "keys.txt") });
    onTestFinished(async () => void (await locked.stop()));
    const { page: other } = await open(locked.url);
    const role = "text=This needs an API key of the role models.";
    await other.fill("#key", mayNot.key);
    await other.press("#key", "Tab");
    await other.waitForSelector(role);
    await dropOn(other, "h1", [join(folder, "photos")]);
    await other.waitForSelector("text=33 photos added.");
    expect(await other.isDisabled("#train")).toBe(true);
    await other.fill("#key", may.key);
    await other.press("#key", "Tab");
    await other.waitForSelector(role, { state: "detached" });
    await other.click("#train");
    await other.waitForSelector("#right");
  });
});

async function rename(page: Page, id: number, label: string): Promise<void> {
  const field = `[data-class='${id}'] input[type=text]`;
  await page.fill(field, label);
  await page.press(field, "Tab");
  await page.waitForSelector(`.class-column[aria-label="Class ${label}"]`);
}

/** A port that was free; the server that had it ends. */
async function portOf(server: RunningServer): Promise<string> {
  const { port } = new URL(server.url);
  await server.stop();
  return port;
}
