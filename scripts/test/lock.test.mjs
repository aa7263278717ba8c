import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { takeLock } from "../setup/lock.mjs";

const LOCK_MODULE = new URL("../setup/lock.mjs", import.meta.url).href;

/** @type {string} */
let dir;
/** @type {string} */
let path;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "menagerie-lock-"));
  path = join(dir, "setup.lock");
});
afterEach(() => rmSync(dir, { recursive: true }));

/**
 * A process that takes the lock, appends to a file, holds it a little and gives it back.
 * @param {string} name
 * @param {number} heldMs
 */
function holder(name, heldMs) {
  const program = `
    import { appendFileSync } from "node:fs";
    import { setTimeout as sleep } from "node:timers/promises";
    import { takeLock } from ${JSON.stringify(LOCK_MODULE)};
    const release = await takeLock(${JSON.stringify(path)}, (pid) => console.log("waits for", pid));
    appendFileSync(${JSON.stringify(join(dir, "order"))}, "${name} in\\n");
    console.log("holds");
    await sleep(${heldMs});
    appendFileSync(${JSON.stringify(join(dir, "order"))}, "${name} out\\n");
    release();`;
  return spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
}

/** @param {import("node:child_process").ChildProcess} child */
async function firstLine(child) {
  const [chunk] = await once(/** @type {import("node:stream").Readable} */ (child.stdout), "data");
  return String(chunk).trim();
}

test("the second process waits for the first and says for whom", async () => {
  const first = holder("first", 1_500);
  assert.equal(await firstLine(first), "holds");
  const second = holder("second", 0);
  assert.equal(await firstLine(second), `waits for ${first.pid}`);
  await Promise.all([once(first, "close"), once(second, "close")]);
  assert.equal(readFileSync(join(dir, "order"), "utf8"), "first in\nfirst out\nsecond in\nsecond out\n");
  assert.equal(existsSync(path), false);
});

test("six processes that find the lock of a dead one go in one at a time", async () => {
  const { pid: deadPid } = spawnSync(process.execPath, ["--version"]);
  writeFileSync(path, String(deadPid));
  const contenders = ["a", "b", "c", "d", "e", "f"].map((name) => holder(name, 20));
  await Promise.all(contenders.map((child) => once(child, "close")));
  const order = readFileSync(join(dir, "order"), "utf8").trim().split("\n");
  assert.equal(order.length, 12);
  for (let index = 0; index < order.length; index += 2) {
    assert.equal(order[index + 1], order[index]?.replace("in", "out"));
  }
});

test("a lock that nobody touched for a minute is taken over", async () => {
  writeFileSync(path, String(process.pid));
  const longAgo = Date.now() / 1000 - 120;
  utimesSync(path, longAgo, longAgo);
  const release = await takeLock(path, () => assert.fail("it waits"));
  release();
});
