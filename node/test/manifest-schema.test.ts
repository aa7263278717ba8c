/** The JSON Schema of manifests, held against what reads them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import { MANIFEST_JSON_SCHEMA } from "../src/generated/contract-schema.js";
import { parseManifest } from "../src/models/manifest.js";

const validate = new Ajv2020.default({ strict: false, validateFormats: false }).compile(MANIFEST_JSON_SCHEMA);

const GOOD = {
  $schema: "../manifest.schema.json",
  schema: 1,
  id: "birds",
  version: "1",
  title: "Birds",
  description: "Tells birds apart.",
  licence: "MIT",
  default: false,
  graph: { file: "graph.pb", bytes: null, sha256: null },
  source: { url: "https://example.org/a.tgz", member: "a.pb" },
  labels: { file: "labels.txt", sha256: "0".repeat(64), offset: -1 },
  input: {
    tensor: "input",
    dtype: "float32",
    layout: "NHWC",
    width: 1,
    height: 4096,
    channels: 3,
    mean: [0],
    std: [1],
  },
  output: { tensor: "scores", kind: "softmax", classes: 2 },
  features: { tensor: "pool", size: 8 },
  accuracy: { top1: 1, photos: 1, split: "test", data: "birds" },
  bands: { medium: 0.25, high: 0.5, very_high: 0.9 },
  calibration: {
    ...{ data: "birds/test", date: "2026-11-26", n: 2, top1: 0.5, top5: 1, temperature: 1.25, folds: 2 },
    calibration_error: { before: 0.1, after: 0 },
    unsure_below: 0.5,
    bands: [{ band: "very high", above: 0.9, right: 1, n: 2 }],
    reliability: [{ above: 0.9, probability: 0.95, right: 1, n: 2 }],
    classes: [{ label: "wren", n: 2, right: 1, answered: 1 }],
    confusions: [{ label: "wren", answered: "robin", n: 1 }],
  },
};

/** Fields by path, each with values that it must not have. */
const WRONG: readonly (readonly [string, readonly unknown[]])[] = [
  ["$schema", [1, null]],
  ["schema", [2, "1", null]],
  ["id", ["", "Birds", "-a", "a/b", null]],
  ["version", ["", "1/2", "1@2", 1]],
  ["title", ["", 1, null]],
  ["description", [1, null]],
  ["licence", ["", null]],
  ["default", ["yes", null]],
  ["graph", [[], null]],
  ["graph.file", ["../a", "", ".hidden", null]],
  ["graph.bytes", [-1, 1.5, "1", 2 ** 33]],
  ["graph.sha256", ["", "AB", "0".repeat(65)]],
  ["graph.name", ["x"]],
  ["source.url", ["file:///etc/passwd", "https:// a", "https://", null]],
  ["source.member", ["", null]],
  ["labels.offset", [101, -101, 0.5, null]],
  ["input.tensor", [1, null]],
  ["input.dtype", ["int8", null]],
  ["input.layout", ["NCWH"]],
  ["input.width", [0, 4097, null]],
  ["input.height", ["1", 0.5]],
  ["input.channels", [0, 2, null]],
  ["input.channel_order", ["rgb", null]],
  ["input.mean", [[], [1, 2, 3, 4], ["1"], null]],
  ["input.std", [[0], [1, 0, 1], []]],
  ["input.resize", ["squash", null]],
  ["input.crop_fraction", [0.05, 1.1, null]],
  ["input.resize_filter", ["cubic"]],
  ["input.size", [1]],
  ["output.kind", ["argmax"]],
  ["output.classes", [0, null]],
  ["features.size", [0, null]],
  ["accuracy.top1", [1.1, -1, null]],
  ["accuracy.photos", [0]],
  ["bands", [[], null]],
  ["bands.medium", [-0.1, "low", null]],
  ["bands.low", [0]],
  ["calibration.date", ["today", "2026-11-26T00:00", null]],
  ["calibration.n", [0, 1.5]],
  ["calibration.temperature", [0, 0.05, 11, null]],
  ["calibration.folds", [1]],
  ["calibration.calibration_error.after", [1.1]],
  ["calibration.unsure_below", [2, null]],
  ["calibration.bands", [{}, [1], null]],
  ["calibration.bands.0.band", ["sure"]],
  ["calibration.bands.0.right", [-1]],
  ["calibration.reliability.0.probability", [2]],
  ["calibration.classes.0.label", [1]],
  ["calibration.confusions.0.kind", ["x"]],
  ["licenze", ["MIT"]],
];

const isRead = (json: unknown) => {
  try {
    parseManifest(json);
    return true;
  } catch {
    return false;
  }
};

/** A good manifest with another value in one field. */
function changed(path: string, value: unknown): object {
  const manifest = structuredClone(GOOD) as Record<string, unknown>;
  const names = path.split(".");
  const last = names.pop() ?? "";
  let object = manifest;
  for (const name of names) object = object[name] as Record<string, unknown>;
  object[last] = value;
  return manifest;
}

describe("the JSON Schema of manifests", () => {
  it("takes what the service reads", () => {
    expect(validate(GOOD), JSON.stringify(validate.errors)).toBe(true);
    expect(isRead(GOOD)).toBe(true);
  });

  it.each(WRONG.flatMap(([path, values]) => values.map((value) => [path, value] as const)))(
    "refuses %s = %j, as the service does",
    (path, value) => {
      expect([validate(changed(path, value)), isRead(changed(path, value))]).toEqual([false, false]);
    },
  );

  it.each(["schema", "id", "version", "title", "description", "licence", "graph", "input", "output"])(
    "refuses a manifest without %s, as the service does",
    (name) => {
      const { [name]: _, ...rest } = GOOD as Record<string, unknown>;
      expect([validate(rest), isRead(rest)]).toEqual([false, false]);
    },
  );

  it("takes every manifest of this project, each of which names it", () => {
    const zoo = join(ROOT_DIR, "models");
    const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as { models?: unknown[]; $schema?: string };
    const own = readdirSync(zoo).filter((id) => isModel(join(zoo, id)));
    expect(own).toEqual(expect.arrayContaining(["flowers5", "waste6"]));
    for (const id of own) {
      const manifest = read(join(zoo, id, "manifest.json"));
      expect(validate(manifest), `${id}: ${JSON.stringify(validate.errors)}`).toBe(true);
      expect(read(join(zoo, id, manifest.$schema ?? "")), id).toEqual(MANIFEST_JSON_SCHEMA);
    }
    for (const manifest of read(join(zoo, "imagenet.json")).models ?? []) {
      expect(validate(manifest), JSON.stringify(validate.errors)).toBe(true);
    }
  });
});

function isModel(dir: string): boolean {
  try {
    return readFileSync(join(dir, "manifest.json")).length > 0;
  } catch {
    return false;
  }
}
