import { basename, join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { readConfig } from "../config.js";
import { counted } from "../counted.js";
import { printable } from "../printable.js";
import { openWorkbench } from "../service/workbench.js";
import { outlook, rightOf } from "../teach/card.js";
import { type Lesson, teach } from "../teach/teach.js";
import { openModel } from "../zoo/answers.js";
import { share } from "../zoo/calibration-card.js";
import { findModel } from "../zoo/find-models.js";
import { Progress } from "./progress.js";
import { findTeachPhotos, type PhotoSources } from "./teach-photos.js";

const SEED_DEFAULT = 1;
const SEED_MAX = 2 ** 32 - 1;
const CONFUSIONS_SHOWN = 5;
const WRONG_SHOWN = 5;

interface Options extends PhotoSources {
  readonly base: string;
  readonly id: string;
  readonly version: string;
  readonly title?: string;
  readonly description?: string;
  readonly data?: string;
  readonly out?: string;
  readonly features?: string;
  readonly mirror: boolean;
  readonly compare?: string;
  readonly seed: number;
  readonly json?: boolean;
}

export function addTeach(program: Command): void {
  program
    .command("teach")
    .description(
      "makes a model of your own photos: a new class layer on a model of MODELS_DIR, measured and calibrated",
    )
    .requiredOption("--base <id>", "the model whose class layer is replaced, id or id@version")
    .option("--images <dir>", "photos: one folder a label, or a CSV file of path and label")
    .option("--from-feedback <id>", "photos that this model was asked about, by what was right as its askers said")
    .option("--other [dir]", "a class `other` of these photos; without a folder, of the sample photos of other models")
    .requiredOption("--id <new>", "id of the new model: lower-case letters, digits, ., _ and -")
    .option("--version <version>", "its version", "1")
    .option("--title <words>", "its name for people; the id when absent")
    .option("--description <sentence>", "what it tells apart; its labels when absent")
    .option("--compare <old>", "a model that answers the photos that are set aside too, id or id@version")
    .option("--data <name>", "what these photos are called; the name of the folder or file when absent")
    .option("--out <dir>", "folder of models that it is put into; MODELS_DIR when absent")
    .option("--features <tensor>", "what the new class layer takes; what the old one takes when absent")
    .option("--no-mirror", "trains on no mirror images: for letters, and whatever has a left and a right")
    .option("--seed <number>", "another one sets other photos aside", parseSeed, SEED_DEFAULT)
    .option("--json", "what was measured, as JSON")
    .action(async (options: Options) => {
      const config = readConfig();
      const baseFolder = join(config.modelsDir, (await findModel(config.modelsDir, options.base)).entry);
      const old = options.compare === undefined ? null : await findModel(config.modelsDir, options.compare);
      const dir = resolve(options.out ?? config.modelsDir);
      const base = await openModel(baseFolder);
      let progress: Progress | null = null;
      const remark = (sentence: string) => {
        progress?.clear();
        process.stderr.write(`${printable(sentence)}\n`);
      };
      const { photos, close } = await findTeachPhotos(config, options, remark);
      const labels = [...new Set(photos.map(({ label }) => label))].sort();
      const { id, version, title = id, description = `Tells ${labels.join(", ")} apart.` } = options;
      const workbench = await openWorkbench(config);
      const shown = new Progress(photos.length, process.stderr);
      progress = shown;
      try {
        const lesson = await teach(workbench, {
          ...{ dir, base, baseFolder, photos, mirror: options.mirror, seed: options.seed, remark },
          statement: { id, version, title, description },
          data: options.data ?? dataOf(options),
          features: options.features ?? null,
          compare: old === null ? null : await openModel(join(config.modelsDir, old.entry)),
          lanes: config.workerThreads,
          signal: new AbortController().signal,
          told: (stage, done) => shown.share(stage, done),
        });
        progress.clear();
        process.stdout.write(
          options.json
            ? `${JSON.stringify({ ...lesson, folder: join(dir, lesson.folder) })}\n`
            : asText(lesson, dir, id),
        );
      } finally {
        progress.clear();
        await workbench.close();
        await close();
      }
    });
}

/** What photos are called, by where they are from. */
function dataOf({ images, fromFeedback }: PhotoSources): string {
  const names = [
    ...(images === undefined ? [] : [basename(resolve(images))]),
    ...(fromFeedback === undefined ? [] : [`feedback of ${fromFeedback}`]),
  ];
  return names.join(" and ");
}

function parseSeed(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= SEED_MAX) return value;
  throw new InvalidArgumentError(`It must be a whole number from 0 to ${SEED_MAX}.`);
}

function asText(lesson: Lesson, dir: string, id: string): string {
  const { report, calibration, comparison, features, findings, other, untold, wrong, folder } = lesson;
  const { classes, confusions, bands, temperature } = calibration;
  const errors = findings.filter(({ severity }) => severity === "error");
  const lines = [
    `${id}: right for ${rightOf(report.right, report.held_out)} of photos that it was not trained on`,
    ...classes.map(
      ({ label, n, right, answered }) =>
        `  ${label}: ${right} of ${n} found; answered ${counted(answered, "time")}, right ${right}`,
    ),
    ...(other === null
      ? []
      : [
          `  other things were known as such ${other.right} of ${counted(other.n, "time")}; that says nothing of things unlike these photos`,
        ]),
    ...confusions.slice(0, CONFUSIONS_SHOWN).map(({ label, answered, n }) => `  ${label} taken for ${answered}: ${n}`),
    `trained on ${report.trained} photos by ${counted(features.size, "feature")} (${features.tensor}), L2 ${report.l2}${report.hidden > 0 ? `, a hidden layer of ${report.hidden}` : ""}`,
    `with fewer photos: ${outlook(report)}`,
    `temperature ${temperature}; ${bands
      .filter(({ n }) => n > 0)
      .map(({ band, right, n }) => `${band} was right ${share(right / n)} of ${counted(n, "time")}`)
      .join(", ")}`,
    ...(comparison === null ? [] : [comparison.words]),
    ...(wrong.length === 0 ? [] : ["Most surely wrong; is the label right?"]),
    ...wrong
      .slice(0, WRONG_SHOWN)
      .map(
        ({ path, label, answered, probability }) => `  ${path}: ${label}, answered ${answered} ${share(probability)}`,
      ),
    ...(untold.length === 0
      ? []
      : [`Other programs have to be told ${untold.join(", ")}: manifest.json says it, the graph alone does not.`]),
    ...errors.map(({ problem, mend }) => `To mend: ${problem} -> ${mend}`),
    `${join(dir, folder)}: graph.pb, labels.txt, MODEL.md and what a service needs. It is served as ${id} by every service whose MODELS_DIR this is;`,
    `  menagerie classify PHOTO --model ${id}, or menagerie push ${id} --to URL for one elsewhere.`,
  ];
  return `${lines.map(printable).join("\n")}\n`;
}
