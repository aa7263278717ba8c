/** Verbs that the engine executable has: what it prints is passed on, and its log said in words. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { readConfig } from "../config.js";
import { AppError, isSystemError, sentence } from "../errors.js";
import { ENGINE, SET_UP } from "../places.js";

/** Resolves with its exit code. `input`, where it is given, is what it reads on stdin. */
export async function runEngine(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: string,
): Promise<number> {
  const { enginePath } = readConfig();
  if (enginePath === ENGINE.path && ENGINE.problem !== null) {
    throw new AppError("engine_unavailable", ENGINE.problem);
  }
  const engine = spawn(enginePath, args, { stdio: ["pipe", "inherit", "pipe"], env });
  // An engine that ends early says why on stderr.
  engine.stdin.on("error", () => {});
  engine.stdin.end(input);
  createInterface(engine.stderr).on("line", (line) => process.stderr.write(`${wordsOf(line)}\n`));
  return await new Promise((done, fail) => {
    engine.once("error", (error) => {
      const why = isSystemError(error, "ENOENT")
        ? `it is not at ${enginePath}. \`${SET_UP}\` brings it`
        : error.message;
      fail(new AppError("engine_unavailable", `The engine cannot be started: ${why}.`));
    });
    engine.once("close", (code) => done(code ?? 1));
  });
}

/** What a line of the engine's log says to people. */
function wordsOf(line: string): string {
  try {
    const { msg, code } = JSON.parse(line) as { msg: string; code?: string };
    return `${sentence(msg)}${code === undefined ? "" : ` (${code})`}`;
  } catch {
    return line;
  }
}
