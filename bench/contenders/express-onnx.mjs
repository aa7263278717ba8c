import { fileURLToPath } from "node:url";
import { encodePost } from "../http-client.mjs";
import { QUIET } from "../line-process.mjs";
import { asContender, startServer } from "../server-process.mjs";

export const id = "express-onnx";
export const title = "Express + sharp + onnxruntime-node";

/** @param {import("../workload.mjs").Workload} workload */
export async function start({ onnxPath, spec }) {
  const server = await startServer({
    command: process.execPath,
    args: [fileURLToPath(new URL("../express-server.mjs", import.meta.url))],
    env: { ...QUIET, BENCH_ONNX_PATH: onnxPath, BENCH_SPEC: JSON.stringify(spec) },
  });
  return asContender(
    server,
    (image) => encodePost("/", { "content-type": "image/jpeg" }, image),
    (answer) => answer.index,
  );
}
