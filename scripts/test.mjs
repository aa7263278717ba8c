/**
 * `npm test`: set-up, then every suite, then one line with the sum. Names of suites as arguments run those alone:
 * `npm test -- service`.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT_DIR } from "./setup/paths.mjs";
import { SERVICE, TESTS } from "./setup/steps.mjs";
import { buildEnvironment } from "./setup/tools.mjs";
import { main, setUp } from "./setup.mjs";
import { countCargoTests, countFuzz, countNodes, countNodeTests, countUnittest, countVitestTests } from "./tallies.mjs";

/** @typedef {import("./tallies.mjs").Tally} Tally */

/** @param {string} dir */
const testFiles = (dir) =>
  readdirSync(join(ROOT_DIR, dir))
    .map((name) => join(dir, name))
    .filter((path) => path.endsWith(".test.mjs"));

/** Of a suite that failed, but no test of it. */
const LAST_LINES_SHOWN = 20;

const reports = mkdtempSync(join(tmpdir(), "menagerie-tests-"));
const vitestReport = join(reports, "vitest.json");
const eigenReport = join(reports, "eigen.json");

/** @param {string} report */
const vitestArgs = (report) => [
  "run",
  "--config=node/vitest.config.ts",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
];

/** On TensorFlow's own kernels, as where libtensorflow has no oneDNN. */
const EIGEN = { TF_ENABLE_ONEDNN_OPTS: "0" };

/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {string} program
 * @property {string[]} args
 * @property {Record<string, string>} [environment] what is added to it
 * @property {(output: string) => Tally} count
 */

/** @type {readonly Suite[]} */
const SUITES = [
  {
    name: "scripts",
    program: process.execPath,
    args: ["--test", "--test-reporter=spec", ...testFiles("scripts/test")],
    count: countNodeTests,
  },
  {
    name: "rust",
    program: "cargo",
    args: ["test", "--workspace", "--locked", "--no-fail-fast", "--", "--show-output"],
    count: countCargoTests,
  },
  {
    name: "cell",
    program: "cargo",
    args: [
      "test",
      "--package",
      "menagerie-cli",
      "--features",
      "test-no-allow-list",
      "--test",
      "process",
      "--locked",
    ].concat(["--", "unlisted"]),
    count: countCargoTests,
  },
  {
    name: "service",
    program: "vitest",
    args: vitestArgs(vitestReport),
    count: () => countVitestTests(vitestReport),
  },
  {
    name: "eigen",
    program: "cargo",
    args: ["test", "--package", "menagerie-engine", "--package", "menagerie-cli", "--locked", "--no-fail-fast"].concat([
      "--",
      "--show-output",
    ]),
    environment: EIGEN,
    count: countCargoTests,
  },
  {
    name: "eigen-service",
    program: "vitest",
    args: [
      ...vitestArgs(eigenReport),
      ...["e2e/zoo", "e2e/models", "engine-contract"].map((name) => `test/${name}.test.ts`),
    ],
    environment: EIGEN,
    count: () => countVitestTests(eigenReport),
  },
  {
    name: "nodes",
    program: process.execPath,
    args: ["scripts/nodes.mjs"],
    count: countNodes,
  },
  {
    name: "packages",
    program: process.execPath,
    args: ["--test", "--test-reporter=spec", "scripts/release/packages.test.mjs"],
    count: countNodeTests,
  },
  {
    name: "fairness",
    program: process.execPath,
    args: ["--test", "--test-reporter=spec", "bench/load/fairness/fairness.test.mjs"],
    count: countNodeTests,
  },
  {
    name: "clients",
    program: process.execPath,
    args: ["scripts/protocol-clients.mjs"],
    count: countUnittest,
  },
  {
    name: "deploy",
    program: process.execPath,
    args: ["scripts/deploy.mjs"],
    count: countUnittest,
  },
  {
    name: "onnx",
    program: process.execPath,
    args: ["scripts/onnx.mjs"],
    count: countUnittest,
  },
  {
    name: "fuzz",
    program: process.execPath,
    args: ["scripts/fuzz-http.mjs"],
    count: countFuzz,
  },
];

await main(async () => {
  const names = process.argv.slice(2);
  const unknown = names.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown)
    throw new Error(`there is no suite "${unknown}"; there are: ${SUITES.map(({ name }) => name).join(", ")}`);
  await setUp([...SERVICE, ...TESTS]);
  /** @type {Tally} */
  const sum = { passed: 0, failed: 0, skipped: 0, failures: [] };
  try {
    for (const suite of SUITES.filter(({ name }) => names.length === 0 || names.includes(name))) {
      const tally = await runSuite(suite);
      sum.passed += tally.passed;
      sum.failed += tally.failed;
      sum.skipped += tally.skipped;
      sum.failures.push(...tally.failures.map((failure) => `${suite.name}: ${failure}`));
    }
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  if (sum.failures.length > 0) console.log(`\nFailed:\n${sum.failures.join("\n")}`);
  console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  if (sum.failed > 0) process.exitCode = 1;
  if (sum.passed + sum.failed === 0) throw new Error("no test ran");
});

/**
 * Runs one suite, its output passed on. A suite that fails without a failed test, such as one that does not compile,
 * counts as one failed test.
 * @param {Suite} suite
 * @returns {Promise<Tally>}
 */
async function runSuite({ name, program, args, environment = {}, count }) {
  console.log(`\n── ${name}: ${program} ${args.join(" ")}`);
  const began = performance.now();
  const { code, output } = await run(program, args, environment);
  const tally = count(output);
  if (code !== 0 && tally.failed === 0) {
    tally.failed = 1;
    tally.failures.push(`it ended with ${code}:\n${output.trimEnd().split("\n").slice(-LAST_LINES_SHOWN).join("\n")}`);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `── ${name}: ${tally.passed} tests passed in ${seconds} s (${tally.failed} failed, ${tally.skipped} skipped)`,
  );
  return tally;
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string>} environment
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(program, args, environment) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: ROOT_DIR,
      env: { ...buildEnvironment(), NO_COLOR: "1", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    /** @type {Buffer[]} */
    const chunks = [];
    child.stdout.on("data", (chunk) => {
      chunks.push(chunk);
      process.stdout.write(chunk);
    });
    child.stderr.on("data", (chunk) => {
      chunks.push(chunk);
      process.stderr.write(chunk);
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}
