import { extname, join } from "node:path";
import type { Command } from "commander";
import { type Config, readConfig } from "../config.js";
import { LICENCES } from "../generated/contract.js";
import { printable } from "../printable.js";
import { openWorkbench } from "../service/workbench.js";
import {
  aboutOf,
  type Draft,
  draftedModel,
  draftModel,
  folderFor,
  type GivenFile,
  nameOf,
  writeDraft,
} from "../zoo/draft.js";
import { shown } from "../zoo/settings.js";
import { roundsOf, trySettings } from "../zoo/try-settings.js";
import { ask } from "./ask.js";
import { findPhotos, readInput } from "./files.js";
import { Progress } from "./progress.js";

interface NewOptions {
  readonly photos?: string;
  readonly version: string;
  readonly title?: string;
  readonly description?: string;
  readonly licence?: string;
  readonly licenceFile?: string;
  readonly json?: boolean;
}

/** SPDX's word for a licence that nobody has stated; `check` refuses it. */
const LICENCE_UNKNOWN = "NOASSERTION";
/** Photos that each unsure setting is tried on. */
const PHOTOS_MAX = 48;

export function addNew(program: Command): void {
  program
    .command("new")
    .description("makes the folder of a model out of its graph and its labels: MODELS_DIR/ID")
    .argument("<id>", "its id: lower-case letters, digits, ., _ and -")
    .argument("<graph>", "frozen graph (.pb), or a SavedModel folder packed as .zip or .tar.gz")
    .argument("[labels]", "label file; without it the classes are numbered")
    .option(
      "--photos <dir>",
      "photos to try unsure settings on; in folders named after labels, right answers are counted",
    )
    .option("--version <version>", "its version", "1")
    .option("--title <words>", "its name for people; the id when absent")
    .option("--description <sentence>", "what it tells apart")
    .option("--licence <id>", "SPDX identifier of the weights' licence")
    .option("--licence-file <file>", "the text of that licence, copied to LICENSE")
    .option("--json", "what was written and what is unsure, as JSON")
    .action(async (id: string, graph: string, labels: string | undefined, options: NewOptions) => {
      const config = readConfig();
      const folder = await folderFor(config.modelsDir, { id, version: options.version });
      const graphFile = await given(graph);
      const labelsFile = labels === undefined ? null : await given(labels);
      const licence =
        options.licence ?? (await ask(`Licence of the weights, one of ${LICENCES.join(", ")}: `)) ?? LICENCE_UNKNOWN;
      const licenceFile = options.licenceFile ?? (await ask("File with the text of that licence: "));
      const licenceText = licenceFile === null ? null : await readInput(licenceFile);
      const { version, title = id, description = "" } = options;
      const draft = await draftModel({ id, version, title, description, licence }, graphFile, labelsFile);
      const tried =
        options.photos === undefined ? new Map<string, string>() : await tryOn(options.photos, draft, config);
      const files = await writeDraft(config.modelsDir, folder, draft, licenceText, tried);
      const path = join(config.modelsDir, folder);
      process.stdout.write(
        options.json ? `${JSON.stringify(asJson(path, files, draft, tried))}\n` : asText(path, files, draft, tried),
      );
    });
}

async function given(path: string): Promise<GivenFile> {
  const [archive] = /\.tar\.gz$/i.exec(path) ?? [];
  return { ending: (archive ?? extname(path)).toLowerCase(), bytes: await readInput(path) };
}

async function tryOn(folder: string, draft: Draft, config: Config): Promise<Map<string, string>> {
  const found = (await findPhotos([folder])).slice(0, PHOTOS_MAX);
  for (const { problem } of found) if (problem !== undefined) throw problem;
  const photos = await Promise.all(found.map(async ({ path }) => ({ path, bytes: await readInput(path) })));
  const workbench = await openWorkbench(config);
  const progress = new Progress(roundsOf(draft.unsure), process.stderr);
  try {
    return await trySettings(workbench, await draftedModel(draft), draft.unsure, photos, () => progress.step());
  } finally {
    progress.clear();
    await workbench.close();
  }
}

function asJson(
  folder: string,
  files: readonly string[],
  { manifest, spec, unsure }: Draft,
  tried: ReadonlyMap<string, string>,
) {
  return {
    folder,
    files,
    manifest,
    evidence: spec.evidence,
    warnings: spec.warnings,
    unsure: unsure.map((one) => ({
      fields: one.fields,
      value: one.value,
      confidence: one.confidence,
      others: one.others.map(({ value }) => value),
      photos: tried.get(nameOf(one)) ?? null,
    })),
  };
}

function asText(
  folder: string,
  files: readonly string[],
  { manifest, spec, unsure }: Draft,
  tried: ReadonlyMap<string, string>,
): string {
  const isOpen = (field: string) => unsure.some(({ fields }) => fields.includes(field));
  const evidence = spec.evidence.map(({ field, value, source, confidence }) => {
    const sure = `${source}, ${Math.round(100 * confidence)} % sure`;
    return `  ${field.padEnd(20)} ${shown(value)} (${sure})${isOpen(field) ? "  <- to decide" : ""}`;
  });
  const decisions = unsure.map((one) => `  - ${nameOf(one)}: ${aboutOf(one, tried.get(nameOf(one)))}`);
  const lines = [
    `${folder}: ${files.join(", ")}`,
    "",
    "Found in the graph:",
    ...evidence,
    ...spec.warnings.map((warning) => `  Warning: ${warning}`),
    "",
    ...(decisions.length === 0
      ? []
      : ["To decide, in manifest.json; then tick the line in MODEL.md:", ...decisions, ""]),
    "To do:",
    ...(manifest.licence === LICENCE_UNKNOWN ? ["  - manifest.json: the licence of the weights"] : []),
    ...(manifest.description === "" ? ["  - manifest.json: what it tells apart"] : []),
    ...(files.includes("LICENSE") ? [] : ["  - LICENSE: the text of that licence"]),
    "  - MODEL.md: what is to be written below each heading",
    `  - golden answers: menagerie golden ${manifest.id} PHOTO…`,
    `  - menagerie check ${manifest.id}`,
  ];
  return `${lines.map(printable).join("\n")}\n`;
}
