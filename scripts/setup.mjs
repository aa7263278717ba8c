/**
 * From a fresh clone to everything that the service needs, on Node's built-ins alone: `npm ci` is one of its steps.
 *
 * Run on its own it prepares the service; `npm start`, `npm test` and `npm run check` call `setUp`.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findRuntime, linkCache } from "./setup/bring-runtime.mjs";
import { takeLock } from "./setup/lock.mjs";
import { CACHE_DIR, ROOT_DIR } from "./setup/paths.mjs";
import { plan, runSteps } from "./setup/runner.mjs";
import { RUNTIMES } from "./setup/runtimes.mjs";
import { writeJson } from "./setup/stamps.mjs";
import { SERVICE, STEPS } from "./setup/steps.mjs";
import { checkTools } from "./setup/tools.mjs";

const FOLDERS = { root: ROOT_DIR, cache: CACHE_DIR };

/**
 * Brings the goals up to date. Returns at once when nothing changed; waits for another set-up of this clone.
 * @param {readonly string[]} goals names of steps
 * @throws Error in words for the user
 */
export async function setUp(goals) {
  if (plan(STEPS, goals, FOLDERS).length > 0) {
    const release = await takeLock(join(CACHE_DIR, "setup.lock"), (pid) => {
      console.log(`Another set-up (process ${pid}) is at work here; waiting for it to finish.`);
    });
    try {
      // Planned again: the other one may have done everything.
      const planned = plan(STEPS, goals, FOLDERS);
      checkTools(["node", ...planned.flatMap(({ step }) => step.tools ?? [])]);
      const times = await runSteps(planned, FOLDERS);
      writeJson(join(CACHE_DIR, "setup/times.json"), times);
    } finally {
      release();
    }
  }
  for (const runtime of RUNTIMES) {
    linkCache(runtime);
    const { dir } = findRuntime(runtime);
    if (dir !== undefined) process.env[runtime.variable] = dir;
  }
}

/**
 * Runs a program's work and ends the process with a message, not a stack, when it fails.
 * @param {() => Promise<unknown>} work
 */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(() => setUp(SERVICE));
