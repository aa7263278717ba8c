/**
 * Builds the Dockerfile for real, weighs the image and runs it as a cluster would: on images that are made from Debian's
 * packages and npm's, without a registry of images and without Docker. `--slim` builds the one with ONNX Runtime alone, on
 * libraries alone. `--write` writes docs/image.md, or docs/image-slim.md; `--bom FILE` writes what
 * the image is made of; `--keep` leaves the store. Takes minutes, root, and 10 GB of disk for the time being.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeBases } from "./image/bases.mjs";
import { page } from "./image/page.mjs";
import { openImage } from "./image/runtime.mjs";
import { buildah, run, STORE_DIR } from "./image/store.mjs";
import { tryAll } from "./image/tries.mjs";
import { billOfMaterials } from "./sbom.mjs";
import { ROOT_DIR } from "./setup/paths.mjs";
import { onPath, packageCommand } from "./setup/tools.mjs";
import { main } from "./setup.mjs";

const IMAGE = "localhost/menagerie";
const TOOLS = ["buildah", "mmdebstrap", "runc"];

/** How this machine reaches its registries: each is given to the build, and stays in none of its layers. */
const SECRETS = {
  npmrc: [join(homedir(), ".npmrc")],
  pip: [join(homedir(), ".config/pip/pip.conf"), "/etc/pip.conf"],
  cargo: [join(homedir(), ".cargo/config.toml")],
  certificates: [process.env["NODE_EXTRA_CA_CERTS"], process.env["SSL_CERT_FILE"]],
};

/** What the image holds, by the folder or file of its root. */
const PARTS = {
  libtensorflow: ["menagerie/.cache/libtensorflow"],
  "ONNX Runtime": ["menagerie/.cache/onnxruntime"],
  Node: ["usr/local/bin/node"],
  "packages of npm": ["menagerie/node_modules"],
  "models and sample photos": ["menagerie/models"],
  "engine, addon, WebAssembly, service, page": [
    "menagerie/target",
    "menagerie/native",
    "menagerie/wasm",
    "menagerie/node",
  ],
};

const { values: options } = parseArgs({
  options: {
    write: { type: "boolean" },
    slim: { type: "boolean", default: false },
    keep: { type: "boolean" },
    bom: { type: "string" },
  },
});

const FORM = options.slim
  ? { name: "slim", runtime: "onnxruntime", bytesMax: 250e6, page: "docs/image-slim.md" }
  : { name: "latest", runtime: "libtensorflow", bytesMax: 900e6, page: "docs/image.md" };

await main(async () => {
  const missing = TOOLS.filter((tool) => onPath(tool) === undefined);
  if (missing.length > 0) throw new Error(`Missing here: ${missing.join(", ")}. ${packageCommand(missing.join(" "))}`);
  try {
    const buildSeconds = build();
    const image = openImage(`${IMAGE}:${FORM.name}`);
    try {
      const weights = weigh(image.root);
      if (options.bom !== undefined) {
        writeFileSync(options.bom, `${JSON.stringify(billOfMaterials({ root: image.root }), null, 2)}\n`);
      }
      const tries = await tryAll(image);
      const text = page({ weights, tries, buildSeconds, form: FORM });
      console.log(text);
      if (options.write) writeFileSync(join(ROOT_DIR, FORM.page), text);
      const bytes = weights.reduce((sum, weight) => sum + weight.bytes, 0);
      if (bytes > FORM.bytesMax) throw new Error(`The image holds ${bytes} bytes; it may hold ${FORM.bytesMax}.`);
      const failed = tries.filter(({ problem }) => problem !== null);
      if (failed.length > 0) throw new Error(failed.map(({ what, problem }) => `${what}: ${problem}`).join("\n"));
    } finally {
      image.remove();
    }
  } finally {
    if (!options.keep) removeStore();
  }
});

/** @returns {number} seconds that the build took, the images that it begins with not counted */
function build() {
  const args = Object.entries({ ...makeBases({ isSlim: options.slim }), RUNTIME: FORM.runtime }).map(
    ([name, image]) => `--build-arg=${name}=${image}`,
  );
  const secrets = Object.entries(SECRETS).flatMap(([id, files]) => {
    const file = files.find((path) => path !== undefined && existsSync(path));
    return file === undefined ? [] : [`--secret=id=${id},src=${file}`];
  });
  const began = performance.now();
  // Only this format has health checks.
  buildah(
    ["build", "--format=docker", "--pull-never", "--tag", `${IMAGE}:${FORM.name}`, ...args, ...secrets, ROOT_DIR],
    {
      isShown: true,
    },
  );
  return (performance.now() - began) / 1000;
}

/**
 * @param {string} root
 * @returns {{ what: string, bytes: number }[]} the heaviest first
 */
function weigh(root) {
  const bytesOf = (/** @type {string} */ path) =>
    Number(run("du", ["--summarize", "--block-size=1", "--apparent-size", path]).split("\t")[0]);
  const parts = Object.entries(PARTS).map(([what, paths]) => ({
    what,
    bytes: paths.reduce((sum, path) => sum + bytesOf(join(root, path)), 0),
  }));
  const rest = bytesOf(root) - parts.reduce((sum, { bytes }) => sum + bytes, 0);
  return [...parts, { what: "Debian", bytes: rest }].toSorted((a, b) => b.bytes - a.bytes);
}

function removeStore() {
  if (!existsSync(STORE_DIR)) return;
  buildah(["rm", "--all"]);
  rmSync(STORE_DIR, { recursive: true, force: true });
}
