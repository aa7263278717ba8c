#!/usr/bin/env node
/** The command `menagerie`: a file that is there before anything is built, so that `npm ci` can link it. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MAIN = new URL("../dist/cli/main.js", import.meta.url);

if (existsSync(MAIN)) {
  await import(MAIN.href);
} else {
  const setUp = fileURLToPath(new URL("../../scripts/setup.mjs", import.meta.url));
  process.stderr.write(`menagerie is not built yet. This builds it: node ${JSON.stringify(setUp)}\n`);
  process.exitCode = 1;
}
