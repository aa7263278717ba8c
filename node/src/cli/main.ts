#!/usr/bin/env node
/** The `menagerie` command. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { readConfig } from "../config.js";
import { AppError, messageOf } from "../errors.js";
import { type ClassifierOptions, createClassifier } from "../index.js";
import { printable } from "../printable.js";
import { createKey, fetchListedModel } from "../service.js";

const USAGE = `\
menagerie classifies images with frozen TensorFlow graphs.

  menagerie serve
      the service; settings come from the environment (PORT, HOST, MODELS_DIR, ...)
  menagerie classify IMAGE... [--model ID|GRAPH.pb] [--labels FILE] [--json]
      says what is in each image; classes of a graph without labels are numbered
  menagerie inspect GRAPH [LABELS] [--json]
      explains a graph: its input, its output, how images become its tensor
  menagerie fetch ID...
      fetches listed models, such as mobilenet-v1-0.25-224, into MODELS_DIR
  menagerie key [--role infer|models|admin] [--name NAME]
      makes an API key and shows it on stderr, this once; on stdout is its line for API_KEYS_FILE
`;

const USAGE_EXIT_CODE = 2;

class UsageError extends Error {}

process.exitCode = await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  try {
    switch (command) {
      case "serve":
        await import("../server.js");
        return 0;
      case "classify":
        return await classify(rest);
      case "inspect":
        return await inspect(rest);
      case "fetch":
        return await fetchListed(rest);
      case "key":
        return makeKey(rest);
      case "help":
      case "--help":
        process.stdout.write(USAGE);
        return 0;
      default:
        throw new UsageError(command === undefined ? "a command is missing" : `there is no command ${command}`);
    }
  } catch (error) {
    return report(error);
  }
}

/** One line an image. The exit code is 1 when an image failed. */
async function classify(args: string[]): Promise<number> {
  const { values, positionals: images } = parseArgs({
    args,
    allowPositionals: true,
    options: { model: { type: "string" }, labels: { type: "string" }, json: { type: "boolean", default: false } },
  });
  if (images.length === 0) throw new UsageError("classify needs an image");
  const classifier = await createClassifier(await modelOf(values.model, values.labels));
  let exitCode = 0;
  try {
    for (const image of images) {
      try {
        const answer = await classifier.classify(await readFile(image));
        const { label, band, probability } = answer;
        const line = values.json
          ? JSON.stringify({ ...answer, image: { name: image, ...answer.image }, model: classifier.model })
          : `${image}: ${printable(label)} (${(100 * probability).toFixed(1)} %, ${band} confidence)`;
        process.stdout.write(`${line}\n`);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        process.stderr.write(`${image}: ${error.message} (${error.code})\n`);
        exitCode = 1;
      }
    }
  } finally {
    await classifier.close();
  }
  return exitCode;
}

async function modelOf(model: string | undefined, labels: string | undefined): Promise<ClassifierOptions> {
  if (model === undefined || !model.endsWith(".pb")) {
    if (labels !== undefined) throw new UsageError("--labels belongs to a graph: --model GRAPH.pb --labels FILE");
    return model === undefined ? {} : { model };
  }
  const graph = await readFile(model);
  return { model: labels === undefined ? { graph } : { graph, labels: await readFile(labels) } };
}

/** The engine explains graphs; it is pure reading and needs no libtensorflow. */
async function inspect(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: "boolean", default: false } },
  });
  const [graph, ...labels] = positionals;
  if (graph === undefined || labels.length > 1)
    throw new UsageError("inspect needs a graph and at most one label file");
  const { enginePath, libtensorflowPath } = readConfig();
  const engineArgs = ["inspect", ...positionals.map((path) => resolve(path)), ...(values.json ? ["--json"] : [])];
  const engine = spawn(enginePath, engineArgs, {
    stdio: "inherit",
    env: libtensorflowPath === undefined ? {} : { LIBTENSORFLOW_PATH: libtensorflowPath },
  });
  return await new Promise((done, fail) => {
    engine.once("error", (error) =>
      fail(new AppError("engine_unavailable", `The engine cannot be started: ${error.message}`)),
    );
    engine.once("exit", (code) => done(code ?? 1));
  });
}

async function fetchListed(ids: readonly string[]): Promise<number> {
  if (ids.length === 0) throw new UsageError("fetch needs the id of a model");
  const config = readConfig();
  for (const id of ids) {
    for (const { path, sha256, verified } of await fetchListedModel(config, id)) {
      const how = verified ? "verified" : "not verified: the manifest knows no SHA-256";
      process.stdout.write(`${path}: SHA-256 ${sha256} (${how})\n`);
    }
  }
  return 0;
}

/** The line goes where the file is, and the key where it is not. */
function makeKey(args: string[]): number {
  const { values } = parseArgs({
    args,
    options: { role: { type: "string", default: "infer" }, name: { type: "string" } },
  });
  const { key, line } = createKey(values.role, values.name);
  process.stderr.write(`The key, shown this once: ${key}\n`);
  process.stdout.write(`${line}\n`);
  return 0;
}

function report(error: unknown): number {
  if (error instanceof UsageError || (error instanceof TypeError && "code" in error)) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return USAGE_EXIT_CODE;
  }
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  process.stderr.write(`${messageOf(error)}${cause}\n`);
  return 1;
}
