/**
 * This service as a contender, on either engine.
 */
import { join } from "node:path";
import { startServer } from "./server-process.mjs";

/** Connections are kept while the other contenders have their turn. */
const KEEP_ALIVE_MS = 3_600_000;

/** @param {import("./setup.mjs").Setup} setup */
export function startService(setup, engine) {
  return startServer(
    {
      command: process.execPath,
      args: [join(setup.root, "node/dist/server.js")],
      env: {
        PORT: "0",
        HOST: "127.0.0.1",
        ENGINE: engine,
        MODELS_DIR: setup.modelsDir,
        KEEP_ALIVE_MS_MAX: String(KEEP_ALIVE_MS),
      },
    },
    {
      path: "/infer",
      headers: { "content-type": setup.mediaType, accept: "application/json" },
      body: setup.image,
    },
    (answer) => answer.results[0].index,
  );
}
