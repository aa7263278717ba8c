/**
 * libFuzzer on the decoders or on label files. Long, and therefore no part of `npm test`, whose Rust tests change images and
 * label files for some seconds. Begins with the worst images and the samples; needs no nightly compiler.
 *
 *   node scripts/fuzz-images.mjs [--seconds 600] [--target decode|labels]
 *
 * Fails with the input that was found, which stays in `wasm/fuzz/artifacts`.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT_DIR } from "./setup/paths.mjs";
import { buildEnvironment } from "./setup/tools.mjs";
import { main } from "./setup.mjs";

const FUZZ_DIR = join(ROOT_DIR, "wasm/fuzz");
const SAMPLES_DIR = join(ROOT_DIR, "models/samples");
/** Larger inputs are changed too slowly to be of use. */
const SEED_BYTES_MAX = 64 << 10;
/** What one input may take. */
const INPUT_SECONDS_MAX = 20;
const MEMORY_MB_MAX = 2048;
/** Coverage for libFuzzer, as cargo-fuzz sets it. */
const COVERAGE = [
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  "-Ccodegen-units=1",
  "--cfg=fuzzing",
];

await main(async () => {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "600" }, target: { type: "string", default: "decode" } },
  });
  const host = /host: (\S+)/.exec(run("rustc", ["-vV"], {}, "pipe"))?.[1];
  if (host === undefined) throw new Error("rustc does not say what it compiles for");
  const corpus = join(FUZZ_DIR, "corpus", values.target);
  const artifacts = join(FUZZ_DIR, "artifacts", values.target);
  for (const dir of [corpus, artifacts]) mkdirSync(dir, { recursive: true });
  if (values.target === "decode") addSeeds(corpus);
  const targetDir = join(FUZZ_DIR, "target");
  // With `--target` the flags do not reach build scripts.
  run("cargo", ["build", "--release", "--locked", "--target", host, "--bin", values.target], {
    RUSTFLAGS: COVERAGE.join(" "),
    CARGO_TARGET_DIR: targetDir,
  });
  run(join(targetDir, host, "release", values.target), [
    corpus,
    `-artifact_prefix=${artifacts}/`,
    `-max_total_time=${values.seconds}`,
    `-timeout=${INPUT_SECONDS_MAX}`,
    `-rss_limit_mb=${MEMORY_MB_MAX}`,
    `-max_len=${SEED_BYTES_MAX}`,
    "-print_final_stats=1",
  ]);
});

/** @param {string} corpus folder of inputs to begin with */
function addSeeds(corpus) {
  const made = join(FUZZ_DIR, "target/seeds");
  run("cargo", ["run", "--release", "--example", "worst_images", "--", made, "0", "--small"], {}, "inherit", ROOT_DIR);
  for (const dir of [made, SAMPLES_DIR]) {
    for (const name of readdirSync(dir)) {
      const path = join(dir, name);
      if (statSync(path).size <= SEED_BYTES_MAX) copyFileSync(path, join(corpus, name));
    }
  }
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} environment
 * @param {"inherit" | "pipe"} output
 * @param {string} cwd
 * @returns {string} what it printed, where that is not shown
 */
function run(program, args, environment = {}, output = "inherit", cwd = FUZZ_DIR) {
  const { status, stdout, error } = spawnSync(program, args, {
    cwd,
    env: { ...buildEnvironment(), ...environment },
    stdio: ["ignore", output, "inherit"],
    encoding: "utf8",
  });
  if (error !== undefined || status !== 0)
    throw new Error(`${program} failed: ${error?.message ?? `status ${status}`}`);
  return stdout ?? "";
}
