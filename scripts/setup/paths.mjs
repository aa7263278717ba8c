/** Where set-up keeps things: in this clone, and in the user's cache that all clones share. */
import { arch, homedir, platform } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds node/, wasm/, native/ and models/. */
export const ROOT_DIR = fileURLToPath(new URL("../../", import.meta.url));

/** This clone's own cache: stamps, logs and the lock. */
export const CACHE_DIR = join(ROOT_DIR, ".cache");

/**
 * What every clone can share: libtensorflow and the build tools. `MENAGERIE_CACHE_DIR` moves it; else it is
 * `menagerie` in the user's cache folder.
 * @param {NodeJS.ProcessEnv} environment
 */
export function sharedCacheDir(environment = process.env) {
  if (environment.MENAGERIE_CACHE_DIR) return environment.MENAGERIE_CACHE_DIR;
  return join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "menagerie");
}

/** Names what differs from one kind of machine to another. */
export const MACHINE = `${platform()}-${arch()}`;

/**
 * Folder of the programs of a tool that set-up installed.
 * @param {string} crate
 * @param {string} version
 */
export function toolDir(crate, version) {
  return join(toolRoot(crate, version), "bin");
}

/**
 * @param {string} name
 * @param {string} version
 */
export function toolRoot(name, version) {
  return join(sharedCacheDir(), "tools", `${name}-${version}-${MACHINE}`);
}
