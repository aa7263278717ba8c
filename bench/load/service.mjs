/** The built service as a child process, with `inside.mjs` in it. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const INSIDE = new URL("inside.mjs", import.meta.url).href;
const LOG_CHARS_MAX = 10_000_000;

/** Whether this user may have a disk of its own: a small tmpfs. */
export function canMount() {
  return process.platform === "linux" && process.getuid?.() === 0;
}

/**
 * @param {Record<string, string>} [environment] settings of the service
 * @param {number} [diskMib] size of a disk of its own for registered models
 * @param {string} [cores] those that it runs on, as `taskset -c` takes them; all where it is absent
 */
export async function startService(environment = {}, diskMib, cores) {
  const modelsDir = mkdtempSync(join(tmpdir(), "menagerie-load-"));
  if (diskMib !== undefined) execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskMib}m`, "tmpfs", modelsDir]);
  const program = [process.execPath, "--import", INSIDE, join(ROOT, "node/dist/server.js")];
  const [file, ...args] = cores === undefined ? program : ["taskset", "--cpu-list", cores, ...program];
  const child = spawn(file, args, {
    env: {
      ...process.env,
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: "error",
      REGISTERED_MODELS_DIR: modelsDir,
      FEEDBACK_DIR: join(modelsDir, "feedback"),
      TEACH_DIR: join(modelsDir, "teach"),
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log = `${log}${text}`.slice(-LOG_CHARS_MAX);
  });
  const ended = once(child, "exit").then(([code]) => {
    if (diskMib !== undefined) execFileSync("umount", [modelsDir]);
    rmSync(modelsDir, { recursive: true });
    return code;
  });
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    ended.then((code) => {
      throw new Error(`the service ended with ${code}: ${log}`);
    }),
  ]);
  return {
    url: /http:\/\/[^\s)]+/.exec(line)[0],
    /** Of the gRPC port, where `GRPC_PORT` opens one. */
    grpcPort: Number(/ and gRPC \S+:(\d+)/.exec(line)?.[1]),
    child,
    pid: child.pid,
    modelsDir,
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
