import { fileURLToPath } from "node:url";
import { startServer } from "../server-process.mjs";

export const id = "one-shot";
export const title = "A process per request, the graph on its stdin";

/** @param {import("../setup.mjs").Setup} setup */
export function start(setup) {
  return startServer(
    {
      command: process.execPath,
      args: [fileURLToPath(new URL("../one-shot-server.mjs", import.meta.url))],
      env: {
        BENCH_ENGINE_PATH: setup.enginePath,
        BENCH_GRAPH_PATH: setup.graphPath,
        BENCH_SPEC: JSON.stringify(setup.spec),
        ...(setup.libtensorflowPath === undefined ? {} : { LIBTENSORFLOW_PATH: setup.libtensorflowPath }),
      },
    },
    { path: "/", headers: { "content-type": setup.mediaType }, body: setup.image },
    (answer) => answer.index,
  );
}
