/** The fuzz targets are a workspace of their own, which no other command builds: its lock has to follow by itself. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT_DIR } from "../setup/paths.mjs";

const FOLDERS = {
  "menagerie-contract": "native/contract",
  "menagerie-graph": "native/graph",
  "menagerie-wasm": "wasm",
};

/** @param {string} path */
const read = (path) => readFileSync(join(ROOT_DIR, path), "utf8");

test("the lock of the fuzz targets names every crate that what they fuzz depends on", () => {
  const packages = read("wasm/fuzz/Cargo.lock").split("[[package]]");
  for (const [name, folder] of Object.entries(FOLDERS)) {
    const [, section = ""] = read(`${folder}/Cargo.toml`).split("\n[dependencies]\n");
    const [lines = ""] = section.split("\n[");
    const needed = lines.split("\n").filter((line) => !line.includes("optional = true"));
    const wanted = needed.flatMap((line) => /^[\w-]+/.exec(line) ?? []);
    assert.ok(wanted.length > 2, `${folder}: ${wanted}`);
    const locked = packages.find((text) => text.includes(`\nname = "${name}"\n`)) ?? "";
    for (const crate of wanted) assert.match(locked, new RegExp(`^ "${crate}[" ]`, "m"), `${name} depends on ${crate}`);
  }
});
