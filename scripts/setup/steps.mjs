/** What has to be done between a fresh clone and the service, as data. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { arch, platform } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fetchLibtensorflow, findLibtensorflow } from "./libtensorflow.mjs";
import { ROOT_DIR, sharedCacheDir } from "./paths.mjs";
import { buildEnvironment, hasRustToolchain, onPath, output, rustToolchain, WASM_TARGET } from "./tools.mjs";

const WASM_PACK_VERSION = "0.15.1";
/** What npm has of it. */
const WASM_PACK_VERSION_NPM = "0.15.0";
const WASM_PACK_FETCH_MS_MAX = 30_000;
const RUFF_VERSION = "0.17.5";
const SCHEMATHESIS_VERSION = "4.32.5";
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Where Debian's packages put the programs of PostgreSQL, in a folder a version. */
const POSTGRES_DIR = "/usr/lib/postgresql";

/** What every Rust build depends on. */
const RUST_INPUTS = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo", "native/contract", "native/graph"];

const ADDON_INPUTS = ["Cargo.toml", "build.rs", "package.json", "src"].map((name) => `native/addon/${name}`);

const WASM_INPUTS = ["wasm/Cargo.toml", "wasm/src"];

const ENGINE = "target/release/menagerie-engine";

const MACHINE = `${platform()}-${arch()}`;

/** @type {readonly import("./runner.mjs").Step[]} */
export const STEPS = [
  {
    name: "npm packages",
    inputs: [
      "package.json",
      "package-lock.json",
      ...["node", "wasm", "native/addon"].map((dir) => `${dir}/package.json`),
    ],
    key: () => `${MACHINE} node ${process.versions.modules}`,
    outputs: ["node_modules/.package-lock.json"],
    run: ({ exec }) => exec("npm", ["ci", "--no-audit", "--no-fund"]),
  },
  {
    name: "libtensorflow",
    tools: ["pip"],
    isDone: () => findLibtensorflow().dir !== undefined,
    run: async (context) => {
      await fetchLibtensorflow(context);
    },
  },
  {
    name: "Rust toolchain",
    tools: ["rust"],
    isDone: hasRustToolchain,
    run: ({ exec }) => {
      const { channel, components } = rustToolchain();
      const options = ["--profile", "minimal", "--target", WASM_TARGET];
      return exec("rustup", ["toolchain", "install", channel, ...options, "--component", components.join(",")]);
    },
  },
  {
    name: "build tools",
    needs: ["Rust toolchain"],
    tools: ["rust", "linker"],
    isDone: () => findWasmPack() !== undefined && findWasmBindgen() !== undefined,
    run: installBuildTools,
  },
  {
    // By itself, so that it is compiled while the build tools are.
    name: "WebAssembly code",
    needs: ["Rust toolchain"],
    tools: ["rust", "linker"],
    lane: "target",
    inputs: [...RUST_INPUTS, ...WASM_INPUTS],
    outputs: [`target/${WASM_TARGET}/release/menagerie_wasm.wasm`],
    run: ({ exec }) =>
      exec("cargo", ["build", "--release", "--lib", "--target", WASM_TARGET, "--package", "menagerie-wasm"]),
  },
  {
    name: "engine",
    needs: ["Rust toolchain", "npm packages"],
    tools: ["rust", "linker"],
    lane: "target",
    inputs: [...RUST_INPUTS, "native/engine", "native/wrapper", "native/cli", ...ADDON_INPUTS],
    key: () => MACHINE,
    outputs: [ENGINE, `native/addon/menagerie-engine-addon.${MACHINE}${platform() === "linux" ? "-gnu" : ""}.node`],
    run: buildEngine,
  },
  {
    name: "WebAssembly",
    needs: ["build tools", "WebAssembly code"],
    tools: ["rust", "linker"],
    lane: "target",
    inputs: [...RUST_INPUTS, ...WASM_INPUTS],
    outputs: ["pkg", "pkg-web"].flatMap((dir) => [
      `wasm/${dir}/menagerie_wasm.js`,
      `wasm/${dir}/menagerie_wasm_bg.wasm`,
    ]),
    run: buildWasm,
  },
  {
    name: "service",
    needs: ["npm packages"],
    inputs: ["tsconfig.json", "package-lock.json", "node/tsconfig.json", "node/src", "wasm/package.json", "wasm/js"],
    outputs: ["node/dist/server.js", "wasm/dist/wasm/js/node.js"],
    run: ({ exec }) => exec("tsc", ["--build", "node", "wasm/js"]),
  },
  {
    name: "page",
    needs: ["npm packages", "WebAssembly"],
    inputs: [
      "package-lock.json",
      "node/web",
      "node/clients",
      "node/src/client",
      "node/src/generated",
      ...RUST_INPUTS,
      ...WASM_INPUTS,
    ],
    outputs: ["node/web/dist/index.html", "node/web/dist/main.js", "node/web/dist/menagerie_wasm_bg.wasm"],
    run: ({ exec }) => exec("node", ["node/web/build.mjs"]),
  },
  {
    name: "browser",
    lane: "Debian's packages",
    isDone: () => findBrowser() !== undefined || !canInstallPackages(),
    run: async ({ exec }) => {
      await exec("apt-get", ["update"]);
      await exec("apt-get", ["install", "--yes", "--no-install-recommends", "chromium"]);
    },
  },
  {
    name: "PostgreSQL",
    lane: "Debian's packages",
    isDone: () => hasPostgres() || !canInstallPackages(),
    run: async ({ exec }) => {
      await exec("apt-get", ["update"]);
      await exec("apt-get", ["install", "--yes", "--no-install-recommends", "postgresql"]);
    },
  },
  {
    name: "ruff",
    tools: ["pip"],
    isDone: () => existsSync(ruffPath()),
    run: ({ exec }) =>
      exec("python3", ["-m", "pip", "install", "--target", dirname(dirname(ruffPath())), `ruff==${RUFF_VERSION}`]),
  },
];

/** Everything that the running service is made of. */
export const SERVICE = ["npm packages", "libtensorflow", "engine", "WebAssembly", "service", "page"];

/** What the checks of `npm run check` run on. */
export const CHECKS = ["npm packages", "Rust toolchain", "engine", "ruff"];

/** Path of the linter and formatter of the Python files. */
export function ruffPath() {
  return join(toolDir("ruff", RUFF_VERSION), "ruff");
}

/**
 * The fuzzer of the HTTP API. It is no step: where it cannot be had, its test is skipped and everything else goes on.
 * @returns {{ path: string, dir: string } | { reason: string }} its program and the folder of its modules, or why not
 */
export function installSchemathesis() {
  const dir = dirname(toolDir("schemathesis", SCHEMATHESIS_VERSION));
  const path = join(dir, "bin/st");
  if (!existsSync(path)) {
    const options = ["--quiet", "--disable-pip-version-check", "--target", dir];
    const { status, stderr, error } = spawnSync(
      "python3",
      ["-m", "pip", "install", ...options, `schemathesis==${SCHEMATHESIS_VERSION}`],
      { encoding: "utf8" },
    );
    if (status !== 0) return { reason: error?.message ?? stderr.trim().split("\n").at(-1) ?? "pip failed" };
  }
  return { path, dir };
}

/** The tests of clients that others wrote, with the list of what pip brings for them. */
export const PROTOCOL_CLIENTS = join(ROOT_DIR, "node/test/protocol-clients");

/** The tests of what an operator puts beside the service, with the same list of theirs. */
export const DEPLOY_TESTS = join(ROOT_DIR, "deploy/test");

/**
 * A virtual environment with what tests in Python need, one for each list. It is no step, as the fuzzer is none.
 * @param {string} tests their folder, which has a requirements.txt
 * @returns {{ python: string } | { reason: string }} its Python, or why there is none
 */
export function installForTests(tests) {
  const requirements = join(tests, "requirements.txt");
  const digest = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  const dir = dirname(toolDir(basename(tests), digest.slice(0, 12)));
  const python = join(dir, "bin/python");
  const done = join(dir, "installed");
  if (existsSync(done)) return { python };
  const commands = [
    ["python3", "-m", "venv", "--clear", dir],
    [
      python,
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--only-binary=:all:",
      // The list has all that is needed; one of them would bring the whole of TensorFlow.
      "--no-deps",
      "-r",
      requirements,
    ],
  ];
  for (const [program = "", ...args] of commands) {
    const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
    if (status === 0) continue;
    return { reason: error?.message ?? `${stdout}\n${stderr}`.trim().split("\n").at(-1) ?? `${program} failed` };
  }
  writeFileSync(done, "");
  return { python };
}

/**
 * Builds both doors to the engine, the executable and the addon, in one run of napi, which writes the addon's files: in
 * two, what they share would be compiled twice. napi names the target, so cargo's output is a folder deeper than usual.
 * @param {import("./runner.mjs").StepContext} context
 */
async function buildEngine({ exec }) {
  const packages = ["--package", "menagerie-addon", "--package", "menagerie-cli"];
  await exec("napi", ["build", "--platform", "--release", "--", ...packages], { cwd: join(ROOT_DIR, "native/addon") });
  const triple = /^host: (.*)$/m.exec(output("rustc", ["--version", "--verbose"], { cwd: ROOT_DIR }) ?? "")?.[1];
  if (!triple) throw new Error("rustc does not say which machine it compiles for");
  const target = join(ROOT_DIR, ENGINE);
  mkdirSync(dirname(target), { recursive: true });
  // A running service may have the old executable open: it is replaced, not overwritten.
  copyFileSync(join(ROOT_DIR, "target", triple, "release/menagerie-engine"), `${target}.new`);
  renameSync(`${target}.new`, target);
}

/**
 * Runs wasm-pack on its release profile, with the wasm-bindgen of Cargo.lock's version first on the path, for the service
 * and for the page: their code is compiled already.
 * @param {import("./runner.mjs").StepContext} context
 */
async function buildWasm({ exec }) {
  const environment = buildEnvironment();
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

/** The version that the crate is linked with: the command has to be of exactly the same. */
function wasmBindgenVersion() {
  const lock = readFileSync(join(ROOT_DIR, "Cargo.lock"), "utf8");
  const version = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)?.[1];
  if (!version) throw new Error("Cargo.lock holds no wasm-bindgen");
  return version;
}

/** Folder of the wasm-bindgen command of the right version: the user's own, or the one that set-up installed. */
function findWasmBindgen() {
  const version = wasmBindgenVersion();
  const own = onPath("wasm-bindgen");
  const dirs = [...(own ? [dirname(own)] : []), toolDir("wasm-bindgen-cli", version)];
  return dirs.find((dir) => output(join(dir, "wasm-bindgen"), ["--version"]) === `wasm-bindgen ${version}`);
}

/** Path of wasm-pack: the user's own, npm's, or the one that was compiled here. */
function findWasmPack() {
  const fetched = join(toolRoot("wasm-pack-npm", WASM_PACK_VERSION_NPM), "node_modules/wasm-pack/binary/wasm-pack");
  const compiled = join(toolDir("wasm-pack", WASM_PACK_VERSION), "wasm-pack");
  return onPath("wasm-pack") ?? [fetched, compiled].find((path) => existsSync(path));
}

/** A browser for the tests of the page: without one they are skipped, and say so. */
function findBrowser() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  return BROWSERS.map(onPath).find((path) => path !== undefined);
}

/** A server of PostgreSQL for the tests of the store of feedback: without one they are skipped, and say so. */
function hasPostgres() {
  return onPath("initdb") !== undefined || existsSync(POSTGRES_DIR);
}

function canInstallPackages() {
  return process.getuid?.() === 0 && onPath("apt-get") !== undefined;
}

/**
 * @param {string} crate
 * @param {string} version
 */
export function toolDir(crate, version) {
  return join(toolRoot(crate, version), "bin");
}

/**
 * @param {string} name
 * @param {string} version
 */
function toolRoot(name, version) {
  return join(sharedCacheDir(), "tools", `${name}-${version}-${MACHINE}`);
}

/**
 * wasm-pack comes ready from npm, whose package fetches it from where it is released; where that is not reached it is
 * compiled. The commands have much in common: what was compiled for the first serves the second.
 * @param {import("./runner.mjs").StepContext} context
 */
async function installBuildTools(context) {
  const target = join(sharedCacheDir(), "tools", `target.${process.pid}`);
  try {
    // Without its default feature, TLS, which only its test runner uses.
    if (!findWasmBindgen())
      await compileTool(context, target, "wasm-bindgen-cli", wasmBindgenVersion(), [
        "--no-default-features",
        ...["--bin", "wasm-bindgen"],
      ]);
    if (!findWasmPack()) await fetchWasmPack(context).catch(() => {});
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
