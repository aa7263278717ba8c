/**
 * A graph that comes with the request: never seen before, seen before, and named by its hash alone.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { coldMs } from "../floor.mjs";
import { encodeForm, encodePost } from "../http-client.mjs";
import { MADE } from "../install.mjs";
import { ACCEPT_JSON, encodeInfer, startService } from "../service.mjs";
import { median } from "../statistics.mjs";

const WARM_REQUESTS = 20;
/** The spare process of the next model starts while nobody asks. */
const SPARE_WAIT_MS = 4000;

/**
 * @param {import("../workload.mjs").Workload} workload
 * @param {Buffer} image
 * @param {number} rounds graphs that were never seen
 */
export async function measureUploads(workload, image, rounds) {
  const graph = await readFile(workload.graphPath);
  const labels = await readFile(MADE.labelsPath);
  const service = await startService(workload, { MODELS_LOADED_MAX: "3" });
  const onnx = await startService(workload, { MODELS_LOADED_MAX: "3", RUNTIME: "onnxruntime" });
  const send = async (request, { client } = service) => {
    const asked = performance.now();
    const { status, body, sentAt } = await client.send(request);
    if (status !== 200) throw new Error(`status ${status}: ${body.toString().slice(0, 500)}`);
    return { fromLastByteMs: performance.now() - sentAt, totalMs: performance.now() - asked };
  };
  const medianOf = async (request, field) => {
    await send(request);
    const times = [];
    for (let index = 0; index < WARM_REQUESTS; index++) times.push((await send(request))[field]);
    return median(times);
  };
  const upload = (bytes) => {
    const files = [
      { name: "image_file", file: "image.jpg", type: "image/jpeg", content: image },
      { name: "label_file", file: "labels.txt", content: labels },
      { name: "model_file", file: "graph.pb", type: "application/octet-stream", content: bytes },
    ];
    const { headers, body } = encodeForm(files);
    return encodePost("/infer", { ...headers, ...ACCEPT_JSON }, body);
  };
  const byHash = () => {
    const { headers, body } = encodeForm([
      { name: "image_file", file: "image.jpg", type: "image/jpeg", content: image },
      { name: "label_file", file: "labels.txt", content: labels },
      { name: "model_sha256", content: createHash("sha256").update(graph).digest("hex") },
    ]);
    return encodePost("/infer", { ...headers, ...ACCEPT_JSON }, body);
  };
  try {
    const floors = [];
    const colds = [];
    const onnxColds = [];
    for (let round = 0; round < rounds; round++) {
      await new Promise((resolve) => setTimeout(resolve, SPARE_WAIT_MS));
      floors.push(await coldMs(workload, image));
      colds.push((await send(upload(unseen(graph, round)))).fromLastByteMs);
      onnxColds.push((await send(upload(unseen(graph, round)), onnx)).fromLastByteMs);
    }
    const repeat = upload(graph);
    return {
      floorColdMs: median(floors),
      coldMs: median(colds),
      onnxColdMs: median(onnxColds),
      zooMs: await medianOf(encodeInfer(image), "totalMs"),
      repeatMs: await medianOf(repeat, "totalMs"),
      repeatFromLastByteMs: await medianOf(repeat, "fromLastByteMs"),
      byHashMs: await medianOf(byHash(), "totalMs"),
    };
  } finally {
    await Promise.all([service.stop(), onnx.stop()]);
  }
}

/** The graph with one more node that does nothing, `{name: "unseen<number>", op: "NoOp"}`: another hash, the same work. */
function unseen(graph, number) {
  const field = (tag, text) => Buffer.concat([Buffer.from([tag, text.length]), text]);
  const node = Buffer.concat([field(0x0a, Buffer.from(`unseen${number}`)), field(0x12, Buffer.from("NoOp"))]);
  return Buffer.concat([graph, field(0x0a, node)]);
}
