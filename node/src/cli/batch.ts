import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { readConfig } from "../config.js";
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import { createClassifier, type ImageClassifier } from "../index.js";
import { sha256 } from "../sha256.js";
import { writeParquet } from "./batch-parquet.js";
import { BatchPart } from "./batch-part.js";
import { type BatchSource, isIn, openSource, type Shard } from "./batch-source.js";
import { modelOf } from "./classify.js";
import { JSON_LINES } from "./classify-forms.js";
import { readInput, UnreadableInput } from "./files.js";
import { inOrder } from "./in-order.js";
import { Progress } from "./progress.js";

/** Photos at once for each thread: enough that none waits while one photo takes longer than its neighbours. */
const PHOTOS_PER_THREAD = 4;
/** How often the service's own faults are tried again for one photo, and after how long first. */
const TRIES = 3;
const RETRY_MS = 500;
/** So many photos in a row that the service could not answer: it is not the photos. */
const FAULTS_IN_A_ROW_MAX = 20;
/** How often a log is told how far it is. */
const LOG_MS = 60_000;
const PART_FILE = /^answers(?:-(\d+)-of-(\d+))?\.(list|jsonl|done)$/;

interface BatchOptions {
  readonly out: string;
  readonly model?: string;
  readonly labels?: string;
  readonly shard?: Shard;
  readonly merge?: boolean;
  readonly parquet?: boolean;
}

export function addBatch(program: Command): void {
  program
    .command("batch")
    .description("classifies as many images as there are into a file, and goes on where it was ended")
    .argument(
      "<source>",
      "a folder of images, a list with a path on each line, s3://BUCKET/PREFIX, or with --merge a folder of parts",
    )
    .requiredOption("--out <folder|file>", "folder of the answers; with --merge the file that all parts are put into")
    .option("--model <id|graph>", "id of the zoo, or a graph of your own; the zoo's default model when absent")
    .option("--labels <file>", "labels of your own graph; without them its classes are numbered")
    .option("--shard <K/N>", "only part K, 0 to N - 1, of N", shardOf)
    .addOption(
      new Option("--merge", "puts the answers of all parts into one file, each photo once").conflicts([
        "model",
        "labels",
        "shard",
      ]),
    )
    .option("--parquet", "writes the answers as Parquet too once all are there; with --merge in place of JSON lines")
    .action(async (path: string, options: BatchOptions) => {
      if (options.merge) await merge(path, options);
      else if (!(await batch(path, options))) process.exitCode = 1;
    });
}

function shardOf(text: string): Shard {
  const [, index = "", count = ""] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (index === "" || shard.index >= shard.count) {
    throw new InvalidArgumentError("Part and number of parts are meant, such as 0/8 to 7/8.");
  }
  return shard;
}

/** Resolves with whether all is done. */
async function batch(path: string, options: BatchOptions): Promise<boolean> {
  const source = await openSource(path);
  const shard = options.shard ?? { index: 0, count: 1 };
  const part = new BatchPart(options.out, shard);
  const classifier = await createClassifier(await modelOf(options));
  const ending = new AbortController();
  const end = () => ending.abort();
  process.once("SIGTERM", end).once("SIGINT", end);
  try {
    await part.begin(chosen(source, shard), await settingsOf(source, options, shard, classifier));
    const done = (await part.done()) ?? (await answerAll({ source, part, classifier, signal: ending.signal }));
    if (done === null) return false;
    const failed = done.failed === 0 ? "" : `, of which ${done.failed} could not be: their lines have "error"`;
    if (options.parquet) await part.writeParquet();
    process.stdout.write(`${counted(done.photos, "image")} answered in ${part.answersFile}${failed}\n`);
    return true;
  } finally {
    process.off("SIGTERM", end).off("SIGINT", end);
    source.close();
    await classifier.close();
  }
}

/** What the answers depend on, in words that differ where one of it does. */
async function settingsOf(
  { place }: BatchSource,
  { labels }: BatchOptions,
  shard: Shard,
  { model, spec }: ImageClassifier,
) {
  const digest = async (bytes: Uint8Array) => (await sha256(bytes)).slice(0, 16);
  return JSON.stringify({
    source: place,
    model: `${model.id}@${model.version}`,
    graph: model.sha256.slice(0, 16),
    labels: labels === undefined ? null : await digest(await readInput(labels)),
    settings: await digest(Buffer.from(JSON.stringify(spec))),
    shard: `${shard.index}/${shard.count}`,
  });
}

async function* chosen(source: BatchSource, shard: Shard): AsyncGenerator<string> {
  for await (const name of source.names()) if (isIn(shard, name)) yield name;
}

interface Run {
  readonly source: BatchSource;
  readonly part: BatchPart;
  readonly classifier: ImageClassifier;
  readonly signal: AbortSignal;
}

/** Null where it was ended before all was answered. */
async function answerAll({
  source,
  part,
  classifier,
  signal,
}: Run): Promise<{ photos: number; failed: number } | null> {
  const photos = await part.count();
  const { answered, names, writer, file } = await part.resume();
  const progress = new Progress(photos, process.stderr, { begun: answered, logMs: LOG_MS });
  let faultsInARow = 0;
  try {
    const { workerThreads, imageBytesMax } = readConfig();
    const work = (name: string) => answerOne(classifier, name, () => source.read(name, imageBytesMax));
    for await (const { line, isFault } of inOrder(until(signal, names), PHOTOS_PER_THREAD * workerThreads, work)) {
      await writer.add(line);
      faultsInARow = isFault ? faultsInARow + 1 : 0;
      if (faultsInARow === FAULTS_IN_A_ROW_MAX)
        throw new Error(`the last ${FAULTS_IN_A_ROW_MAX} images failed: ${line}`);
      progress.step();
    }
  } finally {
    progress.clear();
    await writer.finish();
    await file.close();
  }
  if (signal.aborted) {
    process.stderr.write("Ended before all images were answered: the same command goes on.\n");
    return null;
  }
  const done = { photos, failed: await part.failedCount() };
  await part.finish(done);
  return done;
}

async function* until(signal: AbortSignal, names: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const name of names) {
    if (signal.aborted) return;
    yield name;
  }
}

/** The line of one photo; whether it is the service's fault that it has no answer. */
async function answerOne(classifier: ImageClassifier, name: string, read: () => Promise<Buffer>) {
  for (let tries = 1; ; tries++) {
    try {
      const answer = await classifier.classify(await read());
      return { line: JSON_LINES.answered(name, answer, classifier), isFault: false };
    } catch (error) {
      const isFault = error instanceof AppError ? error.status >= 500 : !(error instanceof UnreadableInput);
      if (isFault && tries < TRIES) {
        await delay(RETRY_MS * 2 ** (tries - 1));
        continue;
      }
      const problem = error instanceof Error ? error : new Error(String(error));
      return { line: JSON_LINES.failed?.(name, problem) ?? "", isFault };
    }
  }
}

/** @throws Error that says which part is missing */
async function merge(folder: string, { out, parquet }: BatchOptions): Promise<void> {
  const counts = new Set<number>();
  for (const name of await readdir(folder)) {
    const [found, , count = "1"] = PART_FILE.exec(name) ?? [];
    if (found !== undefined) counts.add(Number(count));
  }
  const [count, ...others] = counts;
  if (count === undefined) throw new UnreadableInput(folder, "There are no answers of a batch in it.");
  if (others.length > 0) {
    const found = [count, ...others].join(" and ");
    throw new UnreadableInput(folder, `It has batches of ${found} parts; put each into a folder of its own.`);
  }
  const parts = Array.from({ length: count }, (_, index) => ({ index, part: new BatchPart(folder, { index, count }) }));
  let [photos, failed] = [0, 0];
  for (const { index, part } of parts) {
    const done = await part.done();
    if (done === null)
      throw new Error(`part ${index}/${count} is not done: menagerie batch … --shard ${index}/${count}`);
    if ((await part.answered()) !== done.photos) {
      throw new Error(`${part.answersFile} has not the ${counted(done.photos, "line")} that it had when it was done`);
    }
    photos += done.photos;
    failed += done.failed;
  }
  if (parquet) await writeParquet(linesOfAll(parts.map(({ part }) => part)), out);
  else {
    for (const [at, { part }] of parts.entries()) {
      await pipeline(
        createReadStream(part.answersFile),
        createWriteStream(`${out}.new`, { flags: at === 0 ? "w" : "a" }),
      );
    }
    await rename(`${out}.new`, out);
  }
  process.stdout.write(
    `${counted(photos, "image")} in ${out}${failed === 0 ? "" : `, ${failed} of them without an answer`}\n`,
  );
}

async function* linesOfAll(parts: readonly BatchPart[]): AsyncGenerator<string> {
  for (const part of parts) yield* part.lines();
}
