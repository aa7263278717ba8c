/** One temporary folder for a run of tests, which goes with all that they, and what they started, leave in it. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Others than its owner pass through it to what is theirs, such as PostgreSQL, and list nothing. */
const MODE = 0o711;

/** What is started from here on has it. */
export default async function makeTemporaryFolder(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "menagerie-vitest-"));
  await chmod(folder, MODE);
  process.env["TMPDIR"] = folder;
  return async () => await rm(folder, { recursive: true, force: true });
}
