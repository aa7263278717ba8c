/**
 * A graph under test, and everything of it that contenders start from.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { CACHE_DIR, ROOT_DIR } from "../scripts/setup/paths.mjs";
import { convertToOnnx, MADE } from "./install.mjs";

/** The name of each graph, and where a trained one may lie beside the project. */
const GRAPHS = {
  v1: {
    file: "mobilenet_v1_0.25_224",
    title: "MobileNetV1 0.25@224",
    beside: "zoo-data/mobilenet_v1_0.25_224/graph.pb",
  },
  v2: { file: "mobilenet_v2_1.4_224", title: "MobileNetV2 1.4@224", beside: undefined },
};

/**
 * @typedef {object} Workload
 * @property {string} id
 * @property {string} title
 * @property {string} graphPath
 * @property {{input: object, output: object}} spec as `menagerie-engine inspect --json` prints it
 * @property {string} onnxPath
 * @property {string} enginePath the executable
 * @property {string} libtensorflowPath
 * @property {string} modelsDir a zoo with this graph as its default model
 * @property {object} facts what the page says of the graph
 * @property {() => Promise<void>} remove takes the temporary files away
 */

/** @param {string} id one of `v1`, `v2`, or the path of a graph */
export async function openWorkload(id) {
  const known = GRAPHS[id];
  const graphPath = known === undefined ? id : graphOf(known);
  const { readConfig } = await import("../node/dist/config.js");
  const { enginePath, libtensorflowPath } = readConfig();
  const graph = await readFile(graphPath);
  const { stdout } = await promisify(execFile)(enginePath, ["inspect", graphPath, "--json"], { maxBuffer: 2 ** 26 });
  const spec = JSON.parse(stdout);
  // Of random weights nobody can tell the order of the channels; all contenders take the usual one.
  if (spec.input.channels === 3) spec.input.channel_order = "RGB";
  const sha256 = createHash("sha256").update(graph).digest("hex");
  const onnxPath = await convertToOnnx(graphPath, sha256, spec);
  const modelsDir = await makeZoo(graphPath, sha256);
  return {
    id: known === undefined ? basename(graphPath) : id,
    title: known?.title ?? basename(graphPath),
    graphPath,
    spec,
    onnxPath,
    enginePath,
    libtensorflowPath,
    modelsDir,
    facts: {
      graphBytes: graph.length,
      graphSha256: sha256,
      weights: graphPath.startsWith(CACHE_DIR) ? "random" : "trained",
      input: `${spec.input.width}x${spec.input.height}`,
      classes: spec.output.classes,
    },
    remove: () => rm(modelsDir, { recursive: true, force: true }),
  };
}

function graphOf({ file, beside }) {
  const trained = join(process.env.MENAGERIE_SHARED ?? join(ROOT_DIR, "../shared"), beside ?? "-");
  return existsSync(trained) ? trained : join(MADE.graphsDir, `${file}.pb`);
}

/** A zoo of one model. */
async function makeZoo(graphPath, sha256) {
  const folder = await mkdtemp(join(tmpdir(), "menagerie-bench-"));
  const model = join(folder, "bench");
  await mkdir(model);
  await copyFile(graphPath, join(model, "graph.pb"));
  await copyFile(MADE.labelsPath, join(model, "labels.txt"));
  const manifest = {
    schema: 1,
    id: "bench",
    version: "1",
    title: basename(graphPath),
    description: "The graph under test.",
    licence: "NOASSERTION",
    default: true,
    graph: { file: "graph.pb", bytes: null, sha256 },
    labels: { file: "labels.txt", sha256: null },
    input: { channel_order: "RGB" },
    output: {},
  };
  await writeFile(join(model, "manifest.json"), JSON.stringify(manifest));
  return folder;
}
