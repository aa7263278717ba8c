import { statSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { readConfig } from "../config.js";
import { AppError, messageOf } from "../errors.js";
import type { ExportForm, SpecOverrides } from "../generated/contract.js";
import { EXPORT_ENDINGS, openExporter } from "../service/engine.js";
import { onOwnBehalf } from "../service/own-behalf.js";
import { exportSubjectOf } from "../zoo/export-subject.js";
import { findModel } from "../zoo/find-models.js";
import { parseOverrides } from "../zoo/settings.js";
import { checkOutput, readInput, UnreadableInput, writeOutput } from "./files.js";

interface Options {
  readonly to: ExportForm;
  readonly preprocess: boolean;
  readonly out?: string;
  readonly settings?: SpecOverrides;
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
    .option(
      "--settings <json>",
      "how a graph of your own is fed and read, where it does not tell: docs/export.md",
      parseSettings,
    )
    .option("--out <file>", "where; in this folder, under the graph's name, without it")
    .action(async (graph: string, labels: string | undefined, { to, preprocess, out, settings }: Options) => {
      const name = isModel(graph, labels) ? graph.replace("@", "-") : basename(graph, extname(graph));
      const file = out ?? name + EXPORT_ENDINGS[to];
      if ([graph, labels].some((input) => input !== undefined && resolve(input) === resolve(file)))
        throw new AppError("field_invalid", `--out ${file}: it would replace what is read.`);
      await checkOutput("--out", file);
      const config = readConfig();
      const subject = await subjectOf(graph, labels, settings, config.modelsDir);
      const exportModel = await openExporter(config);
      const pieces = await onOwnBehalf(config.engineLoadMsMax, (party) =>
        exportModel(subject, { form: to, preprocess }, party),
      );
      await writeOutput("--out", file, pieces);
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      process.stdout.write(`${file}: ${bytes} bytes\n`);
    });
}

/** Whether a model of the zoo is named, not a file; a graph is no folder. */
function isModel(graph: string, labels: string | undefined): boolean {
  return labels === undefined && MODEL_NAME.test(graph) && (isFolder(graph) ?? true);
}

/** Null where nothing is there. */
function isFolder(path: string): boolean | null {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? null;
}

/** What is to be written, of two files or of a model's folder. */
async function subjectOf(
  graph: string,
  labels: string | undefined,
  settings: SpecOverrides | undefined,
  modelsDir: string,
) {
  if (isModel(graph, labels)) {
    if (settings !== undefined)
      throw new AppError("field_invalid", `--settings: ${graph} is a model, whose manifest has its settings.`);
    const place = await findModel(modelsDir, graph).catch((error: unknown) => {
      if (!isFolder(graph)) throw error;
      throw new UnreadableInput(graph, `It is a folder; name a file. ${messageOf(error)}`);
    });
    return await exportSubjectOf(join(modelsDir, place.entry));
  }
  return {
    graph: [await readInput(graph)],
    request: { origin: "stranger", format: "auto", overrides: settings ?? {}, source: "request", threads: 0 },
    labels: labels === undefined ? null : await readInput(labels),
    labelOffset: settings?.label_offset ?? null,
    temperature: 1,
  } as const;
}

function parseSettings(text: string): SpecOverrides {
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // Refused as what is no object is.
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new InvalidArgumentError('It must be a JSON object, such as {"input_tensor":"image"}.');
  try {
    return parseOverrides(json);
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}.`);
  }
}
