import { fileURLToPath } from "node:url";
import { encodePost } from "../http-client.mjs";
import { asContender, startServer } from "../server-process.mjs";

export const id = "one-shot";
export const title = "A process for each request, the graph on its stdin";
/** A request takes most of a second. */
export const clientsMax = 1;

/** @param {import("../workload.mjs").Workload} workload */
export async function start({ enginePath, graphPath, spec, libtensorflowPath }) {
  const server = await startServer({
    command: process.execPath,
    args: [fileURLToPath(new URL("../one-shot-server.mjs", import.meta.url))],
    env: {
      BENCH_ENGINE_PATH: enginePath,
      BENCH_GRAPH_PATH: graphPath,
      BENCH_SPEC: JSON.stringify(spec),
      LIBTENSORFLOW_PATH: libtensorflowPath,
    },
  });
  return asContender(
    server,
    (image) => encodePost("/", { "content-type": "image/jpeg" }, image),
    (answer) => answer.index,
  );
}
