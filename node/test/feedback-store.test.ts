/** The store of feedback, on SQLite and on PostgreSQL. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase, type Place } from "../src/feedback/database.js";
import { reportOf } from "../src/feedback/report.js";
import type { AnswerRow } from "../src/feedback/schema.js";
import { FeedbackStore } from "../src/feedback/store.js";
import { loadWasm } from "../src/wasm-module.js";
import { startPostgres } from "./support/postgres.mjs";

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 0, 2, 12);
const KEEP = { ageMsMax: DAY_MS, answersMax: 1_000_000, imagesBytesMax: 1_000_000 };

const postgres = await startPostgres();
afterAll(() => postgres?.remove());

function answer(requestId: string, changes: Partial<AnswerRow> = {}): AnswerRow {
  return {
    request_id: requestId,
    item: 0,
    asked_at: NOON,
    key_name: null,
    model_id: "flowers",
    model_version: "1",
    model_sha256: "a".repeat(64),
    is_changed: 0,
    pixels_sha256: "b".repeat(64),
    image_format: "jpeg",
    image_sha256: null,
    label: "daisy",
    class_index: 0,
    probability: 0.9,
    band: "very high",
    top: JSON.stringify([
      { label: "daisy", index: 0, probability: 0.9 },
      { label: "rose", index: 1, probability: 0.1 },
    ]),
    has_top_five: 1,
    timings_ms: JSON.stringify({ total: 4 }),
    truth: null,
    truth_at: null,
    holder: 1,
    ...changes,
  };
}

function image(text: string, holder = 1) {
  const bytes = Buffer.from(text);
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex"), holder };
}

const PLACES: readonly (readonly [string, () => Promise<Place>])[] = [
  ["SQLite", async () => ({ url: null, dir: await mkdtemp(join(tmpdir(), "menagerie-feedback-")) })],
  ["PostgreSQL", async () => ({ url: (await postgres?.newDatabase()) ?? "", dir: "" })],
];

describe.each(PLACES)("the store on %s", (name, newPlace) => {
  if (name === "PostgreSQL" && postgres === null) {
    it.skip("is not there", () => {});
    return;
  }
  let place: Place;
  let store: FeedbackStore;
  const open = async () => new FeedbackStore(await openDatabase(place));
  beforeEach(async () => {
    place = await newPlace();
    store = await open();
  });
  afterEach(async () => {
    await store.close();
    if (place.dir !== "") await rm(place.dir, { recursive: true });
  });

  const label = (requestId: string, text: string, facts: { item?: number; key?: string | null; at?: number } = {}) =>
    store.label({ requestId, item: 0, key: null, at: NOON, label: text, ...facts });
  const reported = async (version = "1") =>
    reportOf(loadWasm(), await store.labelled("flowers", version), await store.countOf("flowers", version));
  const idsLeft = async () => {
    const rows: string[] = [];
    for await (const row of store.exported(null)) rows.push(`${row.request_id}/${row.item}`);
    return rows;
  };

  it("counts how often a model was right: by band, by label, by day, and among the best five", async () => {
    const unsure = { probability: 0.45, band: "medium" };
    const rows = [
      answer("a"),
      answer("b", { asked_at: NOON - DAY_MS }),
      answer("c", unsure),
      answer("d", { ...unsure, has_top_five: 0 }),
      answer("nothing was said of it"),
      answer("settings of its own", { is_changed: 1 }),
      answer("another version", { model_version: "2" }),
    ];
    await store.write(rows, [], NOON);
    for (const [id, truth] of Object.entries({ a: "daisy", b: "daisy", c: "rose", d: "a cat" })) await label(id, truth);
    await label("settings of its own", "rose");
    const report = await reported();
    expect(report).toMatchObject({
      answers: 5,
      n: 4,
      right: 2,
      top5: { right: 3, n: 3 },
      bands: [
        { band: "very high", right: 2, n: 2 },
        { band: "high", right: 0, n: 0 },
        { band: "medium", right: 0, n: 2 },
        { band: "low", right: 0, n: 0 },
      ],
      days: [
        { day: "2026-01-01", right: 1, n: 1 },
        { day: "2026-01-02", right: 1, n: 3 },
      ],
      reliability: [
        { above: 0.4, probability: 0.45, right: 0, n: 2 },
        { above: 0.8, probability: 0.9, right: 2, n: 2 },
      ],
    });
    expect(report.calibration_error).toBeCloseTo(0.275, 4);
    expect(report.classes).toContainEqual({ label: "daisy", n: 2, right: 2, answered: 4 });
    expect(report.confusions).toEqual(
      expect.arrayContaining([
        { label: "a cat", answered: "daisy", n: 1 },
        { label: "rose", answered: "daisy", n: 1 },
      ]),
    );
    expect(await reported("2")).toMatchObject({ answers: 1, n: 0, calibration_error: 0 });
  });

  if (name === "SQLite")
    it("leaves nothing in its files of a photo that was forgotten, or was too old", async () => {
      const texts = ["forgotten", "too old", "kept"].map((text) => `${text} photo `.repeat(4000));
      const [forgotten = "", old = "", kept = ""] = texts;
      const isInFiles = (text: string) =>
        readdirSync(place.dir).some((file) => readFileSync(join(place.dir, file)).includes(text.slice(0, 3000)));
      await store.write([answer("a", { image_sha256: image(forgotten).sha256 })], [image(forgotten)], NOON);
      await store.write(
        [answer("b", { image_sha256: image(old).sha256, asked_at: NOON - DAY_MS })],
        [image(old)],
        NOON - DAY_MS,
      );
      await store.write([answer("c", { image_sha256: image(kept).sha256 })], [image(kept)], NOON);
      expect(texts.map(isInFiles)).toEqual([true, true, true]);
      await store.forget("a", "anyone");
      expect(texts.map(isInFiles)).toEqual([false, true, true]);
      await store.prune({ ageMsMax: DAY_MS / 2, answersMax: 10, imagesBytesMax: 1e9 }, NOON);
      expect(texts.map(isInFiles)).toEqual([false, false, true]);
    });

  it("takes what was said last", async () => {
    await store.write([answer("a"), answer("a", { item: 1 })], [], NOON);
    expect(await label("a", "rose")).toBe("daisy");
    expect(await label("a", "daisy")).toBe("daisy");
    expect(await label("a", "rose", { item: 1 })).toBe("daisy");
    expect(await reported()).toMatchObject({ n: 2, right: 1 });
  });

  it("lets only the asker say what was right", async () => {
    await store.write([answer("a", { key_name: "ann" }), answer("nobody's")], [], NOON);
    expect(await label("a", "rose", { key: "bob" })).toBeNull();
    expect(await label("a", "rose")).toBeNull();
    expect(await label("nobody's", "rose", { key: "bob" })).toBeNull();
    expect(await label("a", "rose", { key: "ann", item: 1 })).toBeNull();
    expect(await reported()).toMatchObject({ n: 0 });
    expect(await label("a", "rose", { key: "ann" })).toBe("daisy");
  });

  it("keeps the first answer of an id, and writes all of a batch or none", async () => {
    await store.write([answer("a")], [], NOON);
    await store.write([answer("a", { label: "rose" }), answer("b")], [], NOON);
    expect(await label("a", "daisy")).toBe("daisy");
    const broken = answer("c", { label: null as unknown as string });
    await expect(store.write([answer("d"), broken], [], NOON)).rejects.toThrow();
    expect(await label("d", "daisy")).toBeNull();
    expect(await label("b", "daisy")).toBe("daisy");
  });

  it("keeps any words as they are", async () => {
    const words = `Robert'); drop table answers; -- "ä" 🌼 ${"x".repeat(150)}`;
    await store.write([answer("a", { label: words })], [], NOON);
    expect(await label("a", words)).toBe(words);
    expect((await reported()).classes).toEqual([{ label: words, n: 1, right: 1, answered: 1 }]);
  });

  it("removes the answers of a request, and images that no other answer has", async () => {
    const [mine, shared] = [image("mine"), image("shared")];
    const rows = [
      answer("a", { image_sha256: mine.sha256, key_name: "ann" }),
      answer("a", { image_sha256: shared.sha256, key_name: "ann", item: 1 }),
      answer("b", { image_sha256: shared.sha256 }),
    ];
    await store.write(rows, [mine, shared], NOON);
    expect(Buffer.from((await store.image(mine.sha256)) ?? []).toString()).toBe("mine");
    expect(await store.forget("a", { key: "bob" })).toBe(0);
    expect(await store.forget("a", { key: "ann" })).toBe(2);
    expect(await store.forget("a", { key: "ann" })).toBe(0);
    expect(await store.image(mine.sha256)).toBeNull();
    expect(await store.image(shared.sha256)).not.toBeNull();
    expect(await store.forget("b", "anyone")).toBe(1);
    expect(await store.image(shared.sha256)).toBeNull();
  });

  it("removes what is too old, too much, or too large, the oldest first", async () => {
    const images = ["old", "newer", "newest"].map((text) => image(text));
    const rows = images.map(({ sha256 }, place) =>
      answer(`r${place}`, { asked_at: NOON + place, image_sha256: sha256 }),
    );
    await store.write([answer("too old", { asked_at: NOON - DAY_MS }), ...rows], [], NOON);
    for (const [place, one] of images.entries()) await store.write([], [one], NOON + place);
    for (const id of ["too old", "r0", "r1", "r2"]) await label(id, "daisy");
    await store.prune({ ...KEEP, imagesBytesMax: "newer newest".length }, NOON);
    expect(await idsLeft()).toEqual(["r0/0", "r1/0", "r2/0"]);
    expect(await Promise.all(images.map(({ sha256 }) => store.image(sha256)))).toEqual([
      null,
      expect.anything(),
      expect.anything(),
    ]);
    await store.prune({ ...KEEP, answersMax: 1 }, NOON);
    expect(await idsLeft()).toEqual(["r2/0"]);
    expect(await store.image(images[1]?.sha256 ?? "")).toBeNull();
  });

  it("removes too much of whoever has most, and pushes out nobody else's", async () => {
    const told = { truth: "daisy", truth_at: NOON };
    const of = (holder: number, count: number, from: number) =>
      Array.from({ length: count }, (_, place) =>
        answer(`${holder} ${place}`, { asked_at: NOON + from + place, holder, ...told }),
      );
    await store.write([...of(1, 2, 0), ...of(2, 3, 10), ...of(3, 40, 20)], [], NOON);
    await store.prune({ ...KEEP, answersMax: 45 }, NOON);
    expect(await idsLeft()).toHaveLength(45);
    await store.prune({ ...KEEP, answersMax: 10 }, NOON);
    expect(await idsLeft()).toEqual([
      ...["1 0/0", "1 1/0", "2 0/0", "2 1/0", "2 2/0"],
      ...["3 35/0", "3 36/0", "3 37/0", "3 38/0", "3 39/0"],
    ]);
    await store.prune({ ...KEEP, answersMax: 6 }, NOON);
    expect(await idsLeft()).toEqual(["1 0/0", "1 1/0", "2 1/0", "2 2/0", "3 38/0", "3 39/0"]);
  });

  it("removes too large images of whoever has most", async () => {
    const own = image("an early one", 1);
    const others = ["b", "c", "d"].map((text) => image(text.repeat(40), 2));
    const all = [own, ...others];
    await store.write(
      all.map(({ sha256 }, place) => answer(`r${place}`, { image_sha256: sha256 })),
      [],
      NOON,
    );
    for (const [place, one] of all.entries()) await store.write([], [one], NOON + place);
    await store.write([], [{ ...own, holder: 2 }], NOON);
    await store.prune({ ...KEEP, imagesBytesMax: 100 }, NOON);
    expect(await Promise.all(all.map(async ({ sha256 }) => (await store.image(sha256)) !== null))).toEqual([
      ...[true, false, true, true],
    ]);
  });

  it("gives out every answer of which something was said, the oldest first", async () => {
    const rows = Array.from({ length: 1203 }, (_, place) =>
      answer(`r${String(place).padStart(4, "0")}`, {
        asked_at: NOON + Math.floor(place / 10),
        model_id: place % 3 === 0 ? "flowers" : "waste",
        truth: "daisy",
        truth_at: NOON,
      }),
    );
    await store.write([...rows.toReversed(), answer("nothing was said")], [], NOON);
    expect(await idsLeft()).toEqual(rows.map(({ request_id }) => `${request_id}/0`));
    const ofModel: string[] = [];
    for await (const row of store.exported({ id: "flowers", version: "1" })) ofModel.push(row.request_id);
    expect(ofModel.length).toBe(401);
  });

  it("is there for the next one that opens it, also where a migration was cut short", async () => {
    await store.write([answer("a")], [], NOON);
    const raw = await openDatabase(place);
    await sql`delete from kysely_migration`.execute(raw);
    await sql`drop index answers_by_model`.execute(raw);
    await raw.destroy();
    const again = await open();
    expect(await again.label({ requestId: "a", item: 0, key: null, at: NOON, label: "rose" })).toBe("daisy");
    await again.close();
  });

  it("is left alone where a later version made its tables", async () => {
    const raw = await openDatabase(place);
    await sql`insert into kysely_migration values ('9-later', '2026-01-02T00:00:00Z')`.execute(raw);
    await raw.destroy();
    await expect(open()).rejects.toThrow("a later version of Menagerie made its tables");
  });
});
