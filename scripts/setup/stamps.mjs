/**
 * Stamps: what the inputs of a step looked like when it last succeeded.
 *
 * A stamp keeps modification time, size and SHA-256 of each input. An input of unchanged time and size counts as
 * unchanged without being read, so that a start with nothing to do costs a few hundred `stat` calls.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Folders and files that hold what a build wrote, never what a person wrote. */
const OUTPUT_FILE = /\.(tsbuildinfo|node)$/;
const OUTPUT_FOLDERS = new Set(["node_modules", "target", "dist", "pkg", "pkg-web", ".cache", ".git"]);

/**
 * @typedef {{ mtimeMs: number, size: number, sha256: string }} InputState
 * @typedef {{ key: string, inputs: Record<string, InputState> }} Stamp
 */

/**
 * The present state of the inputs.
 * @param {string} root folder that the inputs are relative to
 * @param {readonly string[]} inputs files and folders; a folder stands for every file below it
 * @param {string} key whatever else the step depends on, such as a tool's version
 * @param {Stamp | undefined} previous spares the hashing of files whose time and size it already knows
 * @returns {Stamp}
 */
export function readState(root, inputs, key, previous) {
  /** @type {Stamp["inputs"]} */
  const states = {};
  for (const path of inputs.flatMap((input) => filesBelow(root, input)).sort()) {
    const { mtimeMs, size } = statSync(join(root, path));
    const known = previous?.inputs[path];
    const sha256 =
      known && known.mtimeMs === mtimeMs && known.size === size
        ? known.sha256
        : createHash("sha256")
            .update(readFileSync(join(root, path)))
            .digest("hex");
    states[path] = { mtimeMs, size, sha256 };
  }
  return { key, inputs: states };
}

/**
 * Why the step has to run again, in words; undefined when it has not.
 * @param {Stamp | undefined} before
 * @param {Stamp} now
 * @returns {string | undefined}
 */
export function whyChanged(before, now) {
  if (!before) return "not done yet";
  if (before.key !== now.key) return "its tools or settings changed";
  for (const [path, { sha256 }] of Object.entries(now.inputs)) {
    const known = before.inputs[path];
    if (!known) return `${path} is new`;
    if (known.sha256 !== sha256) return `${path} changed`;
  }
  const gone = Object.keys(before.inputs).find((path) => !(path in now.inputs));
  return gone === undefined ? undefined : `${gone} is gone`;
}

/**
 * @param {string} path
 * @returns {Stamp | undefined} undefined when there is none, or none that can be read
 */
export function readStamp(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Writes the file whole or not at all: an interrupted write leaves the old one.
 * @param {string} path
 * @param {unknown} content
 */
export function writeJson(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(content));
  renameSync(temporary, path);
}

/**
 * @param {string} root
 * @param {string} path
 * @returns {string[]}
 */
function filesBelow(root, path) {
  const absolute = join(root, path);
  if (!existsSync(absolute)) return [];
  if (!statSync(absolute).isDirectory()) return [path];
  return readdirSync(absolute, { withFileTypes: true })
    .filter((entry) =>
      entry.isDirectory() ? !OUTPUT_FOLDERS.has(entry.name) : entry.isFile() && !OUTPUT_FILE.test(entry.name),
    )
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(root, `${path}/${entry.name}`) : [`${path}/${entry.name}`]));
}
