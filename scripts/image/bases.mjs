/**
 * Stand-ins for the public images that the Dockerfile names, where no registry of images is reached: Debian from its
 * packages, Node and npm from npm, Rust as this machine has it.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output } from "../setup/tools.mjs";
import { buildah, hasImage, run } from "./store.mjs";

const DEBIAN = "bookworm";
const NODE = "22.23.3";
/** The one that comes with this Node. */
const NPM = "10.9.4";

/** As the public slim image leaves them out. */
const LEFT_OUT = ["doc", "locale", "man", "info", "groff", "lintian", "linda"].map((dir) => `/usr/share/${dir}/*`);

const MERGED_USR_HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr";

/** What Node, the engine and the runtimes are linked with: an image of these has no shell. */
const LIBRARIES = ["libc6", "libgcc-s1", "libstdc++6"];

/** What the public image of Rust has beside it. */
const RUST_PACKAGES = ["gcc", "libc6-dev", "ca-certificates"];

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Makes those that the store lacks.
 * @param {{ isSlim?: boolean }} [options] whether the image itself begins with libraries alone
 * @returns {Record<"SYSTEM_IMAGE" | "NODE_IMAGE" | "RUST_IMAGE", string>} the Dockerfile's arguments
 */
export function makeBases({ isSlim = false } = {}) {
  const work = mkdtempSync(join(tmpdir(), "menagerie-image-"));
  try {
    return {
      SYSTEM_IMAGE: isSlim
        ? make("menagerie-base-libraries", (root) => unpackLibraries(work, root))
        : make("menagerie-base-system", (root) => unpackDebian(work, root)),
      NODE_IMAGE: make("menagerie-base-node", (root) => addNode(work, root)),
      RUST_IMAGE: make("menagerie-base-rust", (root) => {
        unpackDebian(work, root, RUST_PACKAGES);
        addRust(root);
      }),
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * @param {string} image
 * @param {(root: string) => void} fill
 */
function make(image, fill) {
  const name = `localhost/${image}`;
  if (hasImage(name)) return name;
  console.log(`Making ${name}.`);
  const container = buildah(["from", "scratch"]);
  fill(buildah(["mount", container]));
  buildah(["config", "--env", PATH, container]);
  buildah(["commit", "--quiet", "--rm", container, name]);
  return name;
}

/**
 * @param {string} work
 * @param {string} root
 * @param {readonly string[]} packages
 */
function unpackDebian(work, root, packages = []) {
  const archive = join(work, "debian.tar");
  const options = LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`);
  // As in the public image: else a package that merges /usr brings the whole of Perl.
  options.push(`--hook-dir=${MERGED_USR_HOOKS}`, `--include=${["usr-is-merged", ...packages].join(",")}`);
  run("mmdebstrap", ["--quiet", "--variant=minbase", ...options, DEBIAN, archive]);
  run("tar", ["-xf", archive, "-C", root, "--exclude=./dev/*"]);
}

/**
 * @param {string} work
 * @param {string} root
 */
function unpackLibraries(work, root) {
  const archive = join(work, "libraries.tar");
  const options = LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`);
  run("mmdebstrap", ["--quiet", "--variant=extract", ...options, `--include=${LIBRARIES.join(",")}`, DEBIAN, archive]);
  run("tar", ["-xf", archive, "-C", root, "--exclude=./dev/*"]);
  for (const dir of ["usr/share/doc", "var"]) rmSync(join(root, dir), { recursive: true, force: true });
  mkdirSync(join(root, "tmp"), { recursive: true });
  chmodSync(join(root, "tmp"), 0o1777);
}

/**
 * @param {string} work
 * @param {string} root
 */
function addNode(work, root) {
  for (const [name, place] of /** @type {const} */ ([
    [`node-linux-${process.arch}@${NODE}`, "bin"],
    [`npm@${NPM}`, "lib/node_modules/npm"],
  ])) {
    const dir = mkdtempSync(join(work, "npm-"));
    run("npm", ["pack", name, "--silent", "--pack-destination", dir]);
    const [archive = ""] = readdirSync(dir);
    run("tar", ["-xzf", join(dir, archive), "-C", dir]);
    const target = join(root, "usr/local", place);
    mkdirSync(target, { recursive: true });
    cpSync(join(dir, "package", place === "bin" ? "bin" : ""), target, { recursive: true });
  }
}

/** @param {string} root */
function addRust(root) {
  const sysroot = output("rustc", ["--print", "sysroot"]);
  if (!sysroot) throw new Error("Rust is not on this machine: the image's build stage takes it from here");
  for (const dir of ["bin", "lib", "libexec"]) {
    run("cp", ["-a", join(sysroot, dir), join(root, "usr/local")]);
  }
}
