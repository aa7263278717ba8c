/**
 * What labelled photos decide of ImageNet graphs: top-1 with the settings that a few of them give, beside that of every
 * candidate on the same photos. `node bench/examples.mjs GRAPHS PHOTOS TSV [seeds]`; GRAPHS has a folder a graph with `graph.pb`
 * (or `quantized_graph.pb`) and `labels.txt`, TSV has file and class of 1001.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClassifier } from "../node/dist/index.js";

const GRAPHS = [
  "mobilenet_v1_0.25_128",
  "mobilenet_v1_0.25_224",
  "imagenet_mobilenet_v1_0.50_224_quantized",
  "imagenet_mobilenet_v2_1.0_224",
];
const COUNTS = [1, 3, 5, 16];
const FILTERS = ["antialias", "bilinear", "nearest"];
const FITS = [
  { resize: "stretch" },
  { resize: "center-crop", crop_fraction: 1 },
  { resize: "center-crop", crop_fraction: 0.875 },
  { resize: "pad" },
];

const [graphsDir = "", photosDir = "", tsv = "", seeds = "3"] = process.argv.slice(2);
const photos = readFileSync(tsv, "utf8")
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => line.split("\t"))
  .map(([file = "", index]) => ({ bytes: readFileSync(join(photosDir, file)), index: Number(index) }));

for (const name of GRAPHS) {
  const dir = join(graphsDir, name);
  const file = ["graph.pb", "quantized_graph.pb"].map((one) => join(dir, one)).find(existsSync);
  if (file === undefined) continue;
  const files = { graph: readFileSync(file), labels: readFileSync(join(dir, "labels.txt")) };
  const known = new Map();
  const top1 = async (/** @type {object} */ overrides) => {
    const key = JSON.stringify(overrides);
    if (!known.has(key)) known.set(key, await right(files, overrides));
    return known.get(key);
  };
  const plain = await createClassifier({ model: files });
  const { scalings = [] } = plain.spec;
  await plain.close();
  const usual = { resize: "stretch", resize_filter: "antialias" };
  const scaled = scalings.slice(0, 8).map(({ mean, std, channel_order }) => ({ mean, std, channel_order }));
  const decided = [];
  for (const count of COUNTS) {
    for (let seed = 1; seed <= Number(seeds); seed += 1) {
      const examples = drawn(count, seed).map(({ bytes, index }) => ({ bytes, label: String(index) }));
      const classifier = await createClassifier({ model: { ...files, examples } });
      const { mean, std, channel_order, resize, crop_fraction, resize_filter } = classifier.spec.input;
      await classifier.close();
      const cut = resize === "center-crop" ? { crop_fraction } : {};
      const settings = { mean, std, channel_order, resize, ...cut, resize_filter };
      decided.push({ count, settings, share: await top1(settings) });
    }
  }
  // Every scaling fitted as usual, and the first one in every fit.
  const [first] = scaled;
  const candidates = [
    ...scaled.map((scaling) => ({ ...scaling, ...usual })),
    ...FITS.flatMap((fit) => FILTERS.map((resize_filter) => ({ ...first, ...fit, resize_filter }))),
  ];
  let best = { share: 0, settings: {} };
  for (const settings of candidates) {
    const share = await top1(settings);
    if (share > best.share) best = { share, settings };
  }
  console.log(`${name}: best of ${known.size} candidates ${percent(best.share)} ${JSON.stringify(best.settings)}`);
  console.log(`  the graph alone ${percent(await top1({ ...first, ...usual }))}`);
  for (const count of COUNTS) {
    const of = decided.filter((one) => one.count === count);
    console.log(`  ${count} photos: ${of.map(({ share }) => percent(share)).join(", ")}`);
    for (const { settings, share } of of) console.log(`    ${percent(share)} ${JSON.stringify(settings)}`);
  }
}

/**
 * @param {{ graph: Uint8Array, labels: Uint8Array }} files
 * @param {object} overrides
 */
async function right(files, overrides) {
  const classifier = await createClassifier({ model: { ...files, overrides } });
  const answers = await Promise.all(photos.map(({ bytes }) => classifier.classify(bytes, { topK: 1 })));
  await classifier.close();
  return answers.filter((answer, place) => answer.index === photos[place]?.index).length / photos.length;
}

/** So many photos of different classes. */
function drawn(/** @type {number} */ count, /** @type {number} */ seed) {
  const classes = new Set();
  const chosen = [];
  for (let draw = 1; chosen.length < count; draw += 1) {
    const photo = photos[Math.floor(1e6 * Math.abs(Math.sin(97 * seed + draw))) % photos.length];
    if (photo === undefined || classes.has(photo.index)) continue;
    classes.add(photo.index);
    chosen.push(photo);
  }
  return chosen;
}

function percent(/** @type {number} */ share) {
  return (100 * share).toFixed(1);
}
