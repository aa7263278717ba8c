/** `menagerie batch`: many photos into a file, however often it is ended. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../support/command.js";
import { startFakeS3 } from "../support/fake-s3.mjs";
import { CLI_FILE } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { makeColourZoo } from "../support/server.js";

const COLOURS = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255] } as const;
const PHOTOS_OF_EACH = 100;
const KILLS = 5;

let zoo: string;
let dir: string;
/** Names of the photos, as the answers have them. */
let names: string[];

beforeAll(async () => {
  zoo = await makeColourZoo();
  dir = await mkdtemp(join(tmpdir(), "menagerie-batch-"));
  names = [];
  for (const [colour, rgb] of Object.entries(COLOURS)) {
    await mkdir(join(dir, "photos", colour), { recursive: true });
    for (let index = 0; index < PHOTOS_OF_EACH; index++) {
      await writeFile(join(dir, "photos", colour, `${index}.png`), solidPng(64, 48, rgb));
      names.push(`${colour}/${index}.png`);
    }
  }
  await writeFile(join(dir, "photos/broken.jpg"), "no photo");
  await writeFile(join(dir, "photos/.hidden.png"), "");
  names.push("broken.jpg");
});
afterAll(async () => {
  await rm(zoo, { recursive: true });
  await rm(dir, { recursive: true });
});

const run = (...args: string[]) => runCommand(["batch", ...args], { cwd: dir, env: { MODELS_DIR: zoo } });

interface Line {
  readonly image: { readonly name: string };
  readonly label?: string;
  readonly error?: { readonly code?: string; readonly detail: string };
}

async function linesOf(file: string): Promise<Line[]> {
  const text = await readFile(join(dir, file), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

async function rowsOf(file: string): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(join(dir, file)) });
}

/** Each photo once, each with its colour, but for the broken one. */
function expectAll(lines: readonly Line[], order: "kept" | "any" = "kept"): void {
  const found = lines.map(({ image }) => image.name);
  if (order === "kept") expect(found).toEqual(names.toSorted());
  expect(found.toSorted()).toEqual(names.toSorted());
  for (const { image, label, error } of lines) {
    if (image.name === "broken.jpg") expect(error?.code).toBe("image_unsupported");
    else expect(label, image.name).toBe(image.name.split("/")[0]);
  }
}

describe("menagerie batch", () => {
  it("answers each photo of a folder with a line, in the order of their names", async () => {
    const { stdout, exitCode } = await run("photos", "--out", "all");
    expect(stdout).toBe(
      `301 images answered in all/answers.jsonl, of which 1 could not be: their lines have "error"\n`,
    );
    expect(exitCode).toBe(0);
    expectAll(await linesOf("all/answers.jsonl"));
  });

  it("answers the photos of a bucket, page by page, below a prefix, whatever their keys are", async () => {
    const s3 = await startFakeS3("photos");
    const few = ["red/1.png", "red/2.png", "green/1.png", "blue/7.png", "broken.jpg"];
    for (const name of few) s3.objects.set(`/photos/mine/${name}`, await readFile(join(dir, "photos", name)));
    const odd = "red/\u0001 ü+<&%41>.png";
    s3.objects.set(`/photos/mine/${odd}`, await readFile(join(dir, "photos/red/1.png")));
    for (const other of ["mine/.hidden/1.png", "mine/notes.txt", "others/1.png"])
      s3.objects.set(`/photos/${other}`, Buffer.from("not meant"));
    const env = { MODELS_DIR: zoo, ...s3.environment };
    const batch = (...args: string[]) => runCommand(["batch", ...args], { cwd: dir, env });
    expect((await batch("s3://photos/mine", "--out", "bucket")).exitCode).toBe(0);
    const lines = await linesOf("bucket/answers.jsonl");
    expect(lines.map(({ image, label, error }) => [image.name, label ?? error?.code])).toEqual([
      ["blue/7.png", "blue"],
      ["broken.jpg", "image_unsupported"],
      ["green/1.png", "green"],
      [odd, "red"],
      ["red/1.png", "red"],
      ["red/2.png", "red"],
    ]);
    const { stderr, exitCode } = await batch("s3://nowhere", "--out", "none");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("s3://nowhere: It cannot be listed: NoSuchBucket")]);
    await s3.stop();
  });

  it("goes on after a line that was cut off, and does nothing where all is done", async () => {
    const whole = await readFile(join(dir, "all/answers.jsonl"));
    await truncate(join(dir, "all/answers.jsonl"), Math.floor(whole.length / 2));
    await rm(join(dir, "all/answers.done"));
    await run("photos", "--out", "all");
    expect((await linesOf("all/answers.jsonl")).length).toBe(names.length);
    expectAll(await linesOf("all/answers.jsonl"));
    const { stdout } = await run("photos", "--out", "all");
    expect(stdout).toContain("301 images answered");
  });

  it(`answers each photo once however often it is killed, at random moments`, { timeout: 120_000 }, async () => {
    const args = ["batch", "photos", "--out", "killed"];
    const env = { ...process.env, MODELS_DIR: zoo };
    for (let kills = 0; kills < KILLS; kills++) {
      const child = spawn(process.execPath, [CLI_FILE, ...args], { cwd: dir, env, stdio: "ignore", detached: true });
      const ended = once(child, "exit");
      await Promise.race([delay(400 + Math.random() * 900), ended]);
      if (child.exitCode === null) child.kill("SIGKILL");
      await ended;
    }
    await run("photos", "--out", "killed");
    expectAll(await linesOf("killed/answers.jsonl"));
  });

  it("finishes what it has begun when it is asked to end, and says how to go on", async () => {
    const env = { ...process.env, MODELS_DIR: zoo };
    const child = spawn(process.execPath, [CLI_FILE, "batch", "photos", "--out", "ended"], { cwd: dir, env });
    let said = "";
    child.stderr.on("data", (text) => {
      said += String(text);
    });
    const list = join(dir, "ended/answers.jsonl");
    while ((await readFile(list).catch(() => null)) === null) await delay(5);
    child.kill("SIGTERM");
    await once(child, "close");
    if (child.exitCode === 1) expect(said).toContain("the same command goes on");
    await run("photos", "--out", "ended");
    expectAll(await linesOf("ended/answers.jsonl"));
  });

  it("gives each photo to one of the parts, which --merge puts together, each photo once", async () => {
    const parts = ["0/3", "1/3", "2/3"];
    await run("photos", "--out", "parts", "--shard", "0/3");
    const early = await run("parts", "--merge", "--out", "merged.jsonl");
    expect(early.stderr).toContain("part 1/3 is not done");
    expect(early.exitCode).toBe(1);
    await Promise.all(parts.slice(1).map((part) => run("photos", "--out", "parts", "--shard", part)));
    const files = (await readdir(join(dir, "parts"))).filter((name) => name.endsWith(".jsonl"));
    expect(files.toSorted()).toEqual([0, 1, 2].map((index) => `answers-${index}-of-3.jsonl`));
    for (const file of files) expect((await linesOf(`parts/${file}`)).length).toBeGreaterThan(names.length / 6);
    const { stdout, exitCode } = await run("parts", "--merge", "--out", "merged.jsonl");
    expect(stdout).toBe("301 images in merged.jsonl, 1 of them without an answer\n");
    expect(exitCode).toBe(0);
    expectAll(await linesOf("merged.jsonl"), "any");
  });

  it("writes the answers as Parquet too, those of one part as those of all", async () => {
    await run("photos", "--out", "all", "--parquet");
    const rows = await rowsOf("all/answers.parquet");
    const lines = await linesOf("all/answers.jsonl");
    expect(rows.map(({ answer }) => JSON.parse(String(answer)))).toEqual(lines);
    expect(rows.map(({ image, label, error_code }) => ({ image, label, error_code }))).toEqual(
      lines.map(({ image, label, error }) => ({
        image: image.name,
        label: label ?? null,
        error_code: error?.code ?? null,
      })),
    );
    expect(rows.find(({ label }) => label === "red")).toMatchObject({ width: 64, height: 48, format: "png", index: 0 });
    await run("parts", "--merge", "--parquet", "--out", "merged.parquet");
    expect((await rowsOf("merged.parquet")).map(({ image }) => image).toSorted()).toEqual(names.toSorted());
  });

  it("takes a list, whose paths are from its own folder, and says what is not there", async () => {
    await writeFile(join(dir, "photos/list.txt"), "blue/1.png\r\n\nred/2.png\nnowhere.png\n");
    await run("photos/list.txt", "--out", "listed");
    const lines = await linesOf("listed/answers.jsonl");
    expect(lines.map(({ label, error }) => label ?? error?.detail)).toEqual(["blue", "red", "There is no such file."]);
  });

  it("refuses to go on with another source, as with other labels, and takes no photo for a list", async () => {
    const other = await run("photos/red", "--out", "all");
    expect(other.stderr).toContain("name another folder with --out");
    expect(other.exitCode).toBe(1);
    expect((await run("photos/red/1.png", "--out", "one")).stderr).toContain("It is a photo;");
  });

  it("does not wait for pipes", async () => {
    await mkdir(join(dir, "pipes"));
    execFileSync("mkfifo", [join(dir, "pipes/one.png"), join(dir, "other.png")]);
    await symlink(join(dir, "other.png"), join(dir, "pipes/two.png"));
    expect((await run("pipes", "--out", "piped")).stdout).toContain("1 image answered");
    expect(await linesOf("piped/answers.jsonl")).toMatchObject([{ error: { detail: "It is no regular file." } }]);
  });

  it("refuses to go on with another model, and a part that there is not", async () => {
    const other = await run("photos", "--out", "all", "--model", "colours@2");
    expect(other.exitCode).toBe(1);
    expect((await run("photos", "--out", "x", "--shard", "3/3")).stderr).toContain("such as 0/8 to 7/8");
    const merged = await run("parts", "--merge", "--out", "x", "--shard", "0/3");
    expect(merged.stderr).toContain("'--merge' cannot be used with option '--shard <K/N>'");
    expect((await run("nowhere", "--out", "x")).stderr).toContain("There is no such folder or list.");
  });
});
