/** `menagerie teach` beside an older model, from feedback, with a class of other things, and on a base that does not tell its scaling. */
import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { openDatabase } from "../../src/feedback/database.js";
import { FeedbackStore } from "../../src/feedback/store.js";
import type { Manifest } from "../../src/generated/contract.js";
import type { Lesson } from "../../src/teach/teach.js";
import { runCommand } from "../support/command.js";
import { sharedFolder } from "../support/paths.js";
import { PHOTOS, SHAPES, writeWaves } from "../support/waves.js";

let dir: string;
let zoo: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-taught-more-"));
  zoo = join(dir, "zoo");
  await cp(join(ROOT_DIR, "models/flowers5"), join(zoo, "flowers5"), { recursive: true });
  await cp(join(ROOT_DIR, "models/samples"), join(zoo, "samples"), { recursive: true });
  await writeWaves(join(dir, "photos"));
});
afterAll(() => rm(dir, { recursive: true }));

const run = (...args: string[]) =>
  runCommand(args, { cwd: dir, env: { MODELS_DIR: zoo, FEEDBACK_DIR: join(dir, "feedback") } });
const teach = (id: string, ...more: string[]) => run("teach", "--base", "flowers5", "--id", id, ...more);
const lessonOf = async (id: string, ...more: string[]) => {
  const { exitCode, stdout, stderr } = await teach(id, "--json", ...more);
  expect(exitCode, stderr).toBe(0);
  return { lesson: JSON.parse(stdout) as Lesson, stderr };
};

describe("menagerie teach", () => {
  it("makes a class of other things of the zoo's samples, says what it is worth, and stands beside an older model", async () => {
    const { lesson: first } = await lessonOf("waves", "--images", "photos");
    expect([first.other, first.comparison]).toEqual([null, null]);
    const { lesson } = await lessonOf("more", "--images", "photos", "--other", "--compare", "waves");
    expect(lesson.calibration.classes.map(({ label }) => label).sort()).toEqual(
      [...Object.keys(SHAPES), "other"].sort(),
    );
    expect(lesson.other?.n).toBeGreaterThan(0);
    const { comparison } = lesson;
    expect(comparison).toMatchObject({
      old: "waves@1",
      photos: 6,
      unknown: [{ label: "other", photos: lesson.other?.n }],
    });
    expect((comparison?.both ?? 0) + (comparison?.only_new ?? 0)).toBeLessThanOrEqual(6);
    expect(comparison?.words).toMatch(
      /^Of 6 photos set aside, .* Left out are photos of what waves@1 has no label for: "other"/,
    );
    const card = await readFile(join(zoo, "more/MODEL.md"), "utf8");
    expect(card).toContain(`## Beside another model\n\n${comparison?.words}`);
    expect(card).toContain("`other` stands for anything else as far as");
    expect((await run("check", "more")).stdout).toMatch(/^more@1: green/);
  });

  it("refuses an older model that knows none of the classes, and other things of which there are too few", async () => {
    const compared = await teach("nothing", "--images", "photos", "--compare", "flowers5");
    expect(compared.stderr).toContain('flowers5@1 has none of the labels "across", "down", "rings"; it has "daisy"');
    const bare = join(dir, "bare");
    await cp(join(zoo, "flowers5"), join(bare, "flowers5"), { recursive: true });
    const args = ["teach", "--base", "flowers5", "--id", "nothing", "--images", "photos", "--other"];
    const none = await runCommand(args, { cwd: dir, env: { MODELS_DIR: bare } });
    expect(none.stderr).toMatch(
      /The models here have 0 sample photos of other things, .* needs at least 5; .* by --other DIR/,
    );
    expect(none.stderr).not.toContain(bare);
    expect(await readdir(zoo)).not.toContain("nothing");
  });

  it("takes corrections as photos, and says the setting that keeps them", async () => {
    const nothing = await teach("corrected", "--from-feedback", "flowers5");
    expect(nothing.stderr).toContain("holds no store");
    const store = new FeedbackStore(await openDatabase({ url: null, dir: join(dir, "feedback") }));
    for (const label of Object.keys(SHAPES)) {
      for (let number = 0; number < PHOTOS; number += 1) {
        const bytes = await readFile(join(dir, "photos", label, `${number}.png`));
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        const answer = answerOf(`${label}${number}`, label, number === 0 ? null : sha256);
        await store.write([answer], number === 0 ? [] : [{ sha256, bytes, holder: 1 }], Date.now());
      }
    }
    await store.close();
    const { lesson, stderr } = await lessonOf("corrected", "--from-feedback", "flowers5");
    expect(stderr).toMatch(
      /Of 3 answers of flowers5 it is known what was right, and no photo is kept\. .*KEEP_IMAGES=1/,
    );
    expect(lesson.report).toMatchObject({ trained: 27, held_out: 6 });
    expect(await readFile(join(zoo, "corrected/MODEL.md"), "utf8")).toContain("(feedback of flowers5)");
    const neither = await teach("neither");
    expect(neither.stderr).toContain("name --images, --from-feedback, or both");
  });

  it("puts a scaling that a base does not tell into the graph, which then tells it", async () => {
    const data = sharedFolder("zoo-data");
    if (data === null) return;
    const base = join(data, "wordornot_logits_labels_placeholder");
    const made = await run("new", "words", join(base, "graph.pb"), join(base, "labels.txt"), "--licence", "MIT");
    expect(made.exitCode, made.stderr).toBe(0);
    const file = join(zoo, "words/manifest.json");
    const manifest = JSON.parse(await readFile(file, "utf8")) as Manifest;
    await writeFile(
      file,
      JSON.stringify({ ...manifest, input: { ...manifest.input, mean: [31], std: [77], resize: "pad" } }),
    );
    const { exitCode, stdout, stderr } = await run(
      ...["teach", "--base", "words", "--images", "photos", "--id", "inside", "--json"],
    );
    expect(exitCode, stderr).toBe(0);
    const lesson = JSON.parse(stdout) as Lesson;
    expect(lesson.untold, "nothing has to be said").toEqual([]);
    expect(lesson.manifest.input).toMatchObject({ dtype: "uint8", mean: [0, 0, 0], std: [1, 1, 1], resize: "pad" });
    expect((await run("check", "inside")).stdout).not.toContain("other than it is found");
  });
});

function answerOf(requestId: string, truth: string, image: string | null) {
  return {
    ...{ request_id: requestId, item: 0, asked_at: Date.now(), key_name: null },
    ...{ model_id: "flowers5", model_version: "1", model_sha256: "a".repeat(64), is_changed: 0 },
    ...{ pixels_sha256: "b".repeat(64), image_format: "png", image_sha256: image, holder: 1 },
    ...{ label: "daisy", class_index: 0, probability: 0.9, band: "very high", top: "[]", has_top_five: 1 },
    ...{ timings_ms: "{}", truth, truth_at: Date.now() },
  } as const;
}
