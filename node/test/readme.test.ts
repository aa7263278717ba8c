/**
 * The README's promises: its commands run on the real service and print what it shows, and its six lines work.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import { type RunningServer, startServer } from "./support/server.js";

const run = promisify(execFile);
const readme = await readFile(`${ROOT_DIR}README.md`, "utf8");

/** Each `$ command` of the README's console blocks, with what it prints below it. */
const SHOWN = [...readme.matchAll(/```console\n\$ (.+)\n([^`]+)```/g)].map(([, command = "", output = ""]) => ({
  command,
  output,
}));

describe("the README", () => {
  let service: RunningServer;

  beforeAll(async () => {
    service = await startServer({});
  });

  afterAll(() => service?.stop());

  test("shows commands", () => {
    expect(SHOWN.length).toBeGreaterThanOrEqual(3);
  });

  test.each(SHOWN)("$command prints what is shown", async ({ command, output }) => {
    const local = command.replace("localhost:8080", service.url).replace("curl ", "curl --silent --show-error ");
    const { stdout } = await run("bash", ["-c", local], { cwd: ROOT_DIR });
    expect(withoutSpace(stdout)).toMatch(patternOf(output));
  });

  test("its six lines classify a photo", async () => {
    const [, code = ""] = /```js\n(.*?)```/s.exec(readme) ?? [];
    expect(code.trim().split("\n")).toHaveLength(6);
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", code], { cwd: ROOT_DIR });
    expect(stdout).toMatch(/^roses, (very high|high|medium|low) confidence\n$/);
  });
});

/** `…` stands for anything; space does not count. */
function patternOf(output: string): RegExp {
  const literals = withoutSpace(output)
    .split("…")
    .map((literal) => literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literals.join(".*?")}$`);
}

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, "");
}
