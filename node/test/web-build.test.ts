/** What the built page weighs: `npm test` builds it first. */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { ROOT_DIR } from "../src/config.js";

const SCRIPT_BYTES_MAX = 60_000;

const built = (name: string) => readFile(`${ROOT_DIR}node/web/dist/${name}`);

test("the script of the first view is at most 60 kB compressed", async () => {
  const document = (await built("index.html")).toString();
  const parts = [...document.matchAll(/<link rel="modulepreload" href="([^"]+)"/g)].map(([, name = ""]) => name);
  const main = (await built("main.js")).toString();
  const imported = [...main.matchAll(/\bfrom"\.\/([^"]+)"/g)].map(([, name = ""]) => name);
  expect(parts.toSorted(), "the document names what the script begins with").toEqual(imported.toSorted());
  let bytes = 0;
  for (const name of ["main.js", ...parts]) {
    const compressed = await built(`${name}.gz`);
    bytes += compressed.length;
    expect(gunzipSync(compressed).equals(await built(name))).toBe(true);
  }
  expect(bytes).toBeLessThanOrEqual(SCRIPT_BYTES_MAX);
});

test("the document names no other address, and holds no script and no style of its own", async () => {
  const document = (await built("index.html")).toString();
  expect(
    [...document.matchAll(/(?:src|href|action)="([^"]+)"/g)].filter(([, to = ""]) => /^(\/|\w+:)/.test(to)),
  ).toEqual([]);
  expect(document).not.toMatch(/<style|<script(?![^>]* src=)|\son\w+=|\sstyle=/);
});
