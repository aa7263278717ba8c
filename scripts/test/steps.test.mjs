import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { plan, runSteps, whyDue } from "../setup/runner.mjs";

/** @type {import("../setup/runner.mjs").Folders} */
let folders;
/** @type {string[]} */
let ran;
/** @type {string[]} */
let printed;

beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "menagerie-steps-"));
  folders = { root, cache: join(root, ".cache") };
  ran = [];
  printed = [];
  mkdirSync(join(root, "src"));
  writeFileSync(join(root, "src/a.txt"), "one");
});
afterEach(() => rmSync(folders.root, { recursive: true }));

/**
 * A step that copies its one input.
 * @param {Partial<import("../setup/runner.mjs").Step>} [changes]
 * @returns {import("../setup/runner.mjs").Step}
 */
function copyStep(changes) {
  return {
    name: "copy",
    inputs: ["src"],
    outputs: ["copy.txt"],
    run: () => {
      ran.push("copy");
      writeFileSync(join(folders.root, "copy.txt"), readFileSync(join(folders.root, "src/a.txt")));
    },
    ...changes,
  };
}

/**
 * @param {import("../setup/runner.mjs").Step[]} steps
 * @param {string[]} [goals]
 */
async function bringUpToDate(steps, goals = steps.map(({ name }) => name)) {
  return runSteps(plan(steps, goals, folders), folders, (line) => printed.push(line));
}

describe("a step", () => {
  test("runs once, then not again while nothing changes", async () => {
    await bringUpToDate([copyStep()]);
    await bringUpToDate([copyStep()]);
    assert.deepEqual(ran, ["copy"]);
  });

  test("runs again when the content of an input changes, and says which", async () => {
    await bringUpToDate([copyStep()]);
    writeFileSync(join(folders.root, "src/a.txt"), "two");
    assert.equal(whyDue(copyStep(), folders), "src/a.txt changed");
    await bringUpToDate([copyStep()]);
    assert.equal(readFileSync(join(folders.root, "copy.txt"), "utf8"), "two");
  });

  test("does not run when only the time of an input changes", async () => {
    await bringUpToDate([copyStep()]);
    utimesSync(join(folders.root, "src/a.txt"), 1, 1);
    assert.equal(whyDue(copyStep(), folders), undefined);
  });

  test("runs again when an input comes, goes, or its key changes, or an output is missing", async () => {
    await bringUpToDate([copyStep()]);
    writeFileSync(join(folders.root, "src/b.txt"), "");
    assert.equal(whyDue(copyStep(), folders), "src/b.txt is new");
    await bringUpToDate([copyStep()]);
    rmSync(join(folders.root, "src/b.txt"));
    assert.equal(whyDue(copyStep(), folders), "src/b.txt is gone");
    await bringUpToDate([copyStep()]);
    assert.equal(whyDue(copyStep({ key: () => "other" }), folders), "its tools or settings changed");
    rmSync(join(folders.root, "copy.txt"));
    assert.equal(whyDue(copyStep(), folders), "copy.txt is missing");
  });

  test("does not take what a build wrote for an input", async () => {
    await bringUpToDate([copyStep()]);
    mkdirSync(join(folders.root, "src/dist"));
    writeFileSync(join(folders.root, "src/dist/out.js"), "");
    writeFileSync(join(folders.root, "src/tsconfig.tsbuildinfo"), "");
    assert.equal(whyDue(copyStep(), folders), undefined);
  });

  test("that was interrupted halfway runs again", async () => {
    const broken = copyStep({
      run: () => {
        writeFileSync(join(folders.root, "copy.txt"), "half");
        throw new Error("stopped");
      },
    });
    await assert.rejects(bringUpToDate([broken]), /Set-up step "copy" failed: stopped/);
    assert.equal(existsSync(join(folders.root, "copy.txt")), true);
    await bringUpToDate([copyStep()]);
    assert.equal(readFileSync(join(folders.root, "copy.txt"), "utf8"), "one");
  });

  test("whose input changes while it runs is due again", async () => {
    const slow = copyStep({
      run: () => {
        writeFileSync(join(folders.root, "copy.txt"), readFileSync(join(folders.root, "src/a.txt")));
        writeFileSync(join(folders.root, "src/a.txt"), "edited meanwhile");
      },
    });
    await bringUpToDate([slow]);
    assert.equal(whyDue(copyStep(), folders), "src/a.txt changed");
  });

  test("that fails shows the end of its log", async () => {
    const failing = copyStep({ run: ({ exec }) => exec("sh", ["-c", "echo the reason >&2; exit 3"]) });
    await assert.rejects(bringUpToDate([failing]), (/** @type {Error} */ error) => {
      assert.match(error.message, /sh -c ended with exit code 3/);
      assert.match(error.message, /\| the reason/);
      assert.match(error.message, /run the same command again/);
      return true;
    });
  });
});

describe("steps together", () => {
  /** @param {string} name @param {Partial<import("../setup/runner.mjs").Step>} changes */
  const recorded = (name, changes) => ({
    name,
    isDone: () => false,
    run: async () => {
      ran.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      ran.push(`${name} ends`);
    },
    ...changes,
  });

  test("run side by side when neither needs the other", async () => {
    await bringUpToDate([recorded("a", {}), recorded("b", {})]);
    assert.deepEqual(ran, ["a begins", "b begins", "a ends", "b ends"]);
  });

  test("run one after another in a lane and along needs", async () => {
    await bringUpToDate([recorded("a", { lane: "x" }), recorded("b", { lane: "x" }), recorded("c", { needs: ["b"] })]);
    assert.deepEqual(ran, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  test("that only a step needs which is not due are left alone", async () => {
    const tool = recorded("tool", {});
    await bringUpToDate([tool, copyStep({ needs: ["tool"] })], ["copy"]);
    ran.length = 0;
    await bringUpToDate([tool, copyStep({ needs: ["tool"] })], ["copy"]);
    assert.deepEqual(ran, []);
  });

  test("end a command that takes longer than it may, with what it started", async () => {
    const began = performance.now();
    const script = "sleep 60 & echo $! > child; wait";
    const slow = copyStep({ run: ({ exec }) => exec("sh", ["-c", script], { cwd: folders.root, msMax: 300 }) });
    await assert.rejects(bringUpToDate([slow]), /sh -c ended with SIGTERM/);
    assert.ok(performance.now() - began < 10_000);
    const child = readFileSync(join(folders.root, "child"), "utf8").trim();
    assert.notEqual(spawnSync("ps", ["-p", child, "-o", "stat="], { encoding: "utf8" }).stdout.trim().at(0), "S");
  });

  test("end with the first failure, and so do their commands", async () => {
    const began = performance.now();
    const endless = copyStep({ name: "endless", run: ({ exec }) => exec("sleep", ["60"]) });
    const failing = recorded("failing", { run: () => Promise.reject(new Error("no")) });
    await assert.rejects(bringUpToDate([endless, failing]), /"failing" failed: no/);
    assert.ok(performance.now() - began < 10_000);
  });
});
