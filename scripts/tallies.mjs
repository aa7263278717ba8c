/** What became of the tests of a suite, read from what it printed or wrote. */
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { ROOT_DIR } from "./setup/paths.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number, failures: string[] }} Tally */

/**
 * The closing lines of `node --test`.
 * @param {string} output
 * @returns {Tally}
 */
export function countNodeTests(output) {
  const last = (/** @type {string} */ word) =>
    Number([...output.matchAll(RegExp(`^\\S+ ${word} (\\d+)$`, "gm"))].at(-1)?.[1] ?? 0);
  return {
    passed: last("pass"),
    failed: last("fail") + last("cancelled"),
    skipped: last("skipped") + last("todo"),
    failures: [...new Set(output.match(/(?<=^\s*✖ ).+(?= \(.*ms\)$)/gm))],
  };
}

/**
 * The closing line of each test binary of cargo, run with `--show-output`. Rust's tests cannot be skipped while they run:
 * one that printed a line starting with `skipped:`, in capitals or not, returned early, and counts as skipped.
 * @param {string} output
 * @returns {Tally}
 */
export function countCargoTests(output) {
  const failures = output.match(/(?<=^test ).+(?= \.\.\. FAILED$)/gm) ?? [];
  const tally = { passed: 0, failed: 0, skipped: 0, failures };
  for (const [, passed, failed, ignored] of output.matchAll(
    /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    tally.passed += Number(passed);
    tally.failed += Number(failed);
    tally.skipped += Number(ignored);
  }
  // What tests printed comes after the lists of their outcomes, each under its name; of failed ones under another head.
  const early = [...output.matchAll(/^successes:$(.*?)^(?:successes|failures):$/gms)]
    .flatMap(([, printed = ""]) => printed.split(/^---- .* stdout ----$/m))
    .filter((printed) => /^skipped:/im.test(printed)).length;
  return { ...tally, passed: tally.passed - early, skipped: tally.skipped + early };
}

/**
 * The report of vitest; it is missing when vitest did not get as far as running tests.
 * @param {string} path
 * @returns {Tally}
 */
export function countVitestTests(path) {
  try {
    const report = JSON.parse(readFileSync(path, "utf8"));
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests,
      skipped: report.numPendingTests + report.numTodoTests,
      failures: report.testResults.flatMap(failuresOf),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: ["vitest left no report"] };
  }
}

/**
 * @typedef {object} FileReport
 * @property {string} name the file
 * @property {string} message of a file that did not get as far as its tests
 * @property {{ status: string, fullName: string, failureMessages: string[] }[]} assertionResults
 */

/** @param {FileReport} file */
function failuresOf({ name, message, assertionResults }) {
  const failed = assertionResults.filter(({ status }) => status === "failed");
  const lines = failed.map(({ fullName, failureMessages: [first = ""] }) => `${fullName}: ${first.split("\n", 1)}`);
  if (message) lines.push(message);
  return lines.map((line) => `${relative(ROOT_DIR, name)}: ${line}`);
}

/**
 * A line for each Node, and one for each that cannot be had, which counts as one test that is skipped.
 * @param {string} output
 * @returns {Tally}
 */
export function countNodes(output) {
  /** @type {Tally} */
  const tally = { passed: 0, failed: 0, skipped: output.match(/^skipped: Node /gm)?.length ?? 0, failures: [] };
  for (const [line, passed, failed, skipped] of output.matchAll(
    /^on Node .*: (\d+) passed, (\d+) failed, (\d+) skipped$/gm,
  )) {
    tally.passed += Number(passed);
    tally.failed += Number(failed);
    tally.skipped += Number(skipped);
    if (failed !== "0") tally.failures.push(line);
  }
  return tally;
}

/**
 * One test, whose last line says what became of it.
 * @param {string} output
 * @returns {Tally}
 */
export function countFuzz(output) {
  const has = (/** @type {string} */ word) => (RegExp(`^${word}:`, "m").test(output) ? 1 : 0);
  return { passed: has("passed"), failed: 0, skipped: has("skipped"), failures: [] };
}

/**
 * The closing lines of Python's unittest, run with `--verbose`, once or more often. Where Python or its packages
 * are missing, all of them are one test that is skipped.
 * @param {string} output
 * @returns {Tally}
 */
export function countUnittest(output) {
  const sum = (/** @type {RegExp} */ pattern) =>
    [...output.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0);
  const has = (/** @type {string} */ word) => sum(RegExp(`^(?:OK|FAILED) .*\\b${word}=(\\d+)`, "gm"));
  const failed = has("failures") + has("errors");
  const skipped = has("skipped") + (output.match(/^skipped: /gm)?.length ?? 0);
  const ran = sum(/^Ran (\d+) tests? in /gm);
  const failures = [...output.matchAll(/^(?:FAIL|ERROR): (.+)$/gm)].map(([, name = ""]) => name);
  return { passed: Math.max(0, ran - failed - has("skipped")), failed, skipped, failures };
}
