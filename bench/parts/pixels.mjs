/**
 * Pixels of the model's size by the Open Inference Protocol's binary extension, beside the same photos by `/infer`: one
 * client that sends both in turn, so that whatever slows the machine slows both. The service has to decode nothing of
 * pixels, and they have to cost it no more than the rest of what `/infer` does.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT_DIR } from "../../scripts/setup/paths.mjs";
import { preprocess } from "../../wasm/pkg/menagerie_wasm.js";
import { encodePost } from "../http-client.mjs";
import { IMAGE_OPTIONS_JSON } from "../image-options.mjs";
import { encodeInfer, startService } from "../service.mjs";
import { median } from "../statistics.mjs";

/** The row of all photos of models/samples together. */
export const SAMPLES = "models/samples";
const WARM_UPS = 20;
/** A row of one photo has as many times as others by more rounds. */
const ROUNDS_OF_ONE = 4;
const SAMPLES_DIR = join(ROOT_DIR, "models/samples");

/**
 * @param {import("../workload.mjs").Workload} workload
 * @param {Record<string, Buffer>} images the bench's photos by name
 * @param {number} rounds
 * @returns {Promise<{photo: string, inferMs: number, decodeMs: number, inferLessDecodeMs: number, pixelsMs: number}[]>} medians
 */
export async function measurePixels(workload, images, rounds) {
  const files = (await readdir(SAMPLES_DIR)).filter((file) => file.endsWith(".jpg"));
  const samples = await Promise.all(files.map((file) => readFile(join(SAMPLES_DIR, file))));
  const service = await startService(workload);
  try {
    const rows = [await measurePhotos(service, workload, SAMPLES, samples, rounds)];
    for (const [name, image] of Object.entries(images)) {
      rows.push(await measurePhotos(service, workload, name, [image], rounds * ROUNDS_OF_ONE));
    }
    return rows;
  } finally {
    await service.stop();
  }
}

/** Each photo is sent `rounds` times in both ways. */
async function measurePhotos(service, { spec: { input } }, name, photos, rounds) {
  const send = async (request, answerOf) => {
    const asked = performance.now();
    const { status, body } = await service.client.send(request);
    const ms = performance.now() - asked;
    if (status !== 200) throw new Error(`status ${status}: ${body.toString().slice(0, 500)}`);
    return { ms, answer: answerOf(JSON.parse(body.toString())) };
  };
  const times = { inferMs: [], decodeMs: [], inferLessDecodeMs: [], pixelsMs: [] };
  const requests = photos.map((photo) => [encodeInfer(photo), encodePixels(photo, input)]);
  for (let round = -WARM_UPS; round < rounds; round++) {
    for (const [byPhoto, byPixels] of requests) {
      const photo = await send(byPhoto, ({ results: [item] }) => item);
      const pixels = await send(byPixels, ({ outputs: [output] }) => JSON.parse(output.data[0]));
      if (pixels.answer.input.sha256 !== photo.answer.input.sha256) throw new Error("the pixels are not the photo's");
      if (round < 0) continue;
      const decodeMs = photo.answer.timings_ms.decode;
      times.inferMs.push(photo.ms);
      times.decodeMs.push(decodeMs);
      times.inferLessDecodeMs.push(photo.ms - decodeMs);
      times.pixelsMs.push(pixels.ms);
    }
  }
  const medians = Object.entries(times).map(([what, values]) => [what, median(values)]);
  return { photo: name, ...Object.fromEntries(medians) };
}

/** What the page sends of a photo that it has decoded itself. */
function encodePixels(photo, input) {
  const { pixels } = preprocess(photo, JSON.stringify(input), IMAGE_OPTIONS_JSON);
  const shape = [1, input.height, input.width, input.channels];
  const parameters = { binary_data_size: pixels.length };
  const inputs = [{ name: "pixels", datatype: "UINT8", shape, parameters }];
  const json = Buffer.from(JSON.stringify({ inputs, outputs: [{ name: "answer" }] }));
  const headers = { "inference-header-content-length": json.length };
  return encodePost("/v2/models/bench/infer", headers, Buffer.concat([json, pixels]));
}
