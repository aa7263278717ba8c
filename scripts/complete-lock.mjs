/**
 * Adds to package-lock.json the builds of packages for other platforms that npm left out.
 *
 * Tools in native code (Biome, @napi-rs) come as one optional package a platform. A package index that carries this
 * machine's builds alone makes `npm install` drop the others from the lock file, and `npm ci` then refuses the file on
 * every machine. Their versions are pinned by the package that wants them, their platforms by their names; the integrity
 * is left to the machine that installs them. Run it after `npm install` has changed the lock file.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const LOCK_PATH = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const SYSTEMS = ["android", "darwin", "freebsd", "linux", "win32"];
const PROCESSORS = ["arm", "arm64", "ia32", "ppc64", "riscv64", "s390x", "wasm32", "x64"];
const C_LIBRARIES = { gnu: "glibc", gnueabihf: "glibc", musl: "musl" };

/**
 * @typedef {object} LockedPackage
 * @property {string} [version]
 * @property {boolean} [dev]
 * @property {boolean} [optional]
 * @property {string[]} [cpu]
 * @property {string[]} [os]
 * @property {string[]} [libc]
 * @property {Record<string, string>} [optionalDependencies]
 */

const lock = JSON.parse(readFileSync(LOCK_PATH, "utf8"));
/** @type {Record<string, LockedPackage>} */
const packages = lock.packages;

let added = 0;
for (const wanting of Object.values(packages)) {
  for (const [name, version] of Object.entries(wanting.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (packages[path]) continue;
    packages[path] = { version, ...(wanting.dev ? { dev: true } : {}), optional: true, ...platformOf(name) };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([left], [right]) => (left < right ? -1 : 1)));
writeFileSync(LOCK_PATH, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages for other platforms added to package-lock.json`);

/**
 * The platform that a name such as `@napi-rs/tar-linux-arm64-musl` tells.
 * @param {string} name
 */
function platformOf(name) {
  const words = name.split(/[/-]/);
  const os = words.filter((word) => SYSTEMS.includes(word));
  const cpu = words.filter((word) => PROCESSORS.includes(word));
  const libc = Object.entries(C_LIBRARIES).flatMap(([word, library]) => (words.includes(word) ? [library] : []));
  if (cpu.length === 0) throw new Error(`no platform can be read from the name ${name}`);
  return { cpu, ...(os.length > 0 ? { os } : {}), ...(libc.length > 0 && os.includes("linux") ? { libc } : {}) };
}
