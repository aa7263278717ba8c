import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { expect, it } from "vitest";

it("what a test leaves in the temporary folder is in the folder of the run, which others pass through and do not list", () => {
  // It stays there on purpose: `scripts/test/folders.test.mjs` looks for it after the run.
  const left = mkdtempSync(join(tmpdir(), "menagerie-left-"));
  const folder = dirname(left);
  expect(basename(folder)).toMatch(/^menagerie-vitest-/);
  expect(statSync(folder).mode & 0o777).toBe(0o711);
});
