/**
 * Decoding, turning and resizing of one photo: the WebAssembly build and sharp, both on one thread, in turn.
 */
import { preprocess } from "../../wasm/pkg/menagerie_wasm.js";
import { IMAGE_OPTIONS_JSON } from "../image-options.mjs";
import { MADE } from "../install.mjs";
import { median } from "../statistics.mjs";

const WARM_UPS = 3;
const BUDGET_MS = 3000;
const RUNS_MIN = 7;

/**
 * @param {object} input `InputSpec`
 * @param {Record<string, Buffer>} images
 * @returns {Promise<{image: string, wasmMs: number, sharpMs: number}[]>} medians
 */
export async function measureDecoding(input, images) {
  const sharp = MADE.require("sharp");
  sharp.concurrency(1);
  sharp.cache(false);
  const inputJson = JSON.stringify(input);
  const decoders = {
    wasmMs: async (image) => preprocess(image, inputJson, IMAGE_OPTIONS_JSON),
    sharpMs: (image) =>
      sharp(image)
        .rotate()
        .resize(input.width, input.height, { fit: "fill", kernel: "linear" })
        .removeAlpha()
        .raw()
        .toBuffer(),
  };
  const rows = [];
  for (const [name, image] of Object.entries(images)) {
    const times = { wasmMs: [], sharpMs: [] };
    const began = performance.now();
    for (let run = -WARM_UPS; run < RUNS_MIN || performance.now() - began < BUDGET_MS; run++) {
      for (const [decoder, decode] of Object.entries(decoders)) {
        const start = performance.now();
        await decode(image);
        if (run >= 0) times[decoder].push(performance.now() - start);
      }
    }
    rows.push({ image: name, wasmMs: median(times.wasmMs), sharpMs: median(times.sharpMs) });
  }
  return rows;
}
