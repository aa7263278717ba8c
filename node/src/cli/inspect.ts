import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { readConfig } from "../config.js";
import { AppError, isSystemError, sentence } from "../errors.js";
import { checkFile } from "./files.js";

export function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("explains a graph: its input, its output, how images become its tensor")
    .argument("<graph>", "frozen graph (.pb), or a SavedModel folder packed as .zip or .tar.gz")
    .argument("[labels]", "label file")
    .option("--json", "the whole spec, as GET /api/models/{id} answers it", false)
    .action(async (graph: string, labels: string | undefined, { json }: { json: boolean }) => {
      const files = labels === undefined ? [graph] : [graph, labels];
      for (const file of files) await checkFile(file);
      process.exitCode = await explain([...files.map((file) => resolve(file)), ...(json ? ["--json"] : [])]);
    });
}

/** The engine explains graphs; it is pure reading and needs no libtensorflow. Resolves with its exit code. */
async function explain(args: readonly string[]): Promise<number> {
  const { enginePath } = readConfig();
  const engine = spawn(enginePath, ["inspect", ...args], { stdio: ["ignore", "inherit", "pipe"], env: {} });
  createInterface(engine.stderr).on("line", (line) => process.stderr.write(`${wordsOf(line)}\n`));
  return await new Promise((done, fail) => {
    engine.once("error", (error) => {
      const why = isSystemError(error, "ENOENT")
        ? `it is not at ${enginePath}. \`npm start\` and \`node scripts/setup.mjs\` build it`
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
