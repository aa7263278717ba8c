import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { readConfig } from "../config.js";
import { counted } from "../counted.js";
import { printable } from "../printable.js";
import { openWorkbench } from "../service/workbench.js";
import { findModels, findOwnModels } from "../zoo/find-models.js";
import { type Judgement, judgeModel } from "../zoo/judge.js";
import { inOrder } from "./in-order.js";
import { Progress } from "./progress.js";

export function addCheck(program: Command): void {
  program
    .command("check")
    .description("judges models of MODELS_DIR as their maintainers do; exits with 1 where one is refused")
    .argument("[id...]", "ids, or id@version; all but those that were pulled when absent")
    .option("--json", "one JSON object a model")
    .action(async (ids: string[], { json }: { json?: boolean }) => {
      const config = readConfig();
      const { modelsDir } = config;
      const places = ids.length === 0 ? await findOwnModels(modelsDir) : await findModels(modelsDir, ids);
      if (places.length === 0) throw new Error(`There is no model in ${modelsDir}.`);
      const workbench = await openWorkbench(config);
      const progress = new Progress(places.length, process.stderr);
      const judge = (place: (typeof places)[number]) => judgeModel(modelsDir, place, workbench);
      try {
        for await (const judgement of inOrder(places, availableParallelism(), judge)) {
          progress.clear();
          process.stdout.write(json ? `${JSON.stringify(judgement)}\n` : inWords(judgement));
          if (!judgement.green) process.exitCode = 1;
          progress.step();
        }
        progress.clear();
      } finally {
        await workbench.close();
      }
    });
}

function inWords({ id, version, green, findings, measured }: Judgement): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const verdict = [
    green ? "green" : counted(errors, "error"),
    ...(warnings > 0 ? [counted(warnings, "warning")] : []),
  ].join(", ");
  const lines = [
    `${id}${version === null ? "" : `@${version}`}: ${verdict}`,
    ...(measured === null ? [] : [`  ${measuredInWords(measured)}`]),
    ...findings.flatMap(({ severity, problem, mend }) => [`  ${severity}: ${problem}`, `    -> ${mend}`]),
  ];
  return `${lines.map(printable).join("\n")}\n`;
}

function measuredInWords({
  graph_bytes,
  load_ms,
  answer_ms,
  memory_bytes,
  golden,
}: NonNullable<Judgement["measured"]>): string {
  return [
    `${megabytes(graph_bytes)} graph`,
    `loads in ${load_ms} ms`,
    ...(answer_ms === null ? [] : [`answers in ${answer_ms} ms`]),
    ...(memory_bytes === null ? [] : [`${megabytes(memory_bytes)} of memory`]),
    `${golden.right} of ${golden.of} golden answers`,
  ].join(", ");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
