/**
 * Runs an ONNX model on a tensor that is ready, and nothing else: for each line `CLIENTS MILLISECONDS` one line of JSON, a
 * slice (`loops.mjs`). All cores share one run, which is ONNX Runtime's default.
 *
 *   node onnx-loop.mjs MODEL HEIGHT WIDTH CHANNELS
 */
import { createInterface } from "node:readline";
import { MADE } from "./install.mjs";
import { closedLoop } from "./loops.mjs";

const { InferenceSession, Tensor } = MADE.require("onnxruntime-node");

const [path = "", ...axes] = process.argv.slice(2);
const shape = [1, ...axes.map(Number)];
const values = new Float32Array(shape.reduce((product, extent) => product * extent));
const session = await InferenceSession.create(path);
const feed = { [session.inputNames[0]]: new Tensor("float32", values, shape) };
await session.run(feed);

for await (const line of createInterface({ input: process.stdin })) {
  const [clientCount, sliceMs] = line.split(" ").map(Number);
  console.log(JSON.stringify(await closedLoop(() => session.run(feed), clientCount, sliceMs)));
}
