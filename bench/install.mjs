/**
 * What the contenders need beside the service: Python and Node packages of pinned versions, photos, graphs with random
 * weights. All of it goes into this clone's cache; steps that are done are not done again.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { CACHE_DIR, ROOT_DIR } from "../scripts/setup/paths.mjs";
import { plan, runSteps } from "../scripts/setup/runner.mjs";
import { RUNTIMES } from "../scripts/setup/runtimes.mjs";
import { SERVICE } from "../scripts/setup/steps.mjs";
import { setUp } from "../scripts/setup.mjs";

const FOLDER = join(CACHE_DIR, "bench");
const PYTHON = join(FOLDER, "venv/bin/python");
const IMAGES = ["400x300", "517x606", "4000x3000"];
const CHECK_IMAGE = join(FOLDER, "images/check.png");

/** Where the bench keeps what it made. */
export const MADE = {
  python: PYTHON,
  pythonDir: join(ROOT_DIR, "bench/python"),
  graphsDir: join(FOLDER, "graphs"),
  labelsPath: join(FOLDER, "graphs/labels.txt"),
  floorPath: join(FOLDER, "floor"),
  drivePixelsPath: join(ROOT_DIR, "target/release/examples/drive_pixels"),
  imagePath: (name) => join(FOLDER, `images/${name}.jpg`),
  /** Loads a package of bench/node. */
  require: createRequire(join(FOLDER, "node/index.cjs")),
  nodeDir: join(FOLDER, "node"),
};

/** @type {readonly import("../scripts/setup/runner.mjs").Step[]} */
const STEPS = [
  {
    name: "bench: Python packages",
    lane: "bench",
    inputs: ["bench/python/requirements.txt"],
    outputs: [".cache/bench/venv/bin/python"],
    run: async ({ exec }) => {
      await exec("python3", ["-m", "venv", "--clear", join(FOLDER, "venv")]);
      const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"];
      await exec(PYTHON, ["-m", "pip", "install", ...options, "-r", "bench/python/requirements.txt"]);
    },
  },
  {
    name: "bench: Node packages",
    lane: "bench",
    inputs: ["bench/node/package.json", "bench/node/package-lock.json"],
    outputs: [".cache/bench/node/node_modules/.package-lock.json"],
    run: async ({ exec }) => {
      await mkdir(MADE.nodeDir, { recursive: true });
      for (const file of ["package.json", "package-lock.json"]) {
        await copyFile(join(ROOT_DIR, "bench/node", file), join(MADE.nodeDir, file));
      }
      // Without scripts: onnxruntime-node's only fetches libraries for GPUs.
      await exec("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: MADE.nodeDir });
    },
  },
  {
    name: "bench: photos",
    needs: ["bench: Python packages"],
    inputs: ["bench/python/make_images.py"],
    outputs: [...IMAGES.map((name) => `${name}.jpg`), "check.png"].map((file) => `.cache/bench/images/${file}`),
    run: ({ exec }) => exec(PYTHON, ["bench/python/make_images.py", join(FOLDER, "images")]),
  },
  {
    name: "bench: graphs",
    needs: ["bench: photos"],
    inputs: ["bench/python/make_graphs.py"],
    outputs: ["mobilenet_v1_0.25_224.pb", "mobilenet_v2_1.4_224.pb", "labels.txt"].map(
      (file) => `.cache/bench/graphs/${file}`,
    ),
    run: ({ exec }) => exec(PYTHON, ["bench/python/make_graphs.py", MADE.imagePath("4000x3000"), MADE.graphsDir]),
  },
  {
    name: "bench: floor",
    inputs: ["bench/floor.c"],
    outputs: [".cache/bench/floor"],
    run: async ({ exec }) => {
      await mkdir(FOLDER, { recursive: true });
      await exec("cc", ["-O2", "-o", MADE.floorPath, "bench/floor.c", "-ldl", "-lpthread"]);
    },
  },
  {
    name: "bench: native decoder",
    inputs: ["Cargo.lock", "native/contract", "wasm"],
    outputs: ["target/release/examples/drive_pixels"],
    run: ({ exec }) =>
      exec("cargo", ["build", "--release", "--locked", "--package", "menagerie-wasm", "--example", "drive_pixels"]),
  },
];

/** Brings the service, with each runtime that it runs on, and all contenders up to date. */
export async function install() {
  await setUp([...SERVICE, ...RUNTIMES.map(({ name }) => name)]);
  const folders = { root: ROOT_DIR, cache: CACHE_DIR };
  const goals = STEPS.map(({ name }) => name);
  await runSteps(plan(STEPS, goals, folders), folders, (line) => process.stderr.write(`${line}\n`));
}

/** The graph as ONNX, converted once for each graph by tf2onnx. @returns {Promise<string>} its path */
export async function convertToOnnx(graphPath, sha256, spec) {
  const path = join(FOLDER, "onnx", `${sha256}.onnx`);
  if (existsSync(path)) return path;
  await mkdir(join(FOLDER, "onnx"), { recursive: true });
  const names = ["--inputs", `${spec.input.tensor}:0`, "--outputs", `${spec.output.tensor}:0`];
  const args = ["-m", "tf2onnx.convert", "--graphdef", graphPath, ...names, "--output", `${path}.part`];
  await promisify(execFile)(PYTHON, args, { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" } });
  await rename(`${path}.part`, path);
  return path;
}

/** A PNG of the models' size: what all contenders make the same tensor of. */
export const readCheckImage = () => readFile(CHECK_IMAGE);

/** The bench's photos by name. @returns {Promise<Record<string, Buffer>>} */
export async function readImages() {
  const entries = IMAGES.map(async (name) => [name, await readFile(MADE.imagePath(name))]);
  return Object.fromEntries(await Promise.all(entries));
}
