/**
 * The README's promises: its commands run on the real service and print what it shows, and its six lines work.
 * `scripts/fresh-clone.mjs` runs this in a clone that was set up from nothing.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import { type RunningServer, startServer } from "./support/server.js";
import { patternOf, withoutSpace } from "./support/shown-runs.js";

const run = promisify(execFile);
const readme = await readFile(`${ROOT_DIR}README.md`, "utf8");

/** Each `$ command` of the README's console blocks, with what it prints below it. */
const SHOWN = [...readme.matchAll(/```console\n\$ (.+)\n([^`]+)```/g)].map(([, command = "", output = ""]) => ({
  command,
  output,
}));

/** Lines of its other blocks, without what is said of them. */
const COMMANDS = [...readme.matchAll(/```sh\n([^`]+)```/g)]
  .flatMap(([, lines = ""]) => lines.trim().split("\n"))
  .map((line) => line.replace(/\s+#.*$/, ""));

/** Those that are not run here: two take minutes, two need Docker, and packages are tried as installed (`npm test -- packages`). */
const ELSEWHERE = [
  ...[/^npm start$/, /^npm test$/, /^docker build /, /^docker run /],
  ...[/^npm install \.\/menagerie-/, /^npx menagerie serve$/],
];
const HERE = COMMANDS.filter((command) => !ELSEWHERE.some((pattern) => pattern.test(command)));

describe("the README", () => {
  let service: RunningServer;
  let dir: string;

  beforeAll(async () => {
    service = await startServer({});
    dir = await mkdtemp(join(tmpdir(), "menagerie-readme-"));
  });

  afterAll(async () => {
    await service?.stop();
    await rm(dir, { recursive: true });
  });

  /** A command as the README has it, on files of this test. */
  const inTest = (command: string) => command.replaceAll("keys.txt", `"${dir}/keys.txt"`);

  test("shows commands", () => {
    expect(SHOWN.length).toBeGreaterThanOrEqual(3);
    expect(HERE.map((command) => command.split(" ", 3).join(" "))).toEqual([
      "npx menagerie inspect",
      "npx menagerie classify",
      "npx menagerie key",
      "HOST=0.0.0.0 API_KEYS_FILE=keys.txt npm",
    ]);
  });

  test.each(HERE.filter((command) => command.startsWith("npx ")))("%s works", async (command) => {
    const { stdout } = await run("bash", ["-c", `set -e; ${inTest(command)}`], { cwd: ROOT_DIR });
    expect(stdout === "").toBe(command.includes(">>"));
  });

  test.each(HERE.filter((command) => / npm start$/.test(command)))("%s serves", async (command) => {
    const service = inTest(command).replace("npm start", `PORT=0 exec "${process.execPath}" node/dist/server.js`);
    const child = spawn("bash", ["-c", service], { cwd: ROOT_DIR, stdio: ["ignore", "pipe", "ignore"] });
    const [announcement] = await once(createInterface(child.stdout), "line");
    child.kill();
    expect(announcement).toMatch(/^Menagerie is ready: http/);
    await once(child, "close");
  });

  test("and the documentation name verbs of the command that there are", async () => {
    const { stdout } = await run("npx", ["menagerie", "--help"], { cwd: ROOT_DIR });
    const verbs = new Set([...stdout.matchAll(/^ {2}(\w+)[ |]/gm)].map(([, verb]) => verb));
    const docs = (await readdir(`${ROOT_DIR}docs`))
      .filter((file) => file.endsWith(".md"))
      .map((file) => `docs/${file}`);
    for (const page of ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...docs]) {
      const text = await readFile(`${ROOT_DIR}${page}`, "utf8");
      for (const [, verb] of text.matchAll(/(?:npx |`)menagerie ([a-z]+)/g)) expect(verbs, page).toContain(verb);
    }
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
