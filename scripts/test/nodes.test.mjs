import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NODES } from "../nodes.mjs";
import { ROOT_DIR } from "../setup/paths.mjs";

/** @param {string} name */
const json = (name) => JSON.parse(readFileSync(join(ROOT_DIR, name), "utf8"));

/** The oldest Node that is supported, and those that the tests run on. */
const SUPPORTED = [`${json("package.json").engines.node.replace(">=", "")}.0`, ...NODES];

/**
 * Whether npm would install a package on a Node without a warning: alternatives of `*`, `^`, `>=`, or the first numbers of a
 * version, which is what packages write.
 * @param {string} version
 * @param {string} range
 */
function satisfies(version, range) {
  const at = version.split(".").map(Number);
  return range.split("||").some((alternative) => {
    if (alternative.trim() === "*") return true;
    const match = /^(\^|>=)? ?(\d+(?:\.\d+){0,2})(?:\.[x*])?$/.exec(alternative.trim());
    assert(match, `unknown form of a range: ${alternative}`);
    const wanted = String(match[2]).split(".").map(Number);
    if (match[1] === undefined) return wanted.every((number, index) => number === at[index]);
    if (match[1] === "^" && wanted[0] !== at[0]) return false;
    const differs = wanted.findIndex((number, index) => number !== at[index]);
    return differs < 0 || Number(at[differs]) > Number(wanted[differs]);
  });
}

test("ranges are read as npm reads them", () => {
  for (const range of [
    ">=20.19",
    "^20.19.0 || >=22.12.0",
    "20 || >=22",
    ">= 10.x",
    "6.* || >= 10.*",
    "^20.20.2",
    "*",
  ]) {
    assert(satisfies("20.20.2", range), range);
  }
  for (const range of [">=22", "^22.20 || ^24.12 || >=25", "^20.20.3", "20.19", "^21.0.0"]) {
    assert(!satisfies("20.20.2", range), range);
  }
});

test("npm ci warns of no package on any supported Node", () => {
  const packages = Object.entries(json("package-lock.json").packages).filter(([, { engines }]) => engines?.node);
  assert(packages.length > 200, `${packages.length} packages`);
  for (const [path, { version, engines }] of packages) {
    for (const node of SUPPORTED)
      assert(satisfies(node, engines.node), `${path} ${version} on Node ${node}: ${engines.node}`);
  }
});
