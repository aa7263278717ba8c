/** Hard images from outside, whole and cut: what the WebAssembly function itself says of each, and what it costs. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import type { InferOptions, InputSpec } from "../src/generated/contract.js";
import { hardImages } from "./support/hard-images.js";

interface Wasm {
  preprocess(image: Uint8Array, inputSpecJson: string, optionsJson: string): { imageJson: string };
  memoryBytes(): number;
}

const wasm = createRequire(import.meta.url)("../../wasm/pkg/menagerie_wasm.js") as Wasm;

const INPUT: InputSpec = {
  tensor: "input",
  dtype: "float32",
  layout: "NHWC",
  width: 8,
  height: 8,
  channels: 3,
  channel_order: "RGB",
  mean: [0],
  std: [255],
  resize: "stretch",
  crop_fraction: 1,
  resize_filter: "antialias",
};
const OPTIONS: InferOptions = {
  top_k: 1,
  score_threshold: 0,
  picture: false,
  limits: { pixels_max: 50_000_000, side_pixels_max: 20_000 },
};
const CUTS = 50;
/** The largest of the images has 3 megapixels; four bytes of each, twice, and the file itself are 30 MB. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

const images = hardImages();

/** The format that was decoded, or the code of the refusal. */
function outcomeOf(image: Uint8Array): string {
  try {
    const { imageJson } = wasm.preprocess(image, JSON.stringify(INPUT), JSON.stringify(OPTIONS));
    return (JSON.parse(imageJson) as { format: string }).format;
  } catch (error) {
    return (error as { code?: string }).code ?? `without a code: ${error}`;
  }
}

describe.skipIf(images.length === 0)("a hard image", () => {
  it.each(images)("$file is answered with one of $outcomes", ({ path, outcomes }) => {
    expect(outcomes).toContain(outcomeOf(readFileSync(path)));
  });

  it.each(images.filter(({ expected }) => expected === "decode"))(
    "$file cut at 50 lengths is refused, or is whole without what was cut",
    ({ path, outcomes }) => {
      const image = readFileSync(path);
      for (let cut = 0; cut < CUTS; cut += 1) {
        const length = Math.floor((image.length * cut) / CUTS);
        const outcome = outcomeOf(image.subarray(0, length));
        const allowed = length === 0 ? ["image_missing"] : ["image_undecodable", "image_unsupported", ...outcomes];
        expect(allowed, `${length} of ${image.length} bytes`).toContain(outcome);
      }
    },
  );

  it("took no more memory than the largest picture needs", () => {
    expect(wasm.memoryBytes()).toBeLessThan(MEMORY_BYTES_MAX);
  });
});
