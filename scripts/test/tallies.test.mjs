/** A skip is printed, and counted as one. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT_DIR } from "../setup/paths.mjs";
import { countCargoTests, countUnittest } from "../tallies.mjs";

const OUTPUT = `
running 4 tests
test a ... ok
test b ... ok
test c ... FAILED
test d ... ignored

successes:

---- a stdout ----
skipped: the test data x is not there
skipped: the test data y is not there


---- b stdout ----
this one is not skipped: it printed something


successes:
    a
    b

failures:

---- c stdout ----
skipped: half of it
assertion failed

failures:
    c

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 1 test
test e ... ok

successes:

---- e stdout ----
SKIPPED: no test data


successes:
    e

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
`;

test("a test of Rust that printed why it was skipped counts as skipped once, however it is written", () => {
  assert.deepEqual(countCargoTests(OUTPUT), { passed: 1, failed: 1, skipped: 3, failures: ["c"] });
});

test("every line that a test of Rust prints of a skip is one that is counted", () => {
  const printed = ["native", "wasm"]
    .flatMap((dir) =>
      readdirSync(join(ROOT_DIR, dir), { recursive: true, encoding: "utf8" }).map((file) => `${dir}/${file}`),
    )
    .filter((file) => file.endsWith(".rs") && !/(^|\/)target\//.test(file))
    .flatMap((file) => [...readFileSync(join(ROOT_DIR, file), "utf8").matchAll(/println!\(\s*"([^"]*skip[^"]*)"/gi)])
    .map(([, words = ""]) => words);
  assert.ok(printed.length >= 4, `${printed.length} lines`);
  for (const words of printed) assert.match(words, /^skipped: /);
});

const UNITTEST = `
test_a (test_x.X.test_a) ... ok
test_b (test_x.X.test_b) ... FAIL
test_c (test_x.X.test_c) ... skipped 'no'

======================================================================
FAIL: test_b (test_x.X.test_b)
----------------------------------------------------------------------
Ran 3 tests in 0.001s

FAILED (failures=1, skipped=1)
`;

test("tests of Python are counted, and one line where there is no Python for them", () => {
  assert.deepEqual(countUnittest(UNITTEST), {
    passed: 1,
    failed: 1,
    skipped: 1,
    failures: ["test_b (test_x.X.test_b)"],
  });
  assert.deepEqual(countUnittest("Ran 2 tests in 3.1s\n\nOK\n"), { passed: 2, failed: 0, skipped: 0, failures: [] });
  const twice = countUnittest(`${UNITTEST}\nRan 2 tests in 3.1s\n\nOK\n`);
  assert.deepEqual([twice.passed, twice.failed, twice.skipped], [3, 1, 1]);
  const skipped = countUnittest("skipped: the clients cannot be installed: there is no python3\n");
  assert.deepEqual(skipped, { passed: 0, failed: 0, skipped: 1, failures: [] });
});
