import type { Command } from "commander";
import { readConfig } from "../config.js";
import { type Answer, type ClassifierOptions, createClassifier, type ImageClassifier } from "../index.js";
import { printable } from "../printable.js";
import { type AnswerForm, CSV, complaint, JSON_LINES, SENTENCES } from "./classify-forms.js";
import { findPhotos, type Photo, readInput } from "./files.js";
import { inOrder } from "./in-order.js";
import { Progress } from "./progress.js";

interface ClassifyOptions {
  readonly model?: string;
  readonly labels?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** What became of one photo. */
type Outcome = { readonly path: string } & ({ readonly answer: Answer } | { readonly error: Error });

/** What a graph of one's own ends in; anything else is an id of the zoo. */
const GRAPH_FILE = /\.(pb|zip|tar\.gz|tgz)$/i;

export function addClassify(program: Command): void {
  program
    .command("classify")
    .description("says what is in each image, in the order in which they are named")
    .argument("<image...>", "images, or folders of them")
    .option("--model <id|graph>", "id of the zoo, or a graph of your own; the zoo's default model when absent")
    .option("--labels <file>", "labels of your own graph; without them its classes are numbered")
    .option("--json", "one JSON object a line")
    .option("--csv", "a table with a head line")
    .action(async (paths: string[], options: ClassifyOptions, command: Command) => {
      if (options.json && options.csv) command.error("error: --json and --csv cannot both be had");
      if (options.labels !== undefined && !GRAPH_FILE.test(options.model ?? "")) {
        command.error("error: --labels belongs to a graph: --model GRAPH.pb --labels FILE");
      }
      const form = options.json ? JSON_LINES : options.csv ? CSV : SENTENCES;
      const classifier = await createClassifier(await modelOf(options));
      try {
        for (const warning of classifier.spec.warnings) process.stderr.write(`Warning: ${printable(warning)}\n`);
        if (!(await classifyAll(classifier, await findPhotos(paths), form))) process.exitCode = 1;
      } finally {
        await classifier.close();
      }
    });
}

/** Prints each outcome. Resolves with whether every photo was answered. */
async function classifyAll(classifier: ImageClassifier, photos: readonly Photo[], form: AnswerForm): Promise<boolean> {
  const progress = new Progress(photos.length, process.stderr);
  let isGood = true;
  if (form.head !== undefined) process.stdout.write(`${form.head}\n`);
  for await (const outcome of inOrder(photos, readConfig().workerThreads, (photo) => classifyOne(classifier, photo))) {
    const { path } = outcome;
    progress.clear();
    if ("answer" in outcome) {
      process.stdout.write(`${form.answered(path, outcome.answer, classifier)}\n`);
    } else {
      isGood = false;
      process.stderr.write(`${complaint(path, outcome.error)}\n`);
      if (form.failed !== undefined) process.stdout.write(`${form.failed(path, outcome.error)}\n`);
    }
    progress.step();
  }
  progress.clear();
  return isGood;
}

async function classifyOne(classifier: ImageClassifier, { path, problem }: Photo): Promise<Outcome> {
  try {
    if (problem !== undefined) throw problem;
    const image = await readInput(path);
    return { path, answer: await classifier.classify(image) };
  } catch (error) {
    return { path, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** The model that the options name. */
export async function modelOf({
  model,
  labels,
}: Pick<ClassifyOptions, "model" | "labels">): Promise<ClassifierOptions> {
  if (model === undefined) return {};
  if (!GRAPH_FILE.test(model)) return { model };
  const graph = await readInput(model);
  return { model: labels === undefined ? { graph } : { graph, labels: await readInput(labels) } };
}
