/**
 * This service as a contender, on either engine.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT_DIR } from "../scripts/setup/paths.mjs";
import { encodePost } from "./http-client.mjs";
import { asContender, startServer } from "./server-process.mjs";

/** Connections are kept while the other contenders have their turn. */
const KEEP_ALIVE_MS = 3_600_000;

export const ACCEPT_JSON = { accept: "application/json" };

/**
 * Its feedback is kept in a folder of its own, which is removed when it ends.
 * @param {import("./workload.mjs").Workload} workload
 * @param {Record<string, string>} [settings] environment variables of the service
 * @param {{prefix?: string[], nodeArgs?: string[], messages?: boolean}} [how] a command before Node's, and Node's options
 */
export async function startService(
  { modelsDir },
  settings = {},
  { prefix = [], nodeArgs = [], messages = false } = {},
) {
  const [command, ...args] = [...prefix, process.execPath, ...nodeArgs, join(ROOT_DIR, "node/dist/server.js")];
  const feedbackDir = mkdtempSync(join(tmpdir(), "menagerie-bench-feedback-"));
  const removeFeedback = () => rmSync(feedbackDir, { recursive: true, force: true });
  const env = {
    PORT: "0",
    HOST: "127.0.0.1",
    MODELS_DIR: modelsDir,
    FEEDBACK_DIR: feedbackDir,
    KEEP_ALIVE_MS_MAX: String(KEEP_ALIVE_MS),
    LOG_LEVEL: "info",
    ...settings,
  };
  try {
    const server = await startServer({ command, args, messages, env });
    server.child.once("exit", removeFeedback);
    return server;
  } catch (error) {
    removeFeedback();
    throw error;
  }
}

export const encodeInfer = (image) => encodePost("/infer", { "content-type": "image/jpeg", ...ACCEPT_JSON }, image);

/**
 * @param {import("./workload.mjs").Workload} workload
 * @param {"process" | "addon"} engine
 * @param {Record<string, string>} [settings] beside it
 */
export async function startContender(workload, engine, settings = {}) {
  return asContender(
    await startService(workload, { ENGINE: engine, ...settings }),
    encodeInfer,
    (answer) => answer.results[0].index,
  );
}
