/** How the log looks, by where it goes. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SERVER_FILE } from "../support/paths.js";

/** A port that is taken ends the service after its first lines. */
let taken: Server;
beforeAll(async () => {
  taken = createServer().listen(0, "0.0.0.0");
  await once(taken, "listening");
});
afterAll(() => taken.close());

const PRETTY = /WARN.*without an API key/;
const JSON_LINE = /\{"level":40,.*"msg":"without an API key/;

const hasTerminals = spawnSync("script", ["--version"]).status === 0;
if (!hasTerminals) process.stderr.write("skipped: there is no `script` to make a terminal with\n");

function run(program: string, args: readonly string[], environment: Record<string, string>): string {
  const { port } = taken.address() as AddressInfo;
  const { PATH = "" } = process.env;
  const env = { PATH, TERM: "xterm", HOST: "0.0.0.0", ANONYMOUS_ROLE: "infer", PORT: String(port), ...environment };
  const { stdout, stderr } = spawnSync(program, args, { env, encoding: "utf8" });
  return stdout + stderr;
}

describe("where stderr is no terminal", () => {
  it("the log is JSON, unless LOG_FORMAT=pretty", () => {
    expect(run(process.execPath, [SERVER_FILE], {})).toMatch(JSON_LINE);
    expect(run(process.execPath, [SERVER_FILE], { LOG_FORMAT: "pretty" })).toMatch(PRETTY);
  });
});

describe.skipIf(!hasTerminals)("where stderr is a terminal", () => {
  const atTerminal = (environment: Record<string, string>) =>
    run("script", ["-qec", `'${process.execPath}' '${SERVER_FILE}'`, "/dev/null"], environment);

  it("the log is pretty, unless LOG_FORMAT=json", () => {
    expect(atTerminal({})).toMatch(PRETTY);
    expect(atTerminal({ LOG_FORMAT: "json" })).toMatch(JSON_LINE);
  });
});
