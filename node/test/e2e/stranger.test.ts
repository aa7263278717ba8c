/** The commands of CONTRIBUTING.md, as somebody runs them who has a graph and its labels and nothing else. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import { sharedFolder } from "../support/paths.js";

describe.skipIf(sharedFolder("zoo-data") === null)("a stranger with two files", () => {
  it("gets to a green check, serves the model, and has it on a second service", async () => {
    const script = join(ROOT_DIR, "scripts/stranger.mjs");
    const { stdout } = await promisify(execFile)(process.execPath, [script], { maxBuffer: 2 ** 26 });
    expect(stdout).toMatch(/^ {2}my-model@1: green/m);
    expect(stdout).toMatch(/^ {2}my-model@1 is registered with http:/m);
    expect(stdout).toMatch(/^The second service: SEDAN, very high confidence$/m);
  }, 600_000);
});
