/** The built service as a child process, with `inside.mjs` in it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const INSIDE = new URL("inside.mjs", import.meta.url).href;
const LOG_CHARS_MAX = 10_000_000;

/** @param {Record<string, string>} [environment] settings of the service */
export async function startService(environment = {}) {
  const child = spawn(process.execPath, ["--import", INSIDE, join(ROOT, "node/dist/server.js")], {
    env: { ...process.env, HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "error", ...environment },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log = `${log}${text}`.slice(-LOG_CHARS_MAX);
  });
  const ended = once(child, "exit").then(([code]) => code);
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    ended.then((code) => {
      throw new Error(`the service ended with ${code}: ${log}`);
    }),
  ]);
  return {
    url: /http:\/\/[^\s)]+/.exec(line)[0],
    pid: child.pid,
    log: () => log,
    ended,
    isUp: () => child.exitCode === null && child.signalCode === null,
    tell: (message) => child.connected && child.send(message),
    /** Largest delay of its event loop since last asked, in ms. */
    async delayMs() {
      child.send({ kind: "delay" });
      const [{ delayMs }] = await once(child, "message");
      return delayMs;
    },
    /** Resolves with the exit code. */
    async stop() {
      child.kill("SIGTERM");
      return await ended;
    },
  };
}
