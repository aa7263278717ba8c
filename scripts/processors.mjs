/**
 * The same on every processor: runs the pixels program, the graph program and the graph tests on an emulated x86-64
 * without AVX2 and an emulated aarch64, and compares what they print with what this machine prints, line for line. Writes
 * docs/processors.md with `--write`.
 *
 * It needs an x86-64 Linux, QEMU's user emulation, a linker and a C library for aarch64, and Rust's library for it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join, relative } from "node:path";
import { ROOT_DIR } from "./setup/paths.mjs";
import { buildEnvironment, onPath, output } from "./setup/tools.mjs";
import { main } from "./setup.mjs";

const PAGE = join(ROOT_DIR, "docs/processors.md");
const SHARED_DIR = process.env.MENAGERIE_SHARED ?? join(ROOT_DIR, "../shared");
const X86_64 = "x86_64-unknown-linux-gnu";
const AARCH64 = "aarch64-unknown-linux-gnu";

/**
 * @typedef {object} Processor
 * @property {string} name
 * @property {string} target Rust's name of it
 * @property {string} runner what runs its programs here; empty for this machine itself
 */

/** @type {Processor} */
const THIS = { name: "this machine", target: X86_64, runner: "" };
/** @type {readonly Processor[]} */
const OTHERS = [
  { name: "x86-64 without AVX2 (Nehalem)", target: X86_64, runner: "qemu-x86_64 -cpu Nehalem" },
  { name: "aarch64", target: AARCH64, runner: "qemu-aarch64 -L /usr/aarch64-linux-gnu" },
];

/** Side, mode and filter of the pixels program. */
const FITS = [
  ["224", "stretch", "antialias"],
  ["160", "center-crop", "bilinear"],
  ["96", "pad", "nearest"],
];

await main(async () => {
  checkTools();
  const images = [...filesIn("models/samples"), ...sharedFiles("images"), ...sharedFiles("image-torture")].filter(
    (file) => !/\.(md|tsv|txt|json)$/.test(file),
  );
  const graphs = [...filesIn("models"), ...sharedFiles("zoo-data"), ...sharedFiles("graphs-odd")].filter((file) =>
    file.endsWith(".pb"),
  );
  const wanted = report(THIS, images, graphs);
  const rows = OTHERS.map((processor) => {
    const began = performance.now();
    const found = report(processor, images, graphs);
    const differences = Object.entries(wanted).map(([part, lines]) => differing(lines, found[part] ?? []));
    for (const line of differences.flat()) console.log(`${processor.name}: ${line}`);
    console.log(`${processor.name}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
    return { name: processor.name, counts: differences.map((lines) => lines.length) };
  });
  const page = describe(wanted, images.length, graphs.length, rows);
  console.log(page);
  if (process.argv.includes("--write")) writeFileSync(PAGE, page);
  if (rows.some(({ counts }) => counts.some((count) => count > 0))) throw new Error("processors differ");
});

/** @throws Error with the command that installs what is missing */
function checkTools() {
  if (process.platform !== "linux" || process.arch !== "x64") throw new Error("This runs on an x86-64 Linux alone.");
  if (["qemu-x86_64", "qemu-aarch64", "aarch64-linux-gnu-gcc"].some((program) => onPath(program) === undefined)) {
    throw new Error(
      "Something is missing. Install:\n  apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
    );
  }
  const sysroot = output("rustc", ["--print", "sysroot"], { cwd: ROOT_DIR, env: buildEnvironment() });
  if (!existsSync(join(sysroot ?? "", "lib/rustlib", AARCH64))) {
    throw new Error(`Rust's library for aarch64 is missing. Install:\n  rustup target add ${AARCH64}`);
  }
}

/**
 * What the programs and tests print on a processor.
 * @param {Processor} processor
 * @param {string[]} images
 * @param {string[]} graphs
 * @returns {Record<string, string[]>} lines by what they are of
 */
function report(processor, images, graphs) {
  console.log(`${processor.name}: ${images.length} images, ${graphs.length} graphs, the graph tests`);
  const pixels = FITS.flatMap((fit) =>
    cargo(processor, "run", ["--package", "menagerie-wasm", "--example", "pixels", "--", ...fit, ...images]),
  );
  const digests = cargo(processor, "run", ["--package", "menagerie-graph", "--example", "digests", "--", ...graphs]);
  const tests = cargo(processor, "test", ["--package", "menagerie-graph", "--no-fail-fast"]);
  return { images: pixels, graphs: digests, tests: tests.filter((line) => /^test .* \.\.\. /.test(line)).sort() };
}

/**
 * The lines that cargo's program prints. A failed test is a line like any other.
 * @param {Processor} processor
 * @param {"run" | "test"} command
 * @param {string[]} args
 * @returns {string[]}
 */
function cargo({ target, runner }, command, args) {
  const variable = `CARGO_TARGET_${target.toUpperCase().replaceAll("-", "_")}`;
  /** @type {NodeJS.ProcessEnv} */
  const environment = buildEnvironment();
  if (runner !== "") environment[`${variable}_RUNNER`] = runner;
  if (target === AARCH64) environment[`${variable}_LINKER`] = "aarch64-linux-gnu-gcc";
  const place = target === X86_64 ? [] : ["--target", target];
  const { status, stdout, stderr, error } = spawnSync("cargo", [command, "--locked", ...place, ...args], {
    cwd: ROOT_DIR,
    env: environment,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  if (error) throw error;
  if (stdout === "") throw new Error(`cargo ${command} ended with ${status}:\n${stderr}`);
  return stdout.trimEnd().split("\n");
}

/**
 * Lines that only one side has.
 * @param {string[]} wanted
 * @param {string[]} found
 */
function differing(wanted, found) {
  const [left, right] = [new Set(wanted), new Set(found)];
  return [...wanted.filter((line) => !right.has(line)), ...found.filter((line) => !left.has(line))];
}

/**
 * @param {string} dir below the project's folder
 * @returns {string[]} paths from the project's folder, so that lines are alike wherever it is
 */
function filesIn(dir) {
  return readdirSync(join(ROOT_DIR, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT_DIR, join(entry.parentPath, entry.name)))
    .sort();
}

/** @param {string} name */
function sharedFiles(name) {
  const dir = join(SHARED_DIR, name);
  if (existsSync(dir)) return filesIn(relative(ROOT_DIR, dir));
  console.log(`skipped: the test data ${name}/ is not beside the project (set MENAGERIE_SHARED)`);
  return [];
}

/**
 * @param {Record<string, string[]>} wanted
 * @param {number} imageCount
 * @param {number} graphCount
 * @param {{ name: string, counts: number[] }[]} rows
 */
function describe(wanted, imageCount, graphCount, rows) {
  const refused = (wanted.images ?? []).filter((line) => !/ [0-9a-f]{64}$/.test(line)).length;
  const commit = output("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT_DIR }) ?? "unknown";
  return `# Other processors

Written by \`node scripts/processors.mjs --write\`: programs for each processor, run here by QEMU, against the same programs
on this machine (${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores). Lines that differ:

| processor | pixels | graphs | tests |
|---|---:|---:|---:|
${rows.map(({ name, counts }) => `| ${name} | ${counts.join(" | ")} |`).join("\n")}

- pixels: \`wasm/examples/pixels.rs\` prints the SHA-256 of the pixels of ${imageCount} images in ${FITS.length} settings
  (${FITS.map((fit) => fit.join(" ")).join(", ")}), or the code of a refusal: ${wanted.images?.length} lines, ${refused} of them refusals.
- graphs: \`native/graph/examples/digests.rs\` prints the SHA-256 of all that is found out about each of ${graphCount} graphs, its
  numbers to the last digit, and of the graph that is prepared of it, or why it is refused.
- tests: \`cargo test --package menagerie-graph\`, ${wanted.tests?.length} tests.
- libtensorflow is not among them: it is fetched for this machine alone. Which of its kernels run, and that they agree, is
  tested by \`npm test\`, with oneDNN on and off.
- Commit ${commit}.
`;
}
