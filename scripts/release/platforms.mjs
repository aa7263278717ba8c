/** The platforms that there are packages for. */
import { arch, platform } from "node:os";

/**
 * @typedef {object} Platform
 * @property {string} name as napi names it, and with it the package: `@menagerie/native-<name>`
 * @property {string} triple Rust's name of the target
 * @property {"linux" | "darwin"} os
 * @property {"x64" | "arm64"} cpu
 * @property {string} [linker] where it is not this machine's own: Debian's package of it is `gcc-<its beginning>`
 */

/** @type {readonly Platform[]} */
export const PLATFORMS = [
  {
    name: "linux-x64-gnu",
    triple: "x86_64-unknown-linux-gnu",
    os: "linux",
    cpu: "x64",
    linker: "x86_64-linux-gnu-gcc",
  },
  {
    name: "linux-arm64-gnu",
    triple: "aarch64-unknown-linux-gnu",
    os: "linux",
    cpu: "arm64",
    linker: "aarch64-linux-gnu-gcc",
  },
  { name: "darwin-arm64", triple: "aarch64-apple-darwin", os: "darwin", cpu: "arm64" },
];

/** @param {Platform} which */
export function isOwn({ os, cpu }) {
  return os === platform() && cpu === arch();
}

/**
 * @param {string | undefined} name this machine's where it is undefined
 * @throws Error that lists what there is
 */
export function platformNamed(name) {
  const found = PLATFORMS.find((candidate) => (name === undefined ? isOwn(candidate) : candidate.name === name));
  const names = PLATFORMS.map((known) => known.name).join(", ");
  if (!found) throw new Error(`there is no package for ${name ?? `${platform()} on ${arch()}`}, only for ${names}`);
  return found;
}
