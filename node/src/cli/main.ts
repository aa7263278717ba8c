/** The `menagerie` command. Each verb is a file of this folder that adds itself to the program. */
import { Command, CommanderError } from "commander";
import { messageOf } from "../errors.js";
import { addBatch } from "./batch.js";
import { addCalibrate } from "./calibrate.js";
import { addCheck } from "./check.js";
import { addClassify } from "./classify.js";
import { addDoctor } from "./doctor.js";
import { addExport } from "./export.js";
import { addFeedback } from "./feedback.js";
import { addGolden } from "./golden.js";
import { addInspect } from "./inspect.js";
import { addKey } from "./key.js";
import { addList } from "./list.js";
import { addNew } from "./new.js";
import { addPull } from "./pull.js";
import { addPush } from "./push.js";
import { addRm } from "./rm.js";
import { addServe } from "./serve.js";
import { addShow } from "./show.js";
import { addTeach } from "./teach.js";
import { addWrapper } from "./wrapper.js";

const USAGE_EXIT_CODE = 2;

/** In the order in which help lists them. */
const VERBS = [
  ...[addServe, addClassify, addBatch, addInspect, addExport],
  ...[addPull, addList, addShow, addRm],
  ...[addNew, addTeach, addCheck, addGolden, addCalibrate, addPush],
  ...[addFeedback, addKey, addDoctor, addWrapper],
];

// Whoever reads the lines may have read enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<number> {
  const program = new Command("menagerie")
    .description("Classifies images with frozen TensorFlow graphs.")
    .addHelpText(
      "after",
      "\nMODELS_DIR is the folder of the zoo. Exit codes: 0 done, 1 refused or failed, 2 used wrongly; docs/command.md has more.",
    )
    .showHelpAfterError()
    .exitOverride();
  // What is set above holds for the verbs that are added below.
  for (const add of VERBS) add(program);
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
