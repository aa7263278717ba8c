/** What is remembered of answers while the service goes on: stores that are killed, stopped, locked, full or slow. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import Sqlite from "libsql";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase, type Place } from "../src/feedback/database.js";
import { createFeedback, type FeedbackOptions } from "../src/feedback/feedback.js";
import { FeedbackStore } from "../src/feedback/store.js";
import type { Feedback, StoreProblem } from "../src/ports.js";
import { holderOf } from "../src/shares.js";
import { ANSWER, remember } from "./fixtures/feedback-writer.mjs";
import { FEEDBACK_THREAD_FILE } from "./support/paths.js";
import { startPostgres } from "./support/postgres.mjs";

const WRITER = fileURLToPath(new URL("fixtures/feedback-writer.mjs", import.meta.url));
const KILLS = 6;
const SETTINGS = { overrides: {}, labelOffset: null };
const ASKED = { settings: SETTINGS, options: { topK: 5, scoreThreshold: 0, picture: false } };

const postgres = await startPostgres();
afterAll(() => postgres?.remove());

let dir: string;
let feedback: Feedback | null;
let reports: (StoreProblem | null)[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "menagerie-feedback-"));
  feedback = null;
  reports = [];
});
afterEach(async () => {
  await feedback?.close();
  rmSync(dir, { recursive: true, force: true });
});

function open(changes: Partial<FeedbackOptions> = {}): Feedback {
  feedback = createFeedback({
    place: { url: null, dir },
    keep: { ageMsMax: 1e12, answersMax: 1e6, imagesBytesMax: 1e9 },
    keepImages: false,
    waitingMax: 1000,
    waitingImagesBytesMax: 1000,
    report: (problem) => reports.push(problem),
    threadFile: FEEDBACK_THREAD_FILE,
    ...changes,
  });
  return feedback;
}

const visitOf = (requestId: string) => ({ caller: "", asker: { requestId, key: null } });
const settled = (of: Feedback) => expect.poll(() => of.status()).toMatchObject({ waiting: 0, problem: null });

const PLACES: readonly (readonly [string, () => Promise<Place>])[] = [
  ["SQLite", async () => ({ url: null, dir })],
  ["PostgreSQL", async () => ({ url: (await postgres?.newDatabase()) ?? "", dir: "" })],
];

describe.each(PLACES)("answers on %s", (name, newPlace) => {
  if (name === "PostgreSQL" && postgres === null) {
    it.skip("are not remembered: it is not there", () => {});
    return;
  }

  it("can be spoken of at once, and are written without being asked for", async () => {
    const place = await newPlace();
    const opened = open({ place });
    remember(opened, "a");
    expect(await opened.label({ caller: "", requestId: "a", key: null }, 0, "daisy")).toEqual({ answered: "daisy" });
    expect(await opened.label({ caller: "", requestId: "a", key: null }, 0, "rose")).toEqual({ answered: "daisy" });
    expect(opened.agreement()).toEqual({ right: 1, wrong: 1 });
    const unknown = { code: "request_unknown", status: 404 };
    await expect(opened.label({ caller: "", requestId: "a", key: null }, 1, "rose")).rejects.toMatchObject(unknown);
    await expect(opened.label({ caller: "", requestId: "a", key: "ann" }, 0, "rose")).rejects.toMatchObject(unknown);
    remember(opened, "b");
    await settled(opened);
    // A second answer of that id, as to a client that tries again, is not kept; what is said of it is.
    remember(opened, "a");
    remember(opened, "a", undefined, "ann");
    expect(await opened.label({ caller: "", requestId: "a", key: null }, 0, "tulip")).toEqual({ answered: "daisy" });
    expect(await opened.accuracyOf("flowers", "1")).toMatchObject({ answers: 2, confusions: [{ label: "tulip" }] });
    expect(await opened.label({ caller: "", requestId: "a", key: null }, 0, "rose")).toEqual({ answered: "daisy" });
    expect(await opened.accuracyOf("flowers", "1")).toMatchObject({
      answers: 2,
      n: 1,
      right: 0,
      top5: { right: 1, n: 1 },
    });
    await opened.forget({ caller: "", requestId: "a", key: null }, false);
    await expect(opened.forget({ caller: "", requestId: "a", key: null }, false)).rejects.toMatchObject(unknown);
    expect(await opened.accuracyOf("flowers", "1")).toMatchObject({ answers: 1, n: 0 });
    expect(reports).toEqual([]);
  });

  it("are there for others to read, with what was said of them, once they have settled", async () => {
    const opened = open();
    remember(opened, "a");
    await opened.label({ caller: "", requestId: "a", key: null }, 0, "rose");
    await opened.settle();
    const other = new Sqlite(join(dir, "feedback.sqlite"));
    expect(other.prepare("select request_id, truth from answers").all()).toEqual([{ request_id: "a", truth: "rose" }]);
    other.close();
  });

  it(`outlive a process that is killed ${KILLS} times: what was written is there, in its order, with nothing missing`, async () => {
    const place = await newPlace();
    let count = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = spawn(process.execPath, [WRITER, JSON.stringify(place), String(count)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const written = await killedAfter(child, count, kill % 2 === 0, randomInt(1, 400));
      const database = await openDatabase(place);
      const { rows } = await sql<{ n: number }>`select count(*) as n from answers`.execute(database);
      const last = await sql<{ request_id: string }>`select request_id from answers`.execute(database);
      const ids = new Set(last.rows.map(({ request_id }) => request_id));
      count = rows[0]?.n ?? 0;
      expect(count).toBeGreaterThanOrEqual(written);
      expect(ids).toEqual(new Set(Array.from({ length: count }, (_, place) => `r${place}`)));
      if (name === "SQLite")
        expect((await sql`pragma integrity_check`.execute(database)).rows).toEqual([{ integrity_check: "ok" }]);
      await database.destroy();
    }
    expect(count).toBeGreaterThan(0);
  });

  it("that are more than may wait are dropped, and counted", async () => {
    const opened = open({ place: await newPlace(), waitingMax: 6 });
    remember(opened, "a", [ANSWER, ANSWER]);
    remember(opened, "b", [ANSWER, ANSWER]);
    expect(opened.status()).toMatchObject({ waiting: 3, dropped: 1 });
    // As much is left to others.
    remember(opened, "c", [ANSWER], null, "another");
    expect(opened.status()).toMatchObject({ waiting: 4, dropped: 1 });
    await settled(opened);
    expect(await opened.accuracyOf("flowers", "1")).toMatchObject({ answers: 4 });
    remember(opened, "d");
    expect(opened.status()).toMatchObject({ waiting: 1, dropped: 1 });
  });

  it("that a database refuses for what is in them cost no other", async () => {
    const opened = open({ place: await newPlace() });
    remember(opened, "a", [{ ...ANSWER, probability: null }]);
    await expect.poll(() => opened.status()).toMatchObject({ dropped: 0, waiting: 1 });
    await expect.poll(() => opened.status()).toMatchObject({ dropped: 1, waiting: 0 });
    remember(opened, "b");
    await settled(opened);
    expect(await opened.accuracyOf("flowers", "1")).toMatchObject({ answers: 1 });
  });
});

describe("what is asked of the store", () => {
  it("is asked in turns of who asks, and one caller leaves as many calls to others as it has", async () => {
    const opened = open();
    await opened.settle();
    let greedyCount = 0;
    const ask = (caller: string) => opened.label({ caller, requestId: "nobody's", key: null }, 0, "rose");
    const asked = Array.from({ length: 600 }, () =>
      ask("greedy").then(
        () => null,
        (error: unknown) => {
          greedyCount += 1;
          return String(error);
        },
      ),
    );
    await expect(ask("other")).rejects.toMatchObject({ code: "request_unknown" });
    // Those past its share, and a few that the thread has already.
    expect(greedyCount).toBeLessThan(100 + 20);
    const refused = (await Promise.all(asked)).filter((why) => why?.includes("has too much to do"));
    expect(refused).toHaveLength(100);
    await expect(ask("greedy")).rejects.toMatchObject({ code: "request_unknown" });
  });
});

describe("images", () => {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text));
  const keptIn = async (place: Place) => {
    const store = new FeedbackStore(await openDatabase(place));
    const kept: (string | null)[] = [];
    for await (const row of store.exported(null)) {
      const image = row.image_sha256 === null ? null : await store.image(row.image_sha256);
      kept.push(image === null ? null : Buffer.from(image).toString());
    }
    await store.close();
    return kept;
  };
  const ask = async (of: Feedback, requestId: string, text: string, answers = [ANSWER], caller = "") => {
    const memory = of.begin({ caller, asker: { requestId, key: null } }, ASKED);
    const image = bytes(text);
    await memory.image(0, image);
    structuredClone(image, { transfer: [image.buffer] });
    memory.end(answers);
  };

  it("are kept where that is asked for, once for all answers of a photo", async () => {
    const opened = open({ keepImages: true });
    await ask(opened, "a", "photo", [ANSWER, ANSWER]);
    await ask(opened, "b", "another");
    for (const [id, item] of [
      ["a", 0],
      ["a", 1],
      ["b", 0],
    ] as const)
      await opened.label({ caller: "", requestId: id, key: null }, item, "rose");
    await opened.close();
    expect(await keptIn({ url: null, dir })).toEqual(["photo", "photo", "another"]);
  });

  it("are of whoever asked, as their answers are, by a number alone", async () => {
    const opened = open({ keepImages: true });
    await ask(opened, "a", "photo", [ANSWER], "address 192.0.2.7");
    await ask(opened, "b", "another", [ANSWER], "key ann");
    await settled(opened);
    const database = await openDatabase({ url: null, dir });
    const holdersIn = async (table: "answers" | "images") =>
      (await database.selectFrom(table).select("holder").execute()).map(({ holder }) => holder).toSorted();
    const holders = [holderOf("address 192.0.2.7"), holderOf("key ann")].toSorted();
    expect([await holdersIn("answers"), await holdersIn("images")]).toEqual([holders, holders]);
    await database.destroy();
    await opened.close();
    expect(readdirSync(dir).some((name) => readFileSync(join(dir, name)).includes("192.0.2.7"))).toBe(false);
  });

  it("of which a part was asked are not kept", async () => {
    const opened = open({ keepImages: true });
    const crop = { kind: "point", x: 1, y: 1, side: null } as const;
    const memory = opened.begin(visitOf("a"), { ...ASKED, options: { ...ASKED.options, crop } });
    await memory.image(0, bytes("photo"));
    memory.end([ANSWER]);
    await opened.label({ caller: "", requestId: "a", key: null }, 0, "rose");
    await opened.close();
    expect(await keptIn({ url: null, dir })).toEqual([null]);
  });

  it("are not kept where nobody asks for that, or nothing was answered", async () => {
    const opened = open();
    await ask(opened, "a", "photo");
    await opened.label({ caller: "", requestId: "a", key: null }, 0, "rose");
    await opened.close();
    expect(await keptIn({ url: null, dir })).toEqual([null]);
    const keeping = open({ keepImages: true, waitingImagesBytesMax: 5 });
    await ask(keeping, "b", "photo", []);
    await ask(keeping, "c", "photo");
    expect(keeping.status()).toMatchObject({ images_dropped: 0 });
  });

  it("that come faster than the store is looked through stay within their bytes all the same", async () => {
    const opened = open({ keepImages: true, keep: { ageMsMax: 1e12, answersMax: 1e6, imagesBytesMax: 20 } });
    for (const id of ["a", "b", "c", "d"]) {
      await ask(opened, id, `photo of ${id}`);
      await opened.label({ caller: "", requestId: id, key: null }, 0, "rose");
      await opened.accuracyOf("flowers", "1");
    }
    await opened.close();
    expect(await keptIn({ url: null, dir })).toEqual([null, null, "photo of c", "photo of d"]);
  });

  it("that are more than may wait are dropped, and counted, and their answers are not", async () => {
    const opened = open({ keepImages: true, waitingImagesBytesMax: 10 });
    await ask(opened, "a", "seven..");
    await ask(opened, "b", "more");
    expect(opened.status()).toMatchObject({ waiting: 2, dropped: 0, images_dropped: 1 });
    await opened.label({ caller: "", requestId: "a", key: null }, 0, "rose");
    await opened.label({ caller: "", requestId: "b", key: null }, 0, "rose");
    await settled(opened);
    await ask(opened, "c", "more");
    await opened.label({ caller: "", requestId: "c", key: null }, 0, "rose");
    await opened.close();
    expect(await keptIn({ url: null, dir })).toEqual(["seven..", null, "more"]);
  });

  it("of one caller leave as many bytes to others as they take", async () => {
    const opened = open({ keepImages: true, waitingImagesBytesMax: 20 });
    for (const id of ["a", "b", "c"]) await ask(opened, id, `${id}....`, [ANSWER], "greedy");
    expect(opened.status()).toMatchObject({ waiting: 3, images_dropped: 1 });
    await ask(opened, "d", "d....", [ANSWER], "other");
    expect(opened.status()).toMatchObject({ waiting: 4, images_dropped: 1 });
    for (const id of ["a", "b", "c", "d"]) await opened.label({ caller: "", requestId: id, key: null }, 0, "rose");
    await settled(opened);
    // What is written is given back.
    await ask(opened, "e", "e....", [ANSWER], "greedy");
    await opened.label({ caller: "", requestId: "e", key: null }, 0, "rose");
    await opened.close();
    expect(await keptIn({ url: null, dir })).toEqual(["a....", "b....", null, "d....", "e...."]);
  });

  it("that are large are copied in turns of the event loop", async () => {
    const opened = open({ keepImages: true, waitingImagesBytesMax: 1e7 });
    const large = "x".repeat(3_000_000);
    let turnCount = 0;
    const immediate = () => {
      turnCount += 1;
      turn = setImmediate(immediate);
    };
    let turn = setImmediate(immediate);
    await ask(opened, "a", large);
    clearImmediate(turn);
    expect(turnCount).toBeGreaterThanOrEqual(10);
    await opened.label({ caller: "", requestId: "a", key: null }, 0, "rose");
    await opened.close();
    expect(await keptIn({ url: null, dir })).toEqual([large]);
  });

  it("whose request ends while they are copied take none of the room for others", async () => {
    const opened = open({ keepImages: true, waitingImagesBytesMax: 1_000_000 });
    const memory = opened.begin(visitOf("a"), ASKED);
    const copied = memory.image(0, bytes("x".repeat(1_000_000)));
    memory.end([]);
    await copied;
    await ask(opened, "b", "x".repeat(1_000_000));
    expect(opened.status()).toMatchObject({ waiting: 1, images_dropped: 0 });
  });
});

describe("a store that does not do what it is asked", () => {
  it("is said to be locked while another program locks it, and has every answer afterwards", async () => {
    const opened = open();
    remember(opened, "a");
    await settled(opened);
    const other = new Sqlite(join(dir, "feedback.sqlite"));
    other.exec("begin immediate");
    remember(opened, "b");
    await expect.poll(() => opened.status()).toMatchObject({ problem: "locked", waiting: 1, dropped: 0 });
    const locked = { code: "overloaded", message: expect.stringContaining("locked") };
    await expect(opened.label({ caller: "", requestId: "b", key: null }, 0, "rose")).rejects.toMatchObject(locked);
    await expect(opened.settle()).rejects.toMatchObject(locked);
    other.exec("rollback");
    other.close();
    await settled(opened);
    expect(await opened.accuracyOf("flowers", "1")).toMatchObject({ answers: 2 });
    expect(reports).toEqual(["locked", null]);
  });

  it.skipIf(process.platform !== "linux" || process.getuid?.() !== 0)(
    "is said to be full on a full disk, and has every answer once there is room",
    async () => {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", dir]);
      try {
        const opened = open({ waitingMax: 2000 });
        remember(opened, "a");
        await settled(opened);
        const { bavail, bsize } = statfsSync(dir);
        writeFileSync(join(dir, "other"), Buffer.alloc(bavail * bsize));
        for (let count = 0; count < 900; count += 1) remember(opened, `r${count}`);
        await expect.poll(() => opened.status()).toMatchObject({ problem: "full", dropped: 0 });
        expect(opened.status().waiting).toBeGreaterThan(0);
        rmSync(join(dir, "other"));
        await settled(opened);
        expect(await opened.accuracyOf("flowers", "1")).toMatchObject({ answers: 901 });
        expect(reports).toEqual(["full", null]);
      } finally {
        await feedback?.close();
        execFileSync("umount", [dir]);
      }
    },
  );

  it("is made anew where its files were removed", async () => {
    const opened = open();
    remember(opened, "a");
    await settled(opened);
    for (const name of readdirSync(dir)) rmSync(join(dir, name));
    remember(opened, "b");
    await settled(opened);
    await opened.close();
    feedback = null;
    expect(await open().accuracyOf("flowers", "1")).toMatchObject({ answers: 1 });
  });

  it("is said to be damaged where its file is none", async () => {
    writeFileSync(join(dir, "feedback.sqlite"), "this was never a database, whatever it is called".repeat(100));
    const opened = open();
    remember(opened, "a");
    await expect.poll(() => opened.status()).toMatchObject({ problem: "damaged", waiting: 1, store: "sqlite" });
  });

  it.skipIf(postgres === null)(
    "is said to be unreachable while its server is down, and has every answer afterwards",
    async () => {
      const opened = open({ place: { url: (await postgres?.newDatabase()) ?? "", dir: "" } });
      remember(opened, "a");
      await settled(opened);
      await postgres?.stop();
      remember(opened, "b");
      await expect
        .poll(() => opened.status())
        .toMatchObject({ problem: "unreachable", waiting: 1, store: "postgresql" });
      await expect(opened.accuracyOf("flowers", "1")).rejects.toMatchObject({ code: "overloaded" });
      await postgres?.start();
      await settled(opened);
      expect(await opened.accuracyOf("flowers", "1")).toMatchObject({ answers: 2 });
      expect(reports).toEqual(["unreachable", null]);
    },
  );

  it("whose thread dies has lost what it was given, which is counted, and is there again", async () => {
    const dying = new URL("./fixtures/dying-thread.mjs", import.meta.url);
    const opened = open({ threadFile: dying });
    remember(opened, "a");
    await expect.poll(() => opened.status()).toMatchObject({ waiting: 0, dropped: 1, problem: "failed" });
    await expect.poll(() => opened.accuracyOf("flowers", "1").catch(() => null)).toEqual({ answers: 0 });
  });
});

/**
 * Kills the child some milliseconds after its first answer, or after the first one that was written. How many answers it
 * said last were written.
 */
async function killedAfter(child: ChildProcess, count: number, isFirst: boolean, ms: number): Promise<number> {
  if (child.stdout === null) throw new Error("the child has no stdout");
  const lines = createInterface(child.stdout);
  let written = count;
  await new Promise<void>((resolve) => {
    lines.on("line", (line) => {
      written = Number(line);
      if (isFirst || written > count) resolve();
    });
  });
  await new Promise((resolve) => setTimeout(resolve, ms));
  child.kill("SIGKILL");
  await once(child, "close");
  return written;
}
