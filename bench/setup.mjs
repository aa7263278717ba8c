/**
 * What all contenders share: the image, the graph, its labels, and what the executable says of the graph.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MEDIA_TYPES = { ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp" };

/**
 * @typedef {object} Setup
 * @property {string} root the repository
 * @property {Buffer} image the encoded image
 * @property {string} mediaType of the image
 * @property {string} graphPath
 * @property {Buffer} graph
 * @property {{input: object, output: object}} spec as `menagerie-engine inspect --json` prints it
 * @property {string} enginePath the executable
 * @property {string | undefined} libtensorflowPath
 * @property {string} modelsDir a zoo with this graph as its default model
 * @property {object} facts what the page says of all this
 * @property {() => Promise<void>} remove takes the temporary files away
 */

/** @returns {Promise<Setup>} */
export async function prepareSetup({ graph, labels, image }) {
  const { readConfig } = await import("../node/dist/config.js");
  const { enginePath, libtensorflowPath } = readConfig();
  const graphPath = graph ?? join(ROOT, "models/flowers5/graph.pb");
  const labelsPath = labels ?? join(ROOT, "models/flowers5/labels.txt");
  const imagePath = image ?? join(ROOT, "models/samples/sunflowers-1.jpg");
  const graphBytes = await readFile(graphPath);
  const imageBytes = await readFile(imagePath);
  const { stdout } = await promisify(execFile)(enginePath, ["inspect", graphPath, "--json"]);
  const spec = JSON.parse(stdout);
  const temporary = await mkdtemp(join(tmpdir(), "menagerie-bench-"));
  const sha256 = createHash("sha256").update(graphBytes).digest("hex");
  return {
    root: ROOT,
    image: imageBytes,
    mediaType: MEDIA_TYPES[extname(imagePath).toLowerCase()] ?? "application/octet-stream",
    graphPath,
    graph: graphBytes,
    spec,
    enginePath,
    libtensorflowPath,
    modelsDir: graph === undefined ? join(ROOT, "models") : await makeZoo(temporary, graphPath, labelsPath, sha256),
    facts: {
      graph: graph === undefined ? "models/flowers5" : basename(graphPath),
      graphBytes: graphBytes.length,
      graphSha256: sha256,
      input: `${spec.input.width}x${spec.input.height}`,
      classes: spec.output.classes,
      image: basename(imagePath),
      imageBytes: imageBytes.length,
    },
    remove: () => rm(temporary, { recursive: true, force: true }),
  };
}

/** A zoo of one model, whose settings are detected. */
async function makeZoo(folder, graphPath, labelsPath, sha256) {
  const model = join(folder, "bench");
  await mkdir(model);
  await copyFile(graphPath, join(model, "graph.pb"));
  await copyFile(labelsPath, join(model, "labels.txt"));
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
    input: {},
    output: {},
  };
  await writeFile(join(model, "manifest.json"), JSON.stringify(manifest));
  return folder;
}
