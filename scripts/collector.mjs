/**
 * A real collector of OpenTelemetry for the tests, built from the Go modules that its makers publish; there is no package
 * with the program in it. It stays in the user's cache.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sharedCacheDir } from "./setup/paths.mjs";

const SOURCE_DIR = fileURLToPath(new URL("collector", import.meta.url));
/** As in its go.mod. */
const VERSION = "0.165.0";
/** A quiet machine with two cores takes a minute. */
const BUILD_MS_MAX = 240_000;

/**
 * The collector, from the cache or built.
 * @returns {{ path: string } | { reason: string }} its program, or why it cannot be had
 */
export function installCollector() {
  const dir = join(sharedCacheDir(), "tools", `otelcol-${VERSION}-${process.platform}-${process.arch}`);
  const path = join(dir, "otelcol");
  if (existsSync(path)) return { path };
  mkdirSync(dirname(dir), { recursive: true });
  const work = mkdtempSync(`${dir}-`);
  try {
    cpSync(SOURCE_DIR, work, { recursive: true });
    const deadline = Date.now() + BUILD_MS_MAX;
    for (const args of [
      ["mod", "tidy"],
      ["build", "-trimpath", "-ldflags=-s -w", "-o", "otelcol", "."],
    ]) {
      const options = { cwd: work, encoding: /** @type {const} */ ("utf8"), timeout: deadline - Date.now() };
      const { status, stderr, error } = spawnSync("go", args, options);
      if (status !== 0) {
        const why = error?.message ?? stderr.trim().split("\n").at(-1);
        return { reason: `go ${args[0]} of the OpenTelemetry collector: ${why}` };
      }
    }
    // Another test may have been first.
    if (!existsSync(dir)) renameSync(work, dir);
    return { path };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
