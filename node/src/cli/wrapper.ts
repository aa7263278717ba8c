import { dirname, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { readConfig } from "../config.js";
import { checkFile } from "./files.js";
import { runEngine } from "./run-engine.js";

interface TestOptions {
  readonly model?: string;
  readonly once: boolean;
  readonly width?: string;
  readonly height?: string;
  readonly classes?: string;
  readonly seconds?: string;
  readonly json: boolean;
}

export function addWrapper(program: Command): void {
  const wrapper = program.command("wrapper").description("helps to write a program that serves a model");
  wrapper
    .command("test")
    .description("tries whether a program keeps the promises of docs/wrappers.md, in the cell that it will run in")
    .usage("[options] -- <program> [argument...]")
    .argument("<program...>", "the program and its arguments, after --")
    .option("--model <file>", "the model's file, which the program is given; none where it is absent")
    .option("--once", "the program is started for each image and speaks no frames", false)
    .option("--width <pixels>", "with --once: what its images are across", wholeNumber)
    .option("--height <pixels>", "with --once: and down", wholeNumber)
    .option("--classes <count>", "with --once: how many scores it gives", wholeNumber)
    .option("--seconds <count>", "the longest that it may take for any answer (default: 10)", wholeNumber)
    .option("--json", "each promise, whether it is kept, and why not", false)
    .action(async (words: string[], { model, once, json, ...numbers }: TestOptions) => {
      if (model !== undefined) await checkFile(model);
      const [file = "", ...rest] = words;
      const isPath = file.includes("/");
      const own = isPath ? [dirname(resolve(file)), process.cwd()] : [process.cwd()];
      const flags = Object.entries({ model, ...numbers }).flatMap(([name, value]) =>
        value === undefined ? [] : [`--${name}`, value],
      );
      const config = readConfig();
      const args = [
        "wrapper-test",
        ...[...config.programReadPaths, ...own].flatMap((path) => ["--read", path]),
        ...flags,
        ...(once ? ["--once"] : []),
        ...(json ? ["--json"] : []),
      ];
      process.exitCode = await runEngine([...args, "--", isPath ? resolve(file) : file, ...rest], {
        PATH: process.env["PATH"] ?? "",
        SANDBOX: config.sandbox,
        ENGINE_MEMORY_BYTES_MAX: String(config.engineMemoryBytesMax),
        ENGINE_CPU_SECONDS_MAX: String(config.engineCpuSecondsMax),
      });
    });
}

function wholeNumber(text: string): string {
  if (/^[1-9]\d{0,8}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a whole number, at least 1.");
}
