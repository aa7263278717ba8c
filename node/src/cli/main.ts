/** The `menagerie` command. Each verb is a file of this folder that adds itself to the program. */
import { Command, CommanderError } from "commander";
import { messageOf } from "../errors.js";
import { addClassify } from "./classify.js";
import { addFetch } from "./fetch.js";
import { addInspect } from "./inspect.js";
import { addKey } from "./key.js";
import { addServe } from "./serve.js";

const USAGE_EXIT_CODE = 2;

// Whoever reads the lines may have read enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<number> {
  const program = new Command("menagerie")
    .description("Classifies images with frozen TensorFlow graphs.")
    .showHelpAfterError()
    .exitOverride();
  // What is set above holds for the verbs that are added below.
  for (const add of [addServe, addClassify, addInspect, addFetch, addKey]) add(program);
  try {
    await program.parseAsync(args, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  process.stderr.write(`${messageOf(error)}${cause}\n`);
  return 1;
}
