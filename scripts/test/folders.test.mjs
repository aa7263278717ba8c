/** A clone may lie anywhere: below a user's name with a space in it, or with a letter outside ASCII. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { ROOT_DIR } from "../setup/paths.mjs";
import { STEPS } from "../setup/steps.mjs";

/** Files that take the path of an address on the web. */
const OF_ADDRESSES = ["scripts/setup/wheel.mjs", "scripts/test/folders.test.mjs"];

test("no file takes the pathname of a URL, in which a space is %20, for a path", () => {
  const files = ["node/src", "node/test", "node/web", "node/bin", "scripts", "bench", "docs"].flatMap(sourcesIn);
  assert.ok(files.length > 100, `${files.length} files`);
  const taking = files.filter((file) => readFileSync(join(ROOT_DIR, file), "utf8").includes(".pathname"));
  assert.deepEqual(taking.sort(), OF_ADDRESSES);
});

test("the page is built in a folder whose name has a space and a letter outside ASCII", () => {
  const dir = mkdtempSync(join(tmpdir(), "menagerie für alle-"));
  try {
    const inputs = STEPS.find(({ name }) => name === "page")?.inputs ?? [];
    for (const path of [...inputs.filter((input) => input.startsWith("node/")), "wasm/pkg-web"]) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      cpSync(join(ROOT_DIR, path), join(dir, path), { recursive: true });
    }
    rmSync(join(dir, "node/web/dist"), { recursive: true, force: true });
    symlinkSync(join(ROOT_DIR, "node_modules"), join(dir, "node_modules"));
    const { status, stderr } = spawnSync(process.execPath, ["node/web/build.mjs"], { cwd: dir, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    for (const file of ["index.html", "main.js", "graph-reader.js", "style.css", "menagerie_wasm_bg.wasm.gz"]) {
      assert.ok(existsSync(join(dir, "node/web/dist", file)), `${file} is missing`);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test("what a test leaves in the temporary folder goes with the run", () => {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-folders-"));
  try {
    const args = ["node_modules/vitest/vitest.mjs", "run", "--config=node/vitest.config.ts", "test/temporary.test.ts"];
    const environment = { ...process.env, TMPDIR: dir };
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT_DIR, env: environment, encoding: "utf8" });
    assert.equal(status, 0, stdout);
    assert.deepEqual(readdirSync(dir), []);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

/** @param {string} folder */
function sourcesIn(folder) {
  return readdirSync(join(ROOT_DIR, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|js|mjs|mts)$/.test(file) && !/(^|\/)(dist|node_modules)\//.test(file))
    .map((file) => `${folder}/${file}`);
}
