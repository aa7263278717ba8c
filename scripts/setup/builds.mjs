/** What is compiled for the service: the engine, with its two doors, and the WebAssembly package. */
import { copyFileSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { findWasmBindgen, findWasmPack } from "./build-tools.mjs";
import { ROOT_DIR } from "./paths.mjs";
import { buildEnvironment, output, WASM_TARGET } from "./tools.mjs";

/** Where the service looks for it. */
export const ENGINE = "target/release/menagerie-engine";

/** What libtensorflow does not do itself is little: a pass over all of it at the end took half of the time, for nothing. */
const ENGINE_PROFILE = { CARGO_PROFILE_RELEASE_LTO: "false" };

const ENGINE_PACKAGES = ["--package", "menagerie-addon", "--package", "menagerie-cli"];

/**
 * Builds both doors to the engine, the executable and the addon, in one run of napi, which writes the addon's files: in
 * two, what they share would be compiled twice. napi names the target, so cargo's output is a folder deeper than usual.
 * @param {import("./runner.mjs").StepContext} context
 */
export async function buildEngine({ exec }) {
  const triple = /^host: (.*)$/m.exec(output("rustc", ["--version", "--verbose"], { cwd: ROOT_DIR }) ?? "")?.[1];
  if (!triple) throw new Error("rustc does not say which machine it compiles for");
  await exec("napi", ["build", "--platform", "--release", "--", ...ENGINE_PACKAGES], {
    cwd: join(ROOT_DIR, "native/addon"),
    env: { ...releaseEnvironment(triple), ...ENGINE_PROFILE },
  });
  const target = join(ROOT_DIR, ENGINE);
  mkdirSync(dirname(target), { recursive: true });
  // A running service may have the old executable open: it is replaced, not overwritten.
  copyFileSync(join(ROOT_DIR, "target", triple, "release/menagerie-engine"), `${target}.new`);
  renameSync(`${target}.new`, target);
}

/**
 * The command that builds them for another machine, with what it needs in the environment.
 * @param {{ triple: string, linker?: string }} platform
 */
export function crossBuild({ triple, linker }) {
  const args = ["build", "--release", "--locked", "--target", triple, ...ENGINE_PACKAGES];
  const named = linker ? { [`CARGO_TARGET_${variable(triple)}_LINKER`]: linker } : {};
  return { program: "cargo", args, env: { ...releaseEnvironment(triple), ...ENGINE_PROFILE, ...named } };
}

/**
 * What they make, from the root.
 * @param {{ triple: string, os: string }} platform
 */
export function engineFiles({ triple, os }) {
  const dir = `target/${triple}/release`;
  return {
    executable: `${dir}/menagerie-engine`,
    addon: `${dir}/libmenagerie_addon.${os === "darwin" ? "dylib" : "so"}`,
  };
}

/**
 * Compiles the code of the WebAssembly package.
 * @param {import("./runner.mjs").StepContext} context
 */
export async function compileWasm({ exec }) {
  const options = ["--release", "--lib", "--target", WASM_TARGET, "--package", "menagerie-wasm"];
  await exec("cargo", ["build", ...options], { env: releaseEnvironment(WASM_TARGET) });
}

/**
 * Runs wasm-pack on its release profile, with the wasm-bindgen of Cargo.lock's version first on the path, for the service
 * and for the page: their code is compiled already.
 * @param {import("./runner.mjs").StepContext} context
 */
export async function buildWasm({ exec }) {
  const environment = releaseEnvironment(WASM_TARGET);
  const PATH = [findWasmBindgen(), environment.PATH].filter(Boolean).join(delimiter);
  const options = ["--mode", "no-install", "--out-name", "menagerie_wasm"];
  const build = async (/** @type {string} */ target, /** @type {string} */ dir) => {
    const place = ["--target", target, "--out-dir", dir];
    await exec(findWasmPack() ?? "wasm-pack", ["build", "wasm", ...options, ...place], {
      env: { ...environment, PATH },
    });
    // It would keep these files out of the package, too; the repository's own names them.
    rmSync(join(ROOT_DIR, "wasm", dir, ".gitignore"), { force: true });
  };
  await Promise.all([build("nodejs", "pkg"), build("web", "pkg-web")]);
}

/**
 * Of builds that others may get: the places of sources, which messages name, say nothing of this machine and its user.
 * @param {string} triple
 */
function releaseEnvironment(triple) {
  const cargoHome = process.env.CARGO_HOME || join(homedir(), ".cargo");
  // In this variable a space ends a flag.
  if (/\s/.test(cargoHome)) return buildEnvironment();
  const name = `CARGO_TARGET_${variable(triple)}_RUSTFLAGS`;
  const flags = [process.env[name], `--remap-path-prefix=${cargoHome}=/cargo`].filter(Boolean).join(" ");
  return { ...buildEnvironment(), [name]: flags };
}

/** @param {string} triple */
function variable(triple) {
  return triple.toUpperCase().replaceAll("-", "_");
}
