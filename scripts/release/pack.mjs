/** What all packages have in common: version, where they come from, and how a folder becomes a tarball. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT_DIR } from "../setup/paths.mjs";
import { output } from "../setup/tools.mjs";

/** Ignored by git; what lies in it is made anew. */
export const RELEASE_DIR = join(ROOT_DIR, "release");

/** @param {string} path from the root */
export function readJson(path) {
  return JSON.parse(readFileSync(join(ROOT_DIR, path), "utf8"));
}

/**
 * The one version of everything.
 * @throws Error where files say different ones
 */
export function releaseVersion() {
  const { version } = readJson("node/package.json");
  const cargo = /^\[workspace\.package\]\nversion = "([^"]+)"/m.exec(
    readFileSync(join(ROOT_DIR, "Cargo.toml"), "utf8"),
  );
  const found = {
    "Cargo.toml": cargo?.[1],
    "wasm/package.json": readJson("wasm/package.json").version,
    "native/addon/package.json": readJson("native/addon/package.json").version,
  };
  for (const [file, other] of Object.entries(found))
    if (other !== version) throw new Error(`node/package.json has version ${version}, ${file} ${other}`);
  return /** @type {string} */ (version);
}

/**
 * The commit that the packages are made of, and its repository where a remote names one.
 * @returns {{ commit: string, isClean: boolean, repository: string | undefined }}
 */
export function provenance() {
  const git = (/** @type {string[]} */ ...args) => output("git", args, { cwd: ROOT_DIR });
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
  const remote = GITHUB_REPOSITORY ? `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}` : git("remote", "get-url", "origin");
  return {
    commit: git("rev-parse", "HEAD") ?? "unknown",
    isClean: git("status", "--porcelain", "--untracked-files=no") === "",
    // A folder of this machine says nothing to others.
    repository: remote && /^(https|ssh):\/\/|^git@/.test(remote) ? remote : undefined,
  };
}

/**
 * An empty folder to lay a package out in.
 * @param {string} name
 */
export function stage(name) {
  const dir = join(RELEASE_DIR, "stage", name);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  return dir;
}

/**
 * Packs a folder; npm gives all files one date and order, so that equal files make equal tarballs.
 * @param {string} dir
 * @param {Record<string, unknown>} manifest its package.json
 * @param {readonly RegExp[]} allowed every file in it fits one of these
 * @returns {{ file: string, sha256: string, bytes: number }}
 * @throws Error that names a file which does not belong into it
 */
export function pack(dir, manifest, allowed) {
  const { repository } = provenance();
  const complete = { ...manifest, ...(repository ? { repository: { type: "git", url: repository } } : {}) };
  writeFileSync(join(dir, "package.json"), `${JSON.stringify(complete, null, 2)}\n`);
  mkdirSync(RELEASE_DIR, { recursive: true });
  const options = ["--json", "--ignore-scripts", "--pack-destination", RELEASE_DIR];
  const [packed] = JSON.parse(execFileSync("npm", ["pack", ...options], { cwd: dir, encoding: "utf8" }));
  const file = join(RELEASE_DIR, packed.filename);
  const strays = packed.files
    .map((/** @type {{ path: string }} */ { path }) => path)
    .filter((/** @type {string} */ path) => !allowed.some((pattern) => pattern.test(path)));
  if (strays.length > 0) {
    rmSync(file);
    throw new Error(`these do not belong into ${packed.name}: ${strays.join(", ")}`);
  }
  const content = readFileSync(file);
  return { file, sha256: createHash("sha256").update(content).digest("hex"), bytes: content.length };
}

/**
 * @param {string} path from the root
 * @param {string} made the command that makes it
 */
export function built(path, made) {
  const file = join(ROOT_DIR, path);
  if (!existsSync(file)) throw new Error(`${path} is not there: ${made} makes it`);
  return file;
}
