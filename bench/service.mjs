/**
 * This service as a contender, on either engine.
 */
import { join } from "node:path";
import { startServer } from "./server-process.mjs";

/** @param {import("./setup.mjs").Setup} setup */
export function startService(setup, engine) {
  return startServer(
    {
      command: process.execPath,
      args: [join(setup.root, "node/dist/server.js")],
      env: { PORT: "0", HOST: "127.0.0.1", ENGINE: engine, MODELS_DIR: setup.modelsDir },
    },
    {
      path: "/infer",
      headers: { "content-type": setup.mediaType, accept: "application/json" },
      body: setup.image,
    },
    (answer) => answer.results[0].index,
  );
}
