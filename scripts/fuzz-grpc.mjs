/**
 * The gRPC port of a started service against what no proper client sends, for as long as wanted; `npm test` does so for
 * seconds. Afterwards the service must be up, hold nothing, have logged no bug, and stop cleanly.
 *
 *   node scripts/fuzz-grpc.mjs [--seconds 600] [--seed 1]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { attack } from "../node/test/support/malformed-grpc.mjs";
import { ROOT_DIR } from "./setup/paths.mjs";
import { SERVICE } from "./setup/steps.mjs";
import { main, setUp } from "./setup.mjs";

/** Between two looks at the service's memory. */
const ROUND_SECONDS = 30;
/** In which idle connections are ended, and what was refused is dropped. */
const QUIET_MS = 8000;
const SHORT = { KEEP_ALIVE_MS_MAX: "2000", HEADERS_MS_MAX: "2000", UPLOAD_GRACE_MS: "1000", SHUTDOWN_MS_MAX: "10000" };

await main(async () => {
  const { values: flags } = parseArgs({
    options: { seconds: { type: "string", default: "600" }, seed: { type: "string", default: "1" } },
  });
  await setUp(SERVICE);
  const dir = mkdtempSync(join(tmpdir(), "menagerie-fuzz-grpc-"));
  const child = spawn(process.execPath, [join(ROOT_DIR, "node/dist/server.js")], {
    env: { ...process.env, ...SHORT, HOST: "127.0.0.1", PORT: "0", GRPC_PORT: "0", REGISTERED_MODELS_DIR: dir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log = (log + text).slice(-1_000_000);
    if (/"internal"|uncaught/.test(text)) console.log(text);
  });
  try {
    const ended = once(child, "exit").then(() => {
      throw new Error(`the service ended:\n${log.slice(-5000)}`);
    });
    const [line] = await Promise.race([once(createInterface(child.stdout), "line"), ended]);
    const [, url = "", address = ""] = /(http:\S+) and gRPC (\S+)/.exec(String(line)) ?? [];
    /** @type {Record<string, number>} */
    const sum = {};
    for (
      let seconds = 0, seed = Number(flags.seed);
      seconds < Number(flags.seconds);
      seconds += ROUND_SECONDS, seed += 1
    ) {
      const left = Math.min(ROUND_SECONDS, Number(flags.seconds) - seconds);
      const counts = await Promise.race([attack(address, { seconds: left, seed }), ended]);
      for (const [kind, count] of Object.entries(counts)) sum[kind] = (sum[kind] ?? 0) + count;
      console.log(`seed ${seed}: ${JSON.stringify(counts)}, ${memoryOf(child.pid ?? 0)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const { held } = /** @type {{ held: Record<string, number> }} */ (await (await fetch(`${url}/readyz`)).json());
    console.log(`${JSON.stringify(sum)}; held: ${JSON.stringify(held)}; ${memoryOf(child.pid ?? 0)}`);
    // The last one is that of the question.
    if (held.requests !== 0 || held.waiting !== 0 || held.bytes !== 0 || (held.connections ?? 0) > 1) {
      throw new Error("something is still held");
    }
    if (log.includes('"internal"')) throw new Error("a bug was logged");
    child.kill("SIGTERM");
    await ended.catch(() => {});
    const code = child.exitCode;
    if (code !== 0) throw new Error(`it stopped with ${code}:\n${log.slice(-5000)}`);
  } finally {
    child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  }
});

/** @param {number} pid */
function memoryOf(pid) {
  const [, kilobytes = "?"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return `${Math.round(Number(kilobytes) / 1024)} MB`;
}
