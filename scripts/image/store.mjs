/** Buildah, with a store of its own that leaves no trace in the user's. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { sharedCacheDir } from "../setup/paths.mjs";

/** Where the images are, until the script that made them ends. */
export const STORE_DIR = join(sharedCacheDir(), "containers");

/** No namespaces are needed: this works inside of most virtual machines. */
const ENVIRONMENT = { BUILDAH_ISOLATION: "chroot" };

/**
 * Runs a program with the store's settings.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ input?: string | Buffer, isShown?: boolean }} [options] `isShown`: what it says goes to the terminal
 * @returns {string} its output, without the last line's end
 * @throws Error with the last line that it said
 */
export function run(program, args, { input, isShown = false } = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env: { ...process.env, ...ENVIRONMENT },
    input,
    stdio: ["pipe", isShown ? "inherit" : "pipe", isShown ? "inherit" : "pipe"],
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) throw new Error(`${program} cannot be run: ${error.message}`);
  if (status !== 0) {
    throw new Error(
      `${program} ${args[0]} ended with ${status}: ${(stderr ?? "").trim().split("\n").slice(-5).join("\n")}`,
    );
  }
  return (stdout ?? "").trimEnd();
}

/**
 * @param {readonly string[]} args
 * @param {{ isShown?: boolean }} [options]
 */
export function buildah(args, options) {
  return run("buildah", ["--root", join(STORE_DIR, "root"), "--runroot", join(STORE_DIR, "run"), ...args], options);
}

/** @param {string} image */
export function hasImage(image) {
  try {
    return buildah(["images", "--quiet", image]) !== "";
  } catch {
    return false;
  }
}
