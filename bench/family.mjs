/**
 * What photos decide of graphs whose truth is known: `node bench/family.mjs GRAPHS PHOTOS [part [whole]]` writes the
 * tables of docs/detection.md between the part's marks.
 *
 * GRAPHS are those of `models/training/family`, PHOTOS has `SET/test/LABEL/NAME.jpg`. Each graph is resolved alone and with one
 * labelled photo a class (five at most), and classifies other photos with what came of it, all through the service's own code,
 * with the fit stated that the family was trained with, so that scaling and order alone are open; so many draws as
 * `whole` says, two by default, with everything open too and with photos without labels.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { readConfig } from "../node/dist/config.js";
import { decided } from "../node/dist/decide.js";
import { onOwnBehalf } from "../node/dist/service/own-behalf.js";
import { openService } from "../node/dist/service/service.js";

/** @typedef {{ label: string, bytes: Buffer }} Photo */
/** @typedef {{ field: string, confidence: number, source: string, right: boolean }} Told */
/** @typedef {{ agree: number, fields: Told[] }} Outcome */
/** @typedef {{ kind: string, accuracy: number, outcomes: Record<string, Outcome> }} Row */

const PAGE = fileURLToPath(new URL("../docs/detection.md", import.meta.url));
const CLASSES_MAX = 5;
const DRAWS = 12;
/** In each such draw. */
const UNLABELLED = 16;
const TEST_PHOTOS = 100;
const MS_MAX = 600_000;
/** Means may differ by this much on 0-255 and divisors by this share, as in `evaluate.rs`. */
const MEAN_TOLERANCE = 1;
const STD_TOLERANCE = 0.01;
const FIT = { resize: "stretch", resize_filter: "antialias" };
const FIELDS = ["mean", "std", "channel_order"];
/** @type {Record<string, string>} */
const WAYS = {
  alone: "the graph alone",
  labelled: "a photo a class",
  unlabelled: "16 without labels",
  oneClass: "16 of one class, without labels",
};
const BANDS = [0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01];

const [graphsDir = "", photosDir = "", part = "held-out", whole = "2"] = process.argv.slice(2);
const DRAWS_WHOLE = Number(whole);
const [BEGIN, END] = [`<!-- bench/family.mjs ${part} -->`, `<!-- /bench/family.mjs ${part} -->`];
/** @type {Map<string, Photo[]>} */
const photosOf = new Map();
const service = await openService({ ...readConfig(), engineSpares: 0 }, pino({ level: "silent" }));
/** @type {Row[]} */
const rows = [];
for (const name of readdirSync(graphsDir).sort()) {
  const meta = JSON.parse(readFileSync(join(graphsDir, name, "meta.json"), "utf8"));
  if (meta.part !== part) continue;
  rows.push(...(await rowsOf(join(graphsDir, name), meta)));
  console.error(name, JSON.stringify(rows.at(-1)?.outcomes));
}
await service.close();
const page = readFileSync(PAGE, "utf8");
const [before, after] = [page.slice(0, page.indexOf(BEGIN) + BEGIN.length), page.slice(page.indexOf(END))];
writeFileSync(PAGE, `${before}\n\n${tables()}\n\n${after}`);

/** A row for each draw. */
async function rowsOf(/** @type {string} */ dir, /** @type {any} */ meta) {
  const { bytes, ...graph } = file(dir, "graph.pb");
  const labelFile = file(dir, "labels.txt");
  const choice = { kind: "upload", graph: { ...graph, pieces: [bytes], byteLength: bytes.length }, labels: labelFile };
  const labels = labelFile.bytes.toString().trim().split("\n");
  const isOfSet = meta.output.classes > 1 && !["no", "yes"].includes(labels[0] ?? "");
  const photos = shuffled(meta.net.split("-").at(-2)).filter(({ label }) => !isOfSet || labels.includes(label));
  const shown = Array.from({ length: DRAWS }, (_, draw) => drawn(photos, labels, draw));
  const used = new Set(shown.flatMap((photosShown) => Object.values(photosShown).flat()));
  const tested = photos.filter((photo) => !used.has(photo)).slice(0, TEST_PHOTOS);
  const truth = truthOf(meta);
  const wanted = await answers(choice, said({ ...truth, ...FIT }), tested);
  const right = tested.filter((photo, place) => photo.label === labels[wanted.top[place] ?? -1]).length;
  /** @type {Map<string, ReturnType<typeof answers>>} */
  const known = new Map();
  const outcome = async (/** @type {object} */ overrides, /** @type {any[]} */ examples) => {
    const answersWith = (/** @type {any} */ settings) => {
      const key = JSON.stringify(settings.overrides);
      const found = known.get(key) ?? answers(choice, settings, tested);
      known.set(key, found);
      return found;
    };
    const settings = await run((party) => decided(service, party, choice, said(overrides), examples));
    const { spec } = await answersWith(said(overrides));
    const { top } = await answersWith(said(settings.overrides));
    const evidence = [...(settings.decided?.evidence ?? []), ...spec.evidence];
    return {
      agree: top.filter((index, place) => index === wanted.top[place]).length / top.length,
      fields: FIELDS.map((field) => told({ ...spec.input, ...settings.overrides }, evidence, truth, field)),
    };
  };
  /** @type {Record<string, Outcome>} */
  const alone = { "alone scaling": await outcome(FIT, []), "alone all": await outcome({}, []) };
  const found = [];
  for (const [draw, sets] of shown.entries()) {
    /** @type {Record<string, Outcome>} */
    const outcomes = { ...alone };
    for (const [way, photosShown] of Object.entries(sets)) {
      for (const [open, overrides] of Object.entries(
        draw < DRAWS_WHOLE ? { scaling: FIT, all: {} } : { scaling: FIT },
      )) {
        const examples = photosShown.map((photo) => ({
          label: way === "labelled" ? photo.label : null,
          bytes: new Uint8Array(photo.bytes),
        }));
        outcomes[`${way} ${open}`] = await outcome(overrides, examples);
      }
    }
    found.push({ kind: meta.trained_with, accuracy: right / tested.length, outcomes });
  }
  return found;
}

/** The photos of a draw, by what is said of them. */
function drawn(/** @type {Photo[]} */ photos, /** @type {string[]} */ labels, /** @type {number} */ draw) {
  const of = (/** @type {string | undefined} */ label) => photos.filter((photo) => photo.label === label);
  const first = (draw * CLASSES_MAX) % labels.length;
  const classes = [...labels.slice(first), ...labels.slice(0, first)].slice(0, CLASSES_MAX);
  const labelled = classes.flatMap((label) => of(label)[draw] ?? []);
  if (draw >= DRAWS_WHOLE) return { labelled };
  const from = draw * UNLABELLED;
  return {
    labelled,
    unlabelled: photos.slice(from, from + UNLABELLED),
    oneClass: of(labels[draw]).slice(DRAWS, DRAWS + UNLABELLED),
  };
}

/** A field with its confidence, and whether it is right. */
function told(
  /** @type {any} */ input,
  /** @type {any[]} */ evidence,
  /** @type {any} */ truth,
  /** @type {string} */ field,
) {
  const entry = evidence.find((one) => one.field === `input.${field}`);
  const [found, wanted] = [input[field], truth[field]];
  const isNear = (/** @type {number} */ value, /** @type {number} */ place) =>
    field === "mean"
      ? Math.abs(value - wanted[place]) <= MEAN_TOLERANCE
      : Math.abs(value / wanted[place] - 1) <= STD_TOLERANCE;
  const right = wanted === undefined || (Array.isArray(found) ? found.every(isNear) : found === wanted);
  return { field, confidence: entry?.confidence ?? 1, source: entry?.source ?? "read", right };
}

/** The truth as overrides. */
function truthOf(/** @type {any} */ { preprocess: { mean, std, order }, input }) {
  const channel_order = order.toUpperCase().split("->")[0];
  return input.dtype === "uint8" ? { channel_order } : { mean, std, channel_order };
}

function said(/** @type {object} */ overrides) {
  return { overrides, labelOffset: null };
}

/** How the model is read, and its answer to each photo. */
async function answers(/** @type {any} */ choice, /** @type {any} */ settings, /** @type {Photo[]} */ photos) {
  const options = { topK: 1, scoreThreshold: 0, picture: false };
  return await run((party) =>
    service.models.use(choice, settings, party, async (/** @type {any} */ { target }) => {
      const classify = (/** @type {Photo} */ { bytes }) =>
        service.classifier.classify(target, new Uint8Array(bytes), options);
      const all = await Promise.all(photos.map(classify));
      /** @type {any} */
      const spec = await service.classifier.describe(target);
      return { spec, top: all.map(({ index }) => index) };
    }),
  );
}

/**
 * @template T
 * @param {(party: import("../node/dist/ports.js").Party) => Promise<T>} work
 */
function run(work) {
  return onOwnBehalf(MS_MAX, work);
}

/** All photos of a test split in a fixed mixed order. */
function shuffled(/** @type {string} */ set) {
  const known = photosOf.get(set);
  if (known !== undefined) return known;
  const dir = join(photosDir, set, "test");
  const key = (/** @type {string} */ name) => createHash("sha256").update(name).digest("hex");
  const photos = readdirSync(dir)
    .flatMap((label) => readdirSync(join(dir, label)).map((name) => ({ label, name })))
    .sort((one, other) => (key(one.name) < key(other.name) ? -1 : 1))
    .map(({ label, name }) => ({ label, bytes: readFileSync(join(dir, label, name)) }));
  photosOf.set(set, photos);
  return photos;
}

function file(/** @type {string} */ dir, /** @type {string} */ name) {
  const bytes = readFileSync(join(dir, name));
  return { name, bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function tables() {
  const ways = Object.entries(WAYS);
  const open = ["alone", "labelled"].map((way) => [`${way} all`, `all open: ${WAYS[way]}`]);
  const shown = [...ways.map(([way, words]) => [`${way} scaling`, words]), ...open].filter(([key]) =>
    rows.some(({ outcomes }) => key !== undefined && key in outcomes),
  );
  const [columns, heads] = [shown.map(([key = ""]) => key), shown.map(([, words]) => words)];
  const kinds = [...new Set(rows.map(({ kind }) => kind))];
  const outcomesOf = (/** @type {string} */ key, /** @type {Row[]} */ of) =>
    of.flatMap(({ outcomes }) => outcomes[key] ?? []);
  const line = (/** @type {string} */ name, /** @type {Row[]} */ of) => {
    const cells = columns.map((key) => percent(mean(outcomesOf(key, of).map(({ agree }) => agree))));
    return `| ${[name, percent(mean(of.map(({ accuracy }) => accuracy))), ...cells].join(" | ")} |`;
  };
  const counts = columns.map((key) => {
    const found = outcomesOf(key, rows);
    return `${found.filter(({ agree }) => agree >= 0.99).length} / ${found.length}`;
  });
  return [
    `${rows.length / DRAWS} graphs, part "${part}", ${DRAWS} draws each, of which ${DRAWS_WHOLE} without labels and with all open, and at most ${TEST_PHOTOS} other photos. Answers that equal those of the true settings, in percent:`,
    "",
    `| trained with | labels right | ${heads.join(" | ")} |`,
    `|---|---|${"---|".repeat(columns.length)}`,
    ...kinds.map((kind) =>
      line(
        kind,
        rows.filter((row) => row.kind === kind),
      ),
    ),
    line("all", rows),
    `| draws with 99 % and more | | ${counts.join(" | ")} |`,
    "",
    "Mean, std and order that are not read, right of all, by their confidence:",
    "",
    `| confidence | ${heads.join(" | ")} |`,
    `|---|${"---|".repeat(columns.length)}`,
    ...BANDS.slice(0, -1).map((low, place) => {
      const high = BANDS[place + 1] ?? 1;
      const cells = columns.map((key) => {
        const fields = outcomesOf(key, rows).flatMap(({ fields }) => fields);
        const open = fields.filter(
          ({ source, confidence }) => source !== "read" && confidence >= low && confidence < high,
        );
        return open.length === 0 ? "-" : `${open.filter(({ right }) => right).length} / ${open.length}`;
      });
      return `| ${Math.round(100 * low)}–${Math.min(100, Math.round(100 * high))} % | ${cells.join(" | ")} |`;
    }),
  ].join("\n");
}

function mean(/** @type {number[]} */ values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(/** @type {number} */ share) {
  return (100 * share).toFixed(1);
}
