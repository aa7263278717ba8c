/** What has to be done between a fresh clone and the service, as data. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { platform } from "node:os";
import { basename, dirname, join } from "node:path";
import { fetchRuntime, findRuntime } from "./bring-runtime.mjs";
import { findWasmBindgen, findWasmPack, installBuildTools } from "./build-tools.mjs";
import { buildEngine, buildWasm, compileWasm, ENGINE } from "./builds.mjs";
import { MACHINE, ROOT_DIR, toolDir } from "./paths.mjs";
import { RUNTIMES, wantedRuntimes } from "./runtimes.mjs";
import { hasRustToolchain, onPath, rustToolchain, WASM_TARGET } from "./tools.mjs";

const RUFF_VERSION = "0.17.5";
const SCHEMATHESIS_VERSION = "4.32.5";
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Where Debian's packages put the programs of PostgreSQL, in a folder a version. */
const POSTGRES_DIR = "/usr/lib/postgresql";

/** Where packages put it: folders that the path of a user need not have. */
const HAPROXY_PATHS = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/opt/homebrew/bin/haproxy"];
const NGINX_PATHS = ["/usr/sbin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"];

/** What every Rust build depends on. */
const RUST_INPUTS = [
  ...["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo", "scripts/setup/builds.mjs"],
  ...["native/contract", "native/graph"],
];

const ADDON_INPUTS = ["Cargo.toml", "build.rs", "package.json", "src"].map((name) => `native/addon/${name}`);

const WASM_INPUTS = ["wasm/Cargo.toml", "wasm/src", "native/teach"];

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
  ...RUNTIMES.map((runtime) => ({
    name: runtime.name,
    tools: /** @type {const} */ (["pip"]),
    isDone: () => findRuntime(runtime).dir !== undefined,
    run: async (/** @type {import("./runner.mjs").StepContext} */ context) => {
      await fetchRuntime(runtime, context);
    },
  })),
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
    run: compileWasm,
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
      "node/src/label-name.ts",
      "node/src/printable.ts",
      "node/src/wilson.ts",
      ...RUST_INPUTS,
      ...WASM_INPUTS,
    ],
    outputs: ["node/web/dist/index.html", "node/web/dist/main.js", "node/web/dist/menagerie_wasm_bg.wasm.gz"],
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
    name: "nginx",
    lane: "Debian's packages",
    isDone: () => NGINX_PATHS.some((path) => existsSync(path)) || !canInstallPackages(),
    run: async ({ exec }) => {
      await exec("apt-get", ["update"]);
      await exec("apt-get", ["install", "--yes", "--no-install-recommends", "nginx-light"]);
    },
  },
  {
    name: "HAProxy",
    lane: "Debian's packages",
    isDone: () => HAPROXY_PATHS.some((path) => existsSync(path)) || !canInstallPackages(),
    run: async ({ exec }) => {
      await exec("apt-get", ["update"]);
      await exec("apt-get", ["install", "--yes", "--no-install-recommends", "haproxy"]);
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

/** Everything that the running service is made of, with the runtimes that `RUNTIME` wants. */
export const SERVICE = [
  "npm packages",
  ...wantedRuntimes(process.env.RUNTIME).map(({ name }) => name),
  "engine",
  "WebAssembly",
  "service",
  "page",
];

/** What tests need beside it: all runtimes, and the programs that some of them drive. */
export const TESTS = [...RUNTIMES.map(({ name }) => name), "browser", "PostgreSQL", "nginx", "HAProxy"];

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

/** The tests of graphs that are written as ONNX models, with theirs. */
export const ONNX_TESTS = join(ROOT_DIR, "native/graph/tests/onnx");

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
