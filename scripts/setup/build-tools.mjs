/** The two commands that make a package of compiled WebAssembly. */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT_DIR, sharedCacheDir, toolDir, toolRoot } from "./paths.mjs";
import { buildEnvironment, onPath, output } from "./tools.mjs";

const WASM_PACK_VERSION = "0.15.1";
/** What npm has of it. */
const WASM_PACK_VERSION_NPM = "0.15.0";
const WASM_PACK_FETCH_MS_MAX = 30_000;

/** The version that the crate is linked with: the command has to be of exactly the same. */
function wasmBindgenVersion() {
  const lock = readFileSync(join(ROOT_DIR, "Cargo.lock"), "utf8");
  const version = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)?.[1];
  if (!version) throw new Error("Cargo.lock holds no wasm-bindgen");
  return version;
}

/** Folder of the wasm-bindgen command of the right version: the user's own, or the one that set-up installed. */
export function findWasmBindgen() {
  const version = wasmBindgenVersion();
  const own = onPath("wasm-bindgen");
  const dirs = [...(own ? [dirname(own)] : []), toolDir("wasm-bindgen-cli", version)];
  return dirs.find((dir) => output(join(dir, "wasm-bindgen"), ["--version"]) === `wasm-bindgen ${version}`);
}

/** Path of wasm-pack: the user's own, npm's, or the one that was compiled here. */
export function findWasmPack() {
  const fetched = join(toolRoot("wasm-pack-npm", WASM_PACK_VERSION_NPM), "node_modules/wasm-pack/binary/wasm-pack");
  const compiled = join(toolDir("wasm-pack", WASM_PACK_VERSION), "wasm-pack");
  return onPath("wasm-pack") ?? [fetched, compiled].find((path) => existsSync(path));
}

/**
 * wasm-pack comes ready from npm, whose package fetches it from where it is released; where that is not reached it is
 * compiled. The commands have much in common: what was compiled for the first serves the second.
 * @param {import("./runner.mjs").StepContext} context
 */
export async function installBuildTools(context) {
  const target = join(sharedCacheDir(), "tools", `target.${process.pid}`);
  try {
    const fetching = findWasmPack() ? undefined : fetchWasmPack(context).catch(() => {});
    if (!findWasmBindgen()) {
      // Without its default feature, TLS, which only its test runner uses.
      const options = ["--no-default-features", "--bin", "wasm-bindgen"];
      await compileTool(context, target, "wasm-bindgen-cli", wasmBindgenVersion(), options);
    }
    await fetching;
    if (!findWasmPack()) await compileTool(context, target, "wasm-pack", WASM_PACK_VERSION);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

/** @param {import("./runner.mjs").StepContext} context */
async function fetchWasmPack({ exec }) {
  const root = toolRoot("wasm-pack-npm", WASM_PACK_VERSION_NPM);
  mkdirSync(root, { recursive: true });
  const options = ["--prefix", root, "--no-save", "--no-audit", "--no-fund"];
  await exec("npm", ["install", ...options, `wasm-pack@${WASM_PACK_VERSION_NPM}`], {
    msMax: WASM_PACK_FETCH_MS_MAX,
  });
}

/**
 * Compiles a command without optimisation, which takes a third of the time and is fast enough for what it does here.
 * Not with `--locked`: a lock file inside a published crate may name versions that are no longer to be had.
 * @param {import("./runner.mjs").StepContext} context
 * @param {string} target folder of what is compiled on the way
 * @param {string} crate
 * @param {string} version
 * @param {string[]} [options]
 */
async function compileTool({ exec }, target, crate, version, options = []) {
  const root = toolRoot(crate, version);
  const place = ["--root", root, "--target-dir", target];
  await exec("cargo", ["install", crate, "--version", `=${version}`, "--debug", ...place, ...options], {
    env: { ...buildEnvironment(), CARGO_PROFILE_DEV_DEBUG: "false" },
  });
}
