/** The tools that set-up needs on the machine, and the one command that installs each. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir, platform } from "node:os";
import { delimiter, join } from "node:path";
import { ROOT_DIR } from "./paths.mjs";

const NODE_VERSION_MIN = [20, 19];
export const WASM_TARGET = "wasm32-unknown-unknown";

/**
 * @typedef {object} Tool
 * @property {string} why what it is needed for
 * @property {() => boolean} isPresent
 * @property {() => string} install the command that installs it
 */

/** @type {Record<"node" | "rust" | "linker" | "pip", Tool>} */
export const TOOLS = {
  node: {
    why: `the service needs Node ${NODE_VERSION_MIN.join(".")} or later, and this is ${process.versions.node}`,
    isPresent: isNodeRecent,
    install: () => (platform() === "darwin" ? "brew install node@22" : "nvm install 22"),
  },
  rust: {
    why: `rustup or Rust ${rustToolchain().channel} with the target ${WASM_TARGET} is needed to build the engine and the WebAssembly function`,
    isPresent: () => onPath("rustup") !== undefined || hasRustToolchain(),
    install: () => "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y",
  },
  linker: {
    why: "a C linker (cc) is needed: Rust links with it",
    isPresent: () => onPath("cc") !== undefined,
    install: () => (platform() === "darwin" ? "xcode-select --install" : packageCommand("gcc")),
  },
  pip: {
    why: "python3 with pip is needed to download libtensorflow and ONNX Runtime (unless LIBTENSORFLOW_PATH and ONNXRUNTIME_PATH name folders that have them)",
    isPresent: () => runs("python3", ["-m", "pip", "--version"]),
    install: () => packageCommand("python3-pip"),
  },
};

/** @typedef {keyof typeof TOOLS} ToolName */

/**
 * Checks all the tools at once, so that nobody installs one only to hear of the next.
 * @param {Iterable<ToolName>} names
 * @throws Error with a line and a command for each missing one
 */
export function checkTools(names) {
  const missing = [...new Set(names)].map((name) => TOOLS[name]).filter((tool) => !tool.isPresent());
  if (missing.length === 0) return;
  const lines = missing.map((tool) => `  - ${tool.why}. Install:\n      ${tool.install()}`);
  throw new Error(["Something is missing on this machine:", ...lines, "Then run the same command again."].join("\n"));
}

/** What rust-toolchain.toml asks for. */
export function rustToolchain() {
  const text = readFileSync(join(ROOT_DIR, "rust-toolchain.toml"), "utf8");
  const channel = /channel *= *"([^"]+)"/.exec(text)?.[1];
  if (!channel) throw new Error("rust-toolchain.toml names no channel");
  const components = /components *= *\[([^\]]*)\]/.exec(text)?.[1] ?? "";
  return { channel, components: [...components.matchAll(/"([^"]+)"/g)].map((match) => String(match[1])) };
}

/** Whether cargo would build with the pinned Rust, for the wasm target too, without downloading anything. */
export function hasRustToolchain() {
  const options = { cwd: ROOT_DIR, env: { ...buildEnvironment(), RUSTUP_AUTO_INSTALL: "0" } };
  const version = output("rustc", ["--version"], options);
  const sysroot = output("rustc", ["--print", "sysroot"], options);
  return Boolean(
    version?.startsWith(`rustc ${rustToolchain().channel} `) &&
      sysroot &&
      existsSync(join(sysroot, "lib/rustlib", WASM_TARGET)),
  );
}

/**
 * The environment of every build: the commands of npm's packages and cargo's own folder are searched too, and builds
 * land in this clone's target/.
 */
export function buildEnvironment() {
  const cargoBin = join(process.env.CARGO_HOME || join(homedir(), ".cargo"), "bin");
  const path = [join(ROOT_DIR, "node_modules/.bin"), process.env.PATH, cargoBin].filter(Boolean).join(delimiter);
  return { ...process.env, PATH: path, CARGO_TARGET_DIR: join(ROOT_DIR, "target"), CARGO_TERM_PROGRESS_WHEN: "never" };
}

/**
 * @param {string} program
 * @returns {string | undefined} its path
 */
export function onPath(program) {
  const dirs = (buildEnvironment().PATH ?? "").split(delimiter).filter(Boolean);
  return dirs.map((dir) => join(dir, program)).find((path) => existsSync(path));
}

/**
 * What a command prints, without the last line's end.
 * @param {string} program
 * @param {string[]} args
 * @param {import("node:child_process").ExecFileSyncOptions} [options]
 * @returns {string | undefined} undefined when it is missing or fails
 */
export function output(program, args, options) {
  try {
    return String(
      execFileSync(program, args, { stdio: ["ignore", "pipe", "ignore"], env: buildEnvironment(), ...options }),
    ).trim();
  } catch {
    return undefined;
  }
}

/**
 * @param {string} program
 * @param {string[]} args
 */
function runs(program, args) {
  return output(program, args) !== undefined;
}

function isNodeRecent() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [majorMin = 0, minorMin = 0] = NODE_VERSION_MIN;
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

/**
 * The command of this system's package manager that installs a package, named as in Debian.
 * @param {string} debianName
 */
export function packageCommand(debianName) {
  const sudo = process.getuid?.() === 0 ? "" : "sudo ";
  if (onPath("apt-get")) return `${sudo}apt-get update && ${sudo}apt-get install -y ${debianName}`;
  if (onPath("dnf")) return `${sudo}dnf install -y ${debianName}`;
  if (onPath("apk")) return `${sudo}apk add ${debianName}`;
  if (onPath("brew")) return `brew install ${debianName === "python3-pip" ? "python" : debianName}`;
  return `install ${debianName} with your system's package manager`;
}
