/**
 * Express + sharp + onnxruntime-node, as one would write it: the same weights as ONNX, all three with their defaults.
 */
import { MADE } from "./install.mjs";

const express = MADE.require("express");
const sharp = MADE.require("sharp");
const { InferenceSession, Tensor } = MADE.require("onnxruntime-node");

const { input } = JSON.parse(process.env.BENCH_SPEC);
const session = await InferenceSession.create(process.env.BENCH_ONNX_PATH);
const [inputName] = session.inputNames;
const [outputName] = session.outputNames;

const app = express();
app.post("/", express.raw({ type: "image/*", limit: "64mb" }), async (request, response) => {
  const pixels = await sharp(request.body)
    .resize(input.width, input.height, { fit: "fill" })
    .removeAlpha()
    .raw()
    .toBuffer();
  const values = new Float32Array(pixels.length);
  for (let offset = 0; offset < pixels.length; offset++) {
    const channel = offset % input.channels;
    values[offset] = (pixels[offset] - input.mean[channel]) / input.std[channel];
  }
  const tensor = new Tensor("float32", values, [1, input.height, input.width, input.channels]);
  const { data: scores } = (await session.run({ [inputName]: tensor }))[outputName];
  const index = scores.indexOf(Math.max(...scores));
  response.json({ index, probability: scores[index] });
});

const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
// Connections are kept while the other contenders have their turn.
server.keepAliveTimeout = 0;
process.once("SIGTERM", () => process.exit(0));
