import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { readConfig } from "../config.js";
import { AppError } from "../errors.js";
import type { ExportForm } from "../generated/contract.js";
import { EXPORT_ENDINGS, onOwnBehalf, openExporter } from "../service.js";
import { exportSubjectOf } from "../zoo/export-subject.js";
import { findModel } from "../zoo/find-models.js";
import { readInput } from "./files.js";

interface Options {
  readonly to: ExportForm;
  readonly preprocess: boolean;
  readonly out?: string;
}

/** An id, or id@version; what ends as a graph does and is no file is a file that is missing. */
const MODEL_NAME = /^(?!.*\.(pb|zip|gz|tgz)$)[a-z0-9][a-z0-9._-]*(@[^/@]+)?$/;

export function addExport(program: Command): void {
  program
    .command("export")
    .description("writes a graph for other programs; docs/export.md says what is in the file")
    .argument("<graph>", "frozen graph (.pb), a SavedModel folder packed as .zip or .tar.gz, or a model of MODELS_DIR")
    .argument("[labels]", "label file, which is written along")
    .addOption(new Option("--to <form>", "what is written").choices(Object.keys(EXPORT_ENDINGS)).makeOptionMandatory())
    .option("--preprocess", "a file that takes pixels and gives probabilities", false)
    .option("--out <file>", "where; in this folder, under the graph's name, without it")
    .action(async (graph: string, labels: string | undefined, { to, preprocess, out }: Options) => {
      const name = isModel(graph, labels) ? graph.replace("@", "-") : basename(graph, extname(graph));
      const file = out ?? name + EXPORT_ENDINGS[to];
      if ([graph, labels].some((input) => input !== undefined && resolve(input) === resolve(file)))
        throw new AppError("field_invalid", `--out ${file}: it would replace what is read.`);
      const config = readConfig();
      const subject = await subjectOf(graph, labels, config.modelsDir);
      const exportModel = await openExporter(config);
      const pieces = await onOwnBehalf(config.engineLoadMsMax, ({ signal }) =>
        exportModel(subject, { form: to, preprocess }, signal),
      );
      // A file that is there stays until the new one is whole.
      await writeFile(`${file}.new`, pieces);
      await rename(`${file}.new`, file);
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      process.stdout.write(`${file}: ${bytes} bytes\n`);
    });
}

/** Whether a model of the zoo is named, not a file. */
function isModel(graph: string, labels: string | undefined): boolean {
  return labels === undefined && MODEL_NAME.test(graph) && !existsSync(graph);
}

/** What is to be written, of two files or of a model's folder. */
async function subjectOf(graph: string, labels: string | undefined, modelsDir: string) {
  if (isModel(graph, labels)) return await exportSubjectOf(join(modelsDir, (await findModel(modelsDir, graph)).entry));
  return {
    graph: [await readInput(graph)],
    request: { origin: "stranger", format: "auto", overrides: {}, source: "request", threads: 0 },
    labels: labels === undefined ? null : await readInput(labels),
    labelOffset: null,
    temperature: 1,
  } as const;
}
