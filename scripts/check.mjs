/**
 * `npm run check`: types, lints and formats of every language, and that generated files are what their sources say.
 * Runs every check, and fails when one of them did.
 */
import { spawnSync } from "node:child_process";
import { changedSince, generate, readGenerated } from "./generate.mjs";
import { ROOT_DIR } from "./setup/paths.mjs";
import { CHECKS, ruffPath } from "./setup/steps.mjs";
import { buildEnvironment, WASM_TARGET } from "./setup/tools.mjs";
import { main, setUp } from "./setup.mjs";

const CLIPPY = ["clippy", "--locked", "--quiet"];
const NO_WARNINGS = ["--", "-D", "warnings"];

await main(async () => {
  const before = readGenerated();
  await setUp(CHECKS);

  /** @type {readonly [string, () => string | undefined][]} each with what is wrong, or undefined */
  const checks = [
    ["TypeScript and JavaScript: Biome", command("biome", ["ci", "--colors=off", "."])],
    ["TypeScript: types", command("tsc", ["--build"])],
    ["JavaScript of scripts/: types", command("tsc", ["--project", "scripts"])],
    ["Rust: format", command("cargo", ["fmt", "--all", "--check"])],
    ["Rust: clippy", command("cargo", [...CLIPPY, "--workspace", "--all-targets", ...NO_WARNINGS])],
    [
      "Rust for WebAssembly: clippy",
      command("cargo", [...CLIPPY, "--package", "menagerie-wasm", "--target", WASM_TARGET, ...NO_WARNINGS]),
    ],
    ["Python: lints", command(ruffPath(), ["check", "."])],
    ["Python: format", command(ruffPath(), ["format", "--check", "."])],
    ["generated files", generatedFilesAreFresh(before)],
  ];

  /** @type {string[]} */
  const failures = [];
  for (const [name, check] of checks) {
    const began = performance.now();
    const wrong = check();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${wrong === undefined ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
    if (wrong !== undefined) {
      console.log(wrong.trimEnd().replace(/^/gm, "  | "));
      failures.push(name);
    }
  }
  if (failures.length > 0)
    throw new Error(`${failures.length} of ${checks.length} checks failed: ${failures.join("; ")}`);
  console.log(`All ${checks.length} checks passed.`);
});

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {() => string | undefined}
 */
function command(program, args) {
  return () => {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      cwd: ROOT_DIR,
      env: buildEnvironment(),
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    });
    if (error) return `${program} cannot be run: ${error.message}`;
    return status === 0 ? undefined : `$ ${program} ${args.join(" ")}\n${stdout}${stderr}`;
  };
}

/**
 * @param {ReturnType<typeof readGenerated>} before as they were before set-up, whose builds write some of them
 * @returns {() => string | undefined}
 */
function generatedFilesAreFresh(before) {
  return () => {
    generate();
    const changed = changedSince(before);
    return changed.length === 0 ? undefined : `regenerated differently, commit them: ${changed.join(", ")}`;
  };
}
