import { resolve } from "node:path";
import type { Command } from "commander";
import { AppError } from "../errors.js";
import { createClassifier, type ExamplePhoto, type ModelSpec } from "../index.js";
import { checkFile, readInput } from "./files.js";
import { runEngine } from "./run-engine.js";

interface Options {
  readonly json: boolean;
  /** `label=photo`, or `=photo`. */
  readonly example: readonly string[];
}

export function addInspect(program: Command): void {
  program
    .command("inspect")
    .description("explains a graph: its input, its output, how images become its tensor")
    .argument("<graph>", "frozen graph (.pb), or a SavedModel folder packed as .zip or .tar.gz")
    .argument("[labels]", "label file")
    .option(
      "--example <label=photo>",
      "a photo, best one whose label is known: it decides what the graph leaves open; repeated",
      (given: string, before: readonly string[]) => [...before, given],
      [],
    )
    .option("--json", "the whole spec, as GET /api/models/{id} answers it", false)
    .action(async (graph: string, labels: string | undefined, { json, example }: Options) => {
      const files = labels === undefined ? [graph] : [graph, labels];
      for (const file of files) await checkFile(file);
      const flags = json ? ["--json"] : [];
      if (example.length > 0) {
        const spec = await decide(graph, labels, example);
        process.exitCode = await runEngine(["inspect", resolve(graph), "--spec", ...flags], {}, JSON.stringify(spec));
        return;
      }
      // Pure reading: it needs no libtensorflow and no variable.
      process.exitCode = await runEngine(["inspect", ...files.map((file) => resolve(file)), ...flags]);
    });
}

/** The spec with what the photos decide; the graph is run for them, in its cell. */
async function decide(graph: string, labels: string | undefined, given: readonly string[]): Promise<ModelSpec> {
  const examples = await Promise.all(given.map(readExample));
  const files = {
    graph: await readInput(graph),
    ...(labels === undefined ? {} : { labels: await readInput(labels) }),
  };
  const classifier = await createClassifier({ model: { ...files, examples } });
  await classifier.close();
  return classifier.spec;
}

/** `label=photo`, split at the first `=`. @throws AppError `field_invalid`, UnreadableInput. */
async function readExample(given: string): Promise<ExamplePhoto> {
  const at = given.indexOf("=");
  if (at < 0) {
    const detail = `--example ${given}: write it as label=photo, such as roses=photo.jpg, or as =photo where the label is not known.`;
    throw new AppError("field_invalid", detail);
  }
  return { label: given.slice(0, at) || null, bytes: await readInput(given.slice(at + 1)) };
}
