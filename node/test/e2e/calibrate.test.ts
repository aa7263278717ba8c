/** What a band is worth: measured by the command, and said by every door from then on. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Calibration } from "../../src/generated/contract.js";
import { CARD } from "../support/model-folder.js";
import { CLI_FILE } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo, startServer } from "../support/server.js";

const COLOURS = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255] } as const;
/** What the photos of a label that are answered wrong look like. */
const OTHERS = { red: "blue", green: "red", blue: "green" } as const;
type Colour = keyof typeof COLOURS;
/** Of each label: the model is right for 80 % of them, and its softmax of 1, 0 and 0 says 57.6 %. */
const [RIGHT, WRONG] = [8, 2];
const RED = new Uint8Array(solidPng(16, 16, [255, 0, 0]));

let zoo: string;
let dir: string;
beforeAll(async () => {
  zoo = await makeColourZoo();
  dir = await mkdtemp(join(tmpdir(), "menagerie-calibrate-"));
  await writeFile(join(zoo, "colours/MODEL.md"), CARD);
  const lines = ["path,label"];
  for (const label of Object.keys(COLOURS) as Colour[]) {
    await mkdir(join(dir, "test", label), { recursive: true });
    for (let place = 0; place < RIGHT + WRONG; place += 1) {
      const colour = place < RIGHT ? label : OTHERS[label];
      await writeFile(join(dir, "test", label, `${place}.png`), solidPng(16, 16, [...COLOURS[colour]]));
      lines.push(place % 2 === 0 ? `test/${label}/${place}.png,${label}` : `"test/${label}/${place}.png","${label}"`);
    }
  }
  await writeFile(join(dir, "test.csv"), `${lines.join("\r\n")}\r\n`);
  await writeFile(join(dir, "red.png"), RED);
});
afterAll(async () => {
  await rm(zoo, { recursive: true });
  await rm(dir, { recursive: true });
});

function run(args: readonly string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const env = { ...process.env, MODELS_DIR: zoo };
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI_FILE, ...args], { cwd: dir, env }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const calibrate = (...args: string[]) => run(["calibrate", "colours", "--images", ...args]);
const read = (file: string) => readFile(join(zoo, "colours", file), "utf8");
const classified = async () => JSON.parse((await run(["classify", "red.png", "--json"])).stdout);

describe("menagerie calibrate", () => {
  it.each([
    ["purple", "a.png", 'The model has no label "purple"; it has "red", "green", "blue".'],
    ["red", "readme.txt", "There is no photo in this folder"],
  ])("refuses a folder %s with %s, and names it", async (folder, file, words) => {
    const strange = join(dir, `strange-${folder}`);
    await mkdir(join(strange, folder), { recursive: true });
    await mkdir(join(strange, "green"));
    await writeFile(join(strange, "green", "1.png"), solidPng(8, 8, [0, 255, 0]));
    await writeFile(join(strange, folder, file), solidPng(8, 8, [0, 0, 0]));
    const before = await read("manifest.json");
    const { exitCode, stderr } = await calibrate(`strange-${folder}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr).toContain(folder);
    expect(await read("manifest.json")).toBe(before);
  });

  it.each([
    ["nowhere", {}, "nowhere: There is no such file."],
    ["flat", { "flat/1.png": solidPng(8, 8, [0, 0, 0]) }, "flat: There is no folder in it"],
    ["one", { "one/red/1.png": solidPng(8, 8, [255, 0, 0]) }, "at least 2 are needed"],
    ["broken", { "broken/red/1.png": "", "broken/red/2.png": solidPng(8, 8, [0, 0, 0]) }, "broken/red/1.png: "],
    ["lines.csv", { "lines.csv": "a.png,red\nb.png\n" }, "lines.csv: Line 2 is no path and label"],
    ["quotes.csv", { "quotes.csv": 'a"b.png,red\n' }, "quotes.csv: Line 1 is no path and label"],
    ["gone.csv", { "gone.csv": "red.png,red\ngone.png,red\n" }, "gone.png: There is no such file."],
    ["empty.csv", { "empty.csv": "path,label\n" }, "empty.csv: It names no photo."],
  ])("says what is wrong with %s", async (name, files, words) => {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(dir, path, ".."), { recursive: true });
      await writeFile(join(dir, path), content);
    }
    const { exitCode, stderr } = await calibrate(name);
    expect(stderr).toContain(words);
    expect(exitCode).toBe(1);
  });

  it("measures, and writes the manifest, the card and the diagram", async () => {
    const before = await classified();
    expect(before).toMatchObject({ band: "high", probability: expect.closeTo(0.576, 3) });
    expect(before).not.toHaveProperty("band_accuracy");
    expect(before).not.toHaveProperty("unsure");

    const { stdout, stderr, exitCode } = await calibrate(
      "test",
      "--data",
      "made/test",
      "--unsure-below",
      "0.9",
      "--json",
    );
    expect(stderr).toContain("30 photos say little");
    expect(exitCode).toBe(0);
    const measured = JSON.parse(stdout) as Calibration;
    // The temperature that makes 57.6 % of a softmax of 1, 0, 0 the 80 % that are right.
    expect(measured.temperature).toBeCloseTo(1 / Math.log(8), 2);
    expect(measured).toMatchObject({
      data: "made/test",
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      n: 30,
      top1: 0.8,
      top5: 1,
      folds: 2,
      unsure_below: 0.9,
      calibration_error: { before: expect.closeTo(0.2239, 3), after: expect.closeTo(0, 3) },
      bands: [
        { band: "very high", above: 0.75, right: 24, n: 30 },
        { band: "high", n: 0 },
        { band: "medium", n: 0 },
        { band: "low", n: 0 },
      ],
    });
    expect(measured.confusions).toHaveLength(3);
    expect(measured.confusions).toContainEqual({ label: "red", answered: "blue", n: 2 });
    expect(measured.classes).toContainEqual({ label: "green", n: 10, right: 8, answered: 10 });
    expect(JSON.parse(await read("manifest.json"))).toMatchObject({ id: "colours", calibration: measured });
    const card = await read("MODEL.md");
    expect(card).toContain("| very high | > 0.75 | 24 | 30 | 80.0 % | 62.7 % to 90.5 % |");
    expect(card).toContain("![How often it was right by its confidence](calibration.svg)");
    expect(card.match(/^## .*/gm)?.slice(0, 3)).toEqual([
      "## Accuracy",
      "## How far to trust the confidence",
      "## Data",
    ]);
    const svg = await read("calibration.svg");
    expect(svg).toMatch(/^<svg [\s\S]*<rect [\s\S]*<\/svg>\n$/);
    expect(svg.match(/<circle /g)).toHaveLength(measured.reliability.length);
  });

  it("makes answers say what their band was worth, and whether that is unsure", async () => {
    expect(await classified()).toMatchObject({
      label: "red",
      probability: expect.closeTo(0.8, 2),
      band: "very high",
      band_accuracy: { right: 24, n: 30 },
      unsure: true,
    });
    expect((await run(["classify", "red.png"])).stdout).toBe("red.png: red (80.0 %, very high confidence, unsure)\n");
    const server = await startServer({ MODELS_DIR: zoo });
    try {
      const ask = async (format: string, query = "") => {
        const body = new Blob([RED]);
        const type = { "content-type": "image/png" };
        return await fetch(`${server.url}/infer?format=${format}${query}`, { method: "POST", body, headers: type });
      };
      const doubt = "Unsure: answers like this were right 24 of 30 times.";
      expect(await (await ask("html")).text()).toBe(`Detected <b>red</b> with <u>very high</u> confidence. ${doubt}\n`);
      expect(await (await ask("text")).text()).toBe(`Detected red with very high confidence. ${doubt}\n`);
      const { results } = (await (await ask("json")).json()) as { results: object[] };
      expect(results[0]).toMatchObject({ unsure: true, band_accuracy: { right: 24, n: 30 } });
      // With other settings than those that were measured, nothing is known of it.
      const other = (await (await ask("json", "&normalization=0..1")).json()) as { results: object[] };
      expect(other.results[0]).toMatchObject({ band: "high", probability: expect.closeTo(0.576, 3) });
      expect(other.results[0]).not.toHaveProperty("band_accuracy");
    } finally {
      await server.stop();
    }
  });

  it("goes along to a service that the model is pushed to", async () => {
    const server = await startServer({});
    try {
      expect((await run(["push", "colours", "--to", server.url])).stderr).toBe("");
      const body = new Blob([RED], { type: "image/png" });
      const response = await fetch(`${server.url}/infer?format=json&model=colours`, { method: "POST", body });
      const { results } = (await response.json()) as { results: object[] };
      expect(results[0]).toMatchObject({ band: "very high", unsure: true, band_accuracy: { right: 24, n: 30 } });
    } finally {
      await server.stop();
    }
  });

  it("measures the graph anew, not what was made of it, keeps the threshold, and takes a table of path and label", async () => {
    const { stdout } = await calibrate("test.csv");
    expect(stdout).toMatch(
      /^colours: right for 80\.0 % of 30 photos \(test\.csv\); among the best five for 100\.0 %\n/,
    );
    expect(stdout).toContain("temperature 0.481; expected calibration error 22.4 % before, 0.0 % after");
    expect(stdout).toContain("very high was right 80.0 % of 30 times: unsure\nhigh was never answered\n");
    expect((await read("MODEL.md")).match(/^## How far to trust/gm)).toHaveLength(1);
  });

  it("measures bands where the manifest says that they begin", async () => {
    const manifest = JSON.parse(await read("manifest.json"));
    const bands = { medium: 0.4, high: 0.7, very_high: 0.9 };
    await writeFile(join(zoo, "colours/manifest.json"), JSON.stringify({ ...manifest, bands }));
    const moved = await classified();
    expect(moved, "what was measured holds for other limits").toMatchObject({ band: "high" });
    expect(moved).not.toHaveProperty("band_accuracy");
    await calibrate("test", "--unsure-below", "0.5");
    const measured = await classified();
    expect(measured).toMatchObject({ band: "high", band_accuracy: { right: 24, n: 30 } });
    expect(measured).not.toHaveProperty("unsure");
  });
});
