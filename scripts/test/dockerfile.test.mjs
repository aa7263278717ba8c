/** What can be said of the image without building it, which `node scripts/image.mjs` does: that all it copies and runs is there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT_DIR } from "../setup/paths.mjs";

const INSTRUCTIONS = readFileSync(join(ROOT_DIR, "Dockerfile"), "utf8")
  .replaceAll("\\\n", " ")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => {
    const [word = "", ...rest] = line.split(/\s+/);
    return { word, rest };
  });

const IGNORE_LINES = readFileSync(join(ROOT_DIR, ".dockerignore"), "utf8").split("\n");

/** @param {string} word */
const all = (word) => INSTRUCTIONS.filter((instruction) => instruction.word === word).map(({ rest }) => rest);

test("the image knows no other instructions than Docker does", () => {
  const known = ["ARG", "FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD", "VOLUME"];
  for (const { word } of INSTRUCTIONS) assert.ok(known.includes(word), word);
});

test("what is copied from the project is there and not ignored", () => {
  const sources = all("COPY")
    .filter(([first]) => !first?.startsWith("--from"))
    .flatMap((rest) => rest.slice(0, -1));
  assert.ok(sources.length > 2);
  for (const source of sources.filter((path) => path !== ".")) {
    assert.ok(existsSync(join(ROOT_DIR, source)), `${source} is missing`);
    assert.ok(IGNORE_LINES.includes(`!${source}`), `${source} is ignored`);
  }
});

test("each stage that is copied from has a name", () => {
  const stages = all("FROM").flatMap((rest) => (rest[1] === "AS" ? [rest[2]] : []));
  const used = all("COPY").flatMap(([first]) => (first?.startsWith("--from=") ? [first.slice("--from=".length)] : []));
  for (const stage of used) assert.ok(stages.includes(stage), stage);
});

test("what is copied from the build is what set-up makes", () => {
  // Set-up makes no folder for what is registered.
  const copied = all("COPY")
    .flatMap(([first, source = ""]) => (first === "--from=build" ? [source] : []))
    .filter((source) => source.startsWith("/menagerie/") && source !== "/menagerie/data");
  assert.ok(copied.length > 4);
  for (const source of copied) {
    const path = source.replace(/^\/menagerie\//, "");
    assert.notEqual(path, source, `${source} is outside the project`);
    assert.ok(existsSync(join(ROOT_DIR, path)), `${path} is missing after set-up`);
  }
});

test("what set-up reads is part of the image's context", () => {
  const inputs = ["Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml", "package.json", "package-lock.json"];
  for (const path of [...inputs, "tsconfig.json", "native", "node", "wasm", "scripts", "models"]) {
    assert.ok(IGNORE_LINES.includes(`!${path}`), path);
  }
});

test("the last stage runs nothing, so that it may begin with an image that has no shell", () => {
  const last = INSTRUCTIONS.slice(INSTRUCTIONS.findLastIndex(({ word }) => word === "FROM"));
  assert.deepEqual(
    last.filter(({ word }) => word === "RUN"),
    [],
  );
});

test("each image that it begins with is an argument", () => {
  const defaults = all("ARG").flatMap((rest) => rest.map((argument) => argument.split("=")[0]));
  const stages = all("FROM").map(([image]) => /^\$\{(\w+)\}$/.exec(image ?? "")?.[1]);
  assert.deepEqual(stages.toSorted(), defaults.filter((name) => name?.endsWith("_IMAGE")).toSorted());
});

test("the service does not run as root, by a number, and has a health check", () => {
  assert.match(all("USER").at(-1)?.[0] ?? "", /^[1-9]\d*:[1-9]\d*$/);
  assert.equal(all("HEALTHCHECK").length, 1);
});
