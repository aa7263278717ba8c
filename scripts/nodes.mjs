/**
 * The core of the tests from outside, on each Node that the service supports beside the one that runs this: the server,
 * its models, the store, the library and the command, worker threads and the addon. The Nodes come from npm, and stay in
 * the user's cache.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { ROOT_DIR, sharedCacheDir } from "./setup/paths.mjs";
import { buildEnvironment } from "./setup/tools.mjs";

/** One of each line that gets fixes; package.json names the oldest Node that is supported. */
export const NODES = ["22.23.3", "24.9.0", "26.9.0"];
const CORE = ["serve", "models", "registered", "library"].map((name) => `test/e2e/${name}.test.ts`);
const MACHINE = `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;

/**
 * A Node of this version, from the cache or npm.
 * @param {string} version
 * @returns {{ path: string } | { reason: string }} its program, or why it cannot be had
 */
export function installNode(version) {
  const dir = join(sharedCacheDir(), "tools", `node-${version}-${MACHINE}`);
  const path = join(dir, "package/bin/node");
  if (existsSync(path)) return { path };
  mkdirSync(dirname(dir), { recursive: true });
  const work = mkdtempSync(`${dir}-`);
  try {
    const packed = run("npm", ["pack", `node-${MACHINE}@${version}`, "--silent", "--pack-destination", work]);
    if (packed !== undefined) return { reason: `npm pack node-${MACHINE}@${version}: ${packed}` };
    const archive = readdirSync(work).find((name) => name.endsWith(".tgz")) ?? "";
    const unpacked = run("tar", ["-xzf", join(work, archive), "-C", work, "package/bin/node"]);
    if (unpacked !== undefined) return { reason: `${archive}: ${unpacked}` };
    rmSync(join(work, archive));
    // Another set-up may have been first.
    if (!existsSync(dir)) renameSync(work, dir);
    return { path };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {string | undefined} why it failed
 */
function run(program, args) {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 ? undefined : (error?.message ?? (stderr.trim().split("\n").at(-1) || `it ended with ${status}`));
}

/**
 * Runs the core on one Node.
 * @param {string} path
 * @param {string} report where the results go, as vitest's JSON
 */
function runCore(path, report) {
  const environment = buildEnvironment();
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const vitest = join(ROOT_DIR, "node_modules/vitest/vitest.mjs");
  spawnSync(path, [vitest, "run", "--config=node/vitest.config.ts", ...reporters, ...CORE], {
    cwd: ROOT_DIR,
    env: { ...environment, PATH: [dirname(path), environment.PATH].join(delimiter) },
    stdio: "inherit",
  });
}

if (process.argv[1] === import.meta.filename) {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-nodes-"));
  for (const version of NODES.filter((other) => other.split(".")[0] !== process.versions.node.split(".")[0])) {
    const node = installNode(version);
    if ("reason" in node) {
      console.log(`skipped: Node ${version} cannot be had: ${node.reason}`);
      continue;
    }
    console.log(`Node ${version}:`);
    const report = join(dir, `${version}.json`);
    runCore(node.path, report);
    try {
      const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, "utf8"));
      console.log(`on Node ${version}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
      if (numFailedTests > 0 || numPassedTests === 0) process.exitCode = 1;
    } catch {
      console.log(`on Node ${version}: 0 passed, 1 failed, 0 skipped`);
      process.exitCode = 1;
    }
  }
  rmSync(dir, { recursive: true });
}
