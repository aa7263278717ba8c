/**
 * The floor: what cannot be beaten on this machine. libtensorflow is given a tensor that is ready; nothing is decoded,
 * resized, sent over HTTP or labelled. Each way to run it is a contender of its own; the best one counts.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { preprocess } from "../wasm/pkg/menagerie_wasm.js";
import { IMAGE_OPTIONS_JSON } from "./image-options.mjs";
import { MADE } from "./install.mjs";
import { LineProcess } from "./line-process.mjs";

/**
 * `ConfigProto` with so many threads for one kernel. Kernels start in the thread that calls (inter_op_parallelism_threads
 * = -1), which was the faster way for one client and for many.
 */
const configOf = (threads) => `10${hexByte(threads)}28ffffffffffffffffff01`;
/** `ConfigProto` that leaves the graph as it is: optimizer_options.opt_level = L0, disable_meta_optimizer. */
const UNOPTIMISED = `${configOf(1)}52121a0b18ffffffffffffffffff015203980101`;

/** @param {import("./workload.mjs").Workload} workload @param {Buffer} image */
function start(workload, image) {
  const { input, output } = workload.spec;
  if (input.layout !== "NHWC" || input.dtype !== "float32") {
    throw new Error(`the floor feeds float32 NHWC tensors, and this graph takes ${input.dtype} ${input.layout}`);
  }
  const axes = [1, input.height, input.width, input.channels];
  const args = [workload.libtensorflowPath, workload.graphPath, input.tensor, output.tensor, ...axes].map(String);
  return new LineProcess(MADE.floorPath, args, tensorOf(input, image));
}

/**
 * Contenders for 1, 2, 4 … threads a run and as many runs at a time as keep the cores busy, and one at a time. Each number
 * of threads has a process of its own, for the first session of a process sets the threads of all.
 */
export async function startFloors(workload, image) {
  const cores = availableParallelism();
  const processes = [];
  const floors = [];
  let index;
  for (let threads = 1; threads <= cores; threads *= 2) {
    const process = start(workload, image);
    processes.push(process);
    const opened = await process.ask(`open ${configOf(threads)}`);
    index = opened.index;
    for (const parallel of new Set([1, cores])) {
      floors.push({
        id: `floor-${threads}x${parallel}`,
        title: `Floor: libtensorflow alone, ${threads} thread(s) a run, ${parallel} run(s) at a time`,
        pids: [process.pid],
        drive: (clientCount, sliceMs) => process.ask(`run ${opened.session} ${parallel} ${clientCount} ${sliceMs}`),
      });
    }
  }
  return { floors, index, stop: () => Promise.all(processes.map((process) => process.stop())) };
}

/** ONNX Runtime alone, all cores on one run: what a lone client cannot beat there. */
export function startOnnxFloor({ onnxPath, spec: { input } }) {
  const loop = fileURLToPath(new URL("onnx-loop.mjs", import.meta.url));
  const axes = [input.height, input.width, input.channels].map(String);
  const process = new LineProcess(globalThis.process.execPath, [loop, onnxPath, ...axes]);
  return {
    id: "onnx-floor",
    title: "ONNX Runtime alone, all cores on one run",
    pids: [process.pid],
    drive: (clientCount, sliceMs) => process.ask(`${clientCount} ${sliceMs}`),
    stop: () => process.stop(),
  };
}

/** Import and first run in a process of its own, the optimiser off. @returns {Promise<number>} milliseconds */
export async function coldMs(workload, image) {
  const process = start(workload, image);
  const { totalMs } = await process.ask(`open ${UNOPTIMISED}`);
  await process.stop();
  return totalMs;
}

function tensorOf(input, image) {
  const { pixels } = preprocess(image, JSON.stringify(input), IMAGE_OPTIONS_JSON);
  const channelOf = (offset) => offset % input.channels;
  const sourceOf = (offset) =>
    input.channel_order === "BGR" ? offset - channelOf(offset) + 2 - channelOf(offset) : offset;
  const values = Float32Array.from(
    pixels,
    (_, offset) => (pixels[sourceOf(offset)] - input.mean[channelOf(offset)]) / input.std[channelOf(offset)],
  );
  return Buffer.from(values.buffer);
}

function hexByte(value) {
  return value.toString(16).padStart(2, "0");
}
