/**
 * What a class layer that is taught here is worth beside scikit-learn's on the same features: top-1 on photos of `test` after
 * 5, 20, 100 and all photos a class of `train`, but for the last the mean of some draws of them. `node bench/teach.mjs PHOTOS PYTHON BASE...`; PHOTOS has `train` and `test`, each
 * with one folder a label, PYTHON has scikit-learn, each BASE is an id of MODELS_DIR.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLabelledPhotos } from "../node/dist/cli/labelled-photos.js";
import { readConfig } from "../node/dist/config.js";
import { openWorkbench } from "../node/dist/service/workbench.js";
import { openAlbum } from "../node/dist/teach/album.js";
import { openBase } from "../node/dist/teach/base.js";
import { computeFeatures } from "../node/dist/teach/features.js";
import { labelsOfGiven } from "../node/dist/teach/given.js";
import { trainHead } from "../node/dist/teach/training.js";
import { loadWasm } from "../node/dist/wasm-module.js";
import { openModel } from "../node/dist/zoo/answers.js";

const COUNTS = [5, 20, 100, Number.POSITIVE_INFINITY];
const DRAWS = 8;
const SEED = 1;
const PYTHON_FILE = fileURLToPath(new URL("python/logistic.py", import.meta.url));

const [photosDir = "", python = "", ...bases] = process.argv.slice(2);
const config = readConfig();
const workbench = await openWorkbench(config);
const work = mkdtempSync(join(tmpdir(), "menagerie-teach-"));
const lanes = { count: config.workerThreads, signal: new AbortController().signal, told: () => {} };
const album = async (/** @type {string} */ split) => {
  const photos = await findLabelledPhotos(join(photosDir, split));
  return await openAlbum(workbench, photos, labelsOfGiven(photos), SEED, () => {}, lanes);
};
try {
  const [train, test] = await Promise.all([album("train"), album("test")]);
  for (const id of bases) {
    const base = await openBase(workbench, await openModel(join(config.modelsDir, id)), null);
    const photos = [...train.photos, ...test.photos];
    const heldOut = Uint8Array.from(photos, (_, place) => (place < train.photos.length ? 0 : 1));
    const all = { ...train, photos, heldOut };
    const began = performance.now();
    const rows = await computeFeatures(workbench, base, all, work, lanes);
    const copies = (rows.length / base.found.size - photos.length) / train.photos.length;
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(
      `${id}: ${base.found.size} features of ${photos.length} photos and ${copies} copies each of ${train.photos.length}, ${seconds} s`,
    );
    writeFileSync(join(work, "rows.f32"), rows);
    for (const count of COUNTS) {
      const draws = count === Number.POSITIVE_INFINITY ? 1 : DRAWS;
      const results = [];
      for (let draw = 1; draw <= draws; draw++) results.push(await tried(base, rows, train, test, { count, draw }));
      const mean = (/** @type {(result: typeof results[number]) => number} */ of) =>
        Number((results.reduce((sum, result) => sum + of(result), 0) / draws).toFixed(4));
      const means = {
        perClass: draws === 1 ? "all" : count,
        draws,
        test: mean(({ test }) => test),
        plain: mean(({ sklearn }) => sklearn.plain),
        standardised: mean(({ sklearn }) => sklearn.standardised),
        crossValidated: mean(({ sklearn }) => sklearn.cross_validated),
        trainSeconds: mean(({ trainSeconds }) => trainSeconds),
        hidden: results.filter(({ hidden }) => hidden > 0).length,
      };
      console.log(JSON.stringify(means), JSON.stringify(results.at(-1)));
    }
  }
} finally {
  await workbench.close();
  rmSync(work, { recursive: true });
}

/**
 * @typedef {import("../node/dist/teach/album.js").Album} Album
 * @param {import("../node/dist/teach/base.js").Base} base
 * @param {Float32Array} rows of the photos to train on, those to test with, the copies of the first
 * @param {Album} train
 * @param {Album} test
 * @param {{ count: number, draw: number }} taking
 */
async function tried({ found: { size } }, rows, train, test, { count, draw }) {
  const row = (/** @type {number} */ place) => rows.subarray(place * size, (place + 1) * size);
  const { labels } = train;
  // By their hashes: as good as any random order, and always the same.
  const keys = train.photos.map(({ sha256 }) => createHash("sha256").update(`${draw} ${sha256}`).digest("hex"));
  const order = keys.map((_, place) => place).sort((a, b) => ((keys[a] ?? "") < (keys[b] ?? "") ? -1 : 1));
  const taken = labels.flatMap((_, label) => order.filter((place) => train.classes[place] === label).slice(0, count));
  const classes = Uint32Array.from(taken, (place) => train.classes[place] ?? 0);
  const looks = Buffer.concat(taken.map((place) => train.photos[place]?.look ?? new Uint8Array()));
  const { heldOut, groups } = loadWasm().splitPhotos(looks, classes, JSON.stringify(labels), SEED);
  const kept = taken.filter((_, place) => heldOut[place] === 0);
  const photoCount = train.photos.length + test.photos.length;
  const copyCount = (rows.length / size - photoCount) / train.photos.length;
  const copies = Array.from({ length: copyCount }, (_, copy) =>
    kept.map((place) => photoCount + copy * train.photos.length + place),
  ).flat();
  const features = new Float32Array((taken.length + copies.length) * size);
  for (const [at, place] of [...taken, ...copies].entries()) features.set(row(place), at * size);
  const began = process.cpuUsage();
  const lesson = { features, size, classes, classCount: labels.length, heldOut, groups, seed: SEED };
  const { hiddenWeights, hiddenBiases, weights, biases, report } = await trainHead(lesson, lanes.signal, () => {});
  // Of the processor: the thread does nothing else, and others may hold the machine.
  const trainSeconds = process.cpuUsage(began).user / 1e6;
  const layerOf =
    (/** @type {Float32Array} */ weights, /** @type {Float32Array} */ biases) => (/** @type {Float32Array} */ values) =>
      biases.map((bias, output) =>
        values.reduce((sum, value, input) => sum + value * (weights[input * biases.length + output] ?? 0), bias),
      );
  const answerOf = (/** @type {Float32Array} */ values) => {
    const inner =
      hiddenBiases.length === 0
        ? values
        : layerOf(hiddenWeights, hiddenBiases)(values).map((value) => Math.max(0, value));
    const logits = layerOf(weights, biases)(inner);
    return logits.indexOf(Math.max(...logits));
  };
  const right = test.photos.filter(
    (_, place) => answerOf(row(train.photos.length + place)) === test.classes[place],
  ).length;
  const facts = {
    size,
    kept,
    copies,
    keptClasses: kept.map((place) => train.classes[place]),
    test: test.photos.map((_, place) => train.photos.length + place),
    testClasses: [...test.classes],
  };
  writeFileSync(join(work, "facts.json"), JSON.stringify(facts));
  const sklearn = JSON.parse(execFileSync(python, [PYTHON_FILE, work], { encoding: "utf8" }));
  return {
    trained: kept.length,
    trainSeconds: Number(trainSeconds.toFixed(2)),
    l2: report.l2,
    hidden: report.hidden,
    hiddenTried: report.hidden_tried,
    heldOut: Number((report.right / report.held_out).toFixed(3)),
    test: Number((right / test.photos.length).toFixed(4)),
    sklearn,
  };
}
