/** docs/wrappers.md word by word: its commands, and its promises. */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT_DIR, readConfig } from "../../src/config.js";
import { PYTHON_DIR } from "../support/programs.js";

const BUILD_MS_MAX = 300_000;

const page = await readFile(join(ROOT_DIR, "docs/wrappers.md"), "utf8");
const blocks = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, commands = ""]) => commands);

describe.skipIf(PYTHON_DIR === null)("ten minutes to a first wrapper", () => {
  let home: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "menagerie-home-"));
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  const run = (commands: string) => {
    const { CARGO_HOME = join(homedir(), ".cargo"), RUSTUP_HOME = join(homedir(), ".rustup") } = process.env;
    const PROGRAM_READ_PATHS = [...readConfig().programReadPaths, PYTHON_DIR].join(",");
    const env = { ...process.env, CARGO_HOME, RUSTUP_HOME, HOME: home, PROGRAM_READ_PATHS };
    return execFileSync("sh", ["-euc", commands], { cwd: ROOT_DIR, env, encoding: "utf8" });
  };

  test("its commands make a model in Python and one in Rust that answer", { timeout: BUILD_MS_MAX }, () => {
    expect(blocks).toHaveLength(3);
    const [tried = "", python = "", rust = ""] = blocks.map(run);
    expect(tried.match(/^kept /gm)).toHaveLength(14);
    expect(python).toMatch(/^models\/samples\/roses-1\.jpg: (red|green|blue) \(/m);
    expect(rust.match(/^kept /gm)).toHaveLength(14);
    expect(rust).toMatch(/^models\/samples\/roses-1\.jpg: (red|green|blue) \(/m);
  });

  test("its table has every promise that is tried, in its words", () => {
    const program = join(ROOT_DIR, "docs/examples/histogram.py");
    let report = "";
    try {
      run(`npx menagerie wrapper test --json -- '${program}'`);
    } catch (error) {
      // Without its model's file the example refuses the load; the report has every promise all the same.
      report = String((error as { stdout: string }).stdout);
    }
    const lines = report.trim().split("\n");
    const promises = lines.map((line) => JSON.parse(line) as { promise: string; says: string });
    const rows = [...page.matchAll(/^\| `([a-z]+)` \| (.*) \|$/gm)].map(([, name, says]) => [name, says]);
    expect(rows.map(([name]) => name)).toEqual(promises.map(({ promise }) => promise));
    for (const [index, { says }] of promises.entries()) expect(rows[index]?.[1]?.startsWith(says), says).toBe(true);
  });
});
