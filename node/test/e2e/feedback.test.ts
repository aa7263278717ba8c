/** What the service remembers, and that it goes on where it cannot. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../support/command.js";
import { LIBTENSORFLOW_DIR } from "../support/paths.js";
import { solidPng } from "../support/png.js";
import { startPostgres } from "../support/postgres.mjs";
import { makeColourZoo, type RunningServer, startServer } from "../support/server.js";

const RED = new Uint8Array(solidPng(8, 8, [255, 0, 0]));
/** Nobody listens on it. */
const DEAD = "postgres://nobody:secret@127.0.0.1:1/nothing";

const postgres = await startPostgres();
afterAll(() => postgres?.remove());

describe.skipIf(LIBTENSORFLOW_DIR === undefined)("the service", () => {
  let zoo: string;
  let service: RunningServer | null = null;
  beforeAll(async () => {
    zoo = await makeColourZoo();
  });
  afterEach(async () => {
    await service?.stop();
    service = null;
  });

  const start = async (environment: Record<string, string>) => {
    service = await startServer({ MODELS_DIR: zoo, ...environment });
    return service;
  };
  const ask = async ({ url }: RunningServer, body: Uint8Array<ArrayBuffer> = RED) => {
    const headers = { "content-type": "image/png", accept: "application/json" };
    const response = await fetch(`${url}/infer`, { method: "POST", headers, body });
    expect(response.status).toBe(200);
    return (await response.json()) as { request_id: string; results: { label: string }[] };
  };
  const say = ({ url }: RunningServer, request_id: string, label: string) =>
    fetch(`${url}/api/feedback`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ request_id, label }),
    });
  const read = async ({ url }: RunningServer, path: string) => (await fetch(`${url}/${path}`)).json();

  it.each([
    ["SQLite", async () => ({ FEEDBACK_DIR: join(zoo, "feedback") })],
    ["PostgreSQL", async () => (postgres === null ? null : { DATABASE_URL: await postgres.newDatabase() })],
  ])("remembers over a restart what was right, in %s", async (_name, newPlace) => {
    const place = await newPlace();
    if (place === null) return;
    const first = await start(place);
    const { request_id, results } = await ask(first);
    expect((await say(first, request_id, "red")).status).toBe(200);
    await ask(first);
    await first.stop();
    const second = await start(place);
    expect(await read(second, "api/models/colours/accuracy")).toMatchObject({
      answers: 2,
      n: 1,
      right: 1,
      classes: [{ label: results[0]?.label, n: 1, right: 1, answered: 1 }],
    });
    expect((await say(second, request_id, "blue")).status).toBe(200);
    expect(await read(second, "api/models/colours/accuracy")).toMatchObject({ n: 1, right: 0 });
  });

  it("keeps photos that the command writes out by label, and calibrates with", async () => {
    const feedback = { FEEDBACK_DIR: join(zoo, "kept") };
    const running = await start({ ...feedback, KEEP_IMAGES: "1" });
    for (const label of ["red", "red", "../etc/a \u05d7 flamingo"])
      await say(running, (await ask(running)).request_id, label);
    const blue = new Uint8Array(solidPng(8, 8, [0, 0, 255]));
    const [before, after] = [await ask(running, blue), await ask(running, blue)];
    await say(running, after.request_id, "green");
    await say(running, before.request_id, "blue");
    const green = new Uint8Array(solidPng(8, 8, [0, 255, 0]));
    await say(running, (await ask(running, green)).request_id, "green");
    // What is counted is written.
    expect(await read(running, "api/models/colours/accuracy")).toMatchObject({ n: 6 });
    // Nobody but the user of the service reads what clients sent.
    expect((await stat(feedback.FEEDBACK_DIR)).mode & 0o777).toBe(0o700);
    const env = { ...feedback, MODELS_DIR: zoo };
    const csv = await runCommand(["feedback", "export", "--model", "colours@1"], { cwd: zoo, env });
    expect(csv.stdout.split("\r\n").map((line) => line.split(",")[9])).toEqual([
      "truth",
      "red",
      "red",
      "../etc/a \u05d7 flamingo",
      "blue",
      "green",
      "green",
      undefined,
    ]);
    const mistyped = await runCommand(["feedback", "export", "--model", "color"], { cwd: zoo, env });
    expect(mistyped).toMatchObject({ exitCode: 0, stderr: "Of no answer of color it is known what was right.\n" });
    const exported = await runCommand(["feedback", "export", "--model", "colours", "--images", "seen"], {
      cwd: zoo,
      env,
    });
    expect(exported).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("seen/labelled: 2 photos") });
    expect(
      (await readdir(join(zoo, "seen"), { recursive: true })).filter((name) => !name.endsWith(".png")).sort(),
    ).toEqual([
      "labelled",
      "labelled.csv",
      "labelled/blue",
      "labelled/green",
      "other",
      "other/_._etc_a \u05d7 flamingo",
    ]);
    for (const images of ["seen/labelled", "seen/labelled.csv"]) {
      const calibrated = await runCommand(["calibrate", "colours", "--images", images], { cwd: zoo, env });
      expect(calibrated.stdout).toContain("colours: right for 100.0 % of 2 photos");
    }
    const again = await runCommand(["feedback", "export", "--model", "colours", "--images", "seen"], { cwd: zoo, env });
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("seen is not empty") });
    // The command makes no store where there is none: neither the folder nor the file.
    for (const dir of [join(zoo, "nothing"), join(zoo, "seen")]) {
      const nothing = await runCommand(["feedback", "export"], { cwd: zoo, env: { FEEDBACK_DIR: dir } });
      expect(nothing).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("nothing was remembered") });
    }
    expect(await readdir(join(zoo, "seen"))).not.toContain("feedback.sqlite");
    await writeFile(join(zoo, "feedback.sqlite"), "no database, whatever it is called".repeat(100));
    const broken = await runCommand(["feedback", "export"], { cwd: zoo, env: { FEEDBACK_DIR: zoo } });
    expect(broken).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`FEEDBACK_DIR=${zoo} cannot be used`),
    });
  });

  it("answers while its database is not there, and says so without its address", async () => {
    // Of which one caller leaves as many to others as it has.
    const running = await start({ DATABASE_URL: DEAD, FEEDBACK_WAITING_MAX: "4" });
    for (let count = 0; count < 3; count += 1) await ask(running);
    await expect
      .poll(() => read(running, "readyz"))
      .toMatchObject({
        ready: true,
        feedback: { store: "postgresql", problem: "unreachable", waiting: 2, dropped: 1 },
      });
    const refused = await say(running, "anything", "red");
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: "overloaded" }]);
    expect(await (await fetch(`${running.url}/readyz`)).text()).not.toMatch(/127\.0\.0\.1|nobody|secret/);
    expect(running.log()).toContain('"problem":"unreachable"');
    expect(running.log()).not.toContain("secret");
    expect(await running.stop()).toBe(0);
    // What waited then is lost as well.
    expect(running.log()).toContain('"dropped":3,');
  });

  it("remembers nothing where that is turned off", async () => {
    const dir = join(zoo, "off");
    const running = await start({ FEEDBACK: "off", FEEDBACK_DIR: dir });
    const { request_id } = await ask(running);
    expect((await say(running, request_id, "red")).status).toBe(404);
    expect(await read(running, "readyz")).toMatchObject({ ready: true, feedback: null });
    await expect(readFile(join(dir, "feedback.sqlite"))).rejects.toThrow(/ENOENT/);
  });
});
