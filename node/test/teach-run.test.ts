/** The process of a run of teaching, as the service sees it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { spawnChild } from "../src/engines/child.js";
import { type RunOrder, runJob } from "../src/teach/run.js";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "menagerie-run-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it("that is killed in the middle of a message fails, and says what it had written", async () => {
  const file = join(dir, "killed.mjs");
  const killed = () => process.kill(process.pid, "SIGKILL");
  await writeFile(file, `process.stdout.write('{"kind":"do', ${killed});`);
  const lines: string[] = [];
  const run = runJob({
    program: { file: pathToFileURL(file), settings: {}, settingsWithFeedback: {}, start: spawnChild },
    order: { fromFeedback: null } as RunOrder,
    signal: new AbortController().signal,
    progress() {},
    remark() {},
    log: (line) => lines.push(line),
  });
  await expect(run).rejects.toMatchObject({ code: "engine_failed" });
  expect(lines).toEqual(['{"kind":"do']);
});
