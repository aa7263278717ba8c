/**
 * How many answers a second the cores allow on ONNX Runtime, `node bench/ceiling.mjs [SECONDS]`: without HTTP, a process for
 * each core decodes a photo in WebAssembly and runs the model on one thread, one after the other; beside it, in turn, Express +
 * sharp + onnxruntime-node and this service, with eight clients.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { preprocess } from "../wasm/pkg/menagerie_wasm.js";
import * as express from "./contenders/express-onnx.mjs";
import * as service from "./contenders/service-onnxruntime.mjs";
import { IMAGE_OPTIONS_JSON } from "./image-options.mjs";
import { MADE } from "./install.mjs";
import { LineProcess } from "./line-process.mjs";
import { closedLoop } from "./loops.mjs";
import { cpuSeconds } from "./process-tree.mjs";
import { median } from "./statistics.mjs";
import { openWorkload } from "./workload.mjs";

const CLIENTS = 8;
const SLICE_MS = 2000;
const IMAGE = "517x606";

const [seconds = "40", onnxPath, inputJson] = process.argv.slice(2);
if (onnxPath === undefined) for (const id of ["v2", "v1"]) await measure(id);
else await loop(onnxPath, JSON.parse(inputJson));

/** In a process of its own: for each line `WHAT MILLISECONDS` one line of JSON, a slice (`loops.mjs`). */
async function loop(path, input) {
  const { InferenceSession, Tensor } = MADE.require("onnxruntime-node");
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const image = readFileSync(MADE.imagePath(IMAGE));
  const decode = () => preprocess(image, JSON.stringify(input), IMAGE_OPTIONS_JSON).pixels;
  const tensor = new Tensor("float32", Float32Array.from(decode()), [1, input.height, input.width, input.channels]);
  const run = () => session.run({ [session.inputNames[0]]: tensor });
  const work = {
    run,
    both: async () => {
      tensor.data.set(decode());
      await run();
    },
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, sliceMs] = line.split(" ");
    console.log(JSON.stringify(await closedLoop(work[what], 1, Number(sliceMs))));
  }
}

async function measure(id) {
  const workload = await openWorkload(id);
  const { onnxPath: path, spec, title } = workload;
  const args = [fileURLToPath(import.meta.url), seconds, path, JSON.stringify(spec.input)];
  const loops = Array.from({ length: availableParallelism() }, () => new LineProcess(process.execPath, args));
  const alone = (what) => ({
    pids: loops.map(({ pid }) => pid),
    slice: async () => {
      const slices = await Promise.all(loops.map((each) => each.ask(`${what} ${SLICE_MS}`)));
      return slices.reduce((sum, slice) => sum + perSecond(slice), 0);
    },
  });
  const image = readFileSync(MADE.imagePath(IMAGE));
  const servers = { express: await express.start(workload), service: await service.start(workload) };
  const asked = ({ pids, ask }) => ({
    pids,
    slice: async () => perSecond(await closedLoop(() => ask(image), CLIENTS, SLICE_MS)),
  });
  const contenders = {
    "runs alone": alone("run"),
    "decoding and runs": alone("both"),
    "Express + onnxruntime-node": asked(servers.express),
    "this service": asked(servers.service),
  };
  const seen = Object.entries(contenders).map(([name, contender]) => ({ name, ...contender, rates: [], cpuMs: [] }));
  for (const { slice } of seen) await slice();
  const rounds = Math.ceil((1000 * Number(seconds)) / SLICE_MS / seen.length);
  for (let round = 0; round < rounds; round++) {
    for (const { slice, pids, rates, cpuMs } of seen) {
      const before = cpuSeconds(pids);
      const began = performance.now();
      const rate = await slice();
      const count = (rate * (performance.now() - began)) / 1000;
      rates.push(rate);
      cpuMs.push((1000 * (cpuSeconds(pids) - before)) / count);
    }
  }
  const [, , beside] = seen;
  console.log(`${title}: answers a second, processor time of each, both over Express' in the same rounds`);
  for (const { name, rates, cpuMs } of seen) {
    const over = (of) => median(of(rates, cpuMs).map((value, round) => value / of(beside.rates, beside.cpuMs)[round]));
    const ratios = [over((each) => each), over((_, each) => each)].map((ratio) => ratio.toFixed(2)).join(", ");
    console.log(`  ${median(rates).toFixed(0).padStart(5)}, ${median(cpuMs).toFixed(1)} ms; ${ratios}  ${name}`);
  }
  await Promise.all([...loops, ...Object.values(servers)].map((each) => each.stop()));
  await workload.remove();
}

function perSecond({ latenciesMs, wallMs }) {
  return (1000 * latenciesMs.length) / wallMs;
}
