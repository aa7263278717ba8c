/**
 * Finds libtensorflow, or fetches it.
 *
 * Looked for in `LIBTENSORFLOW_PATH`, the cache and the system. Else it comes out of TensorFlow's wheel for Python 3.11:
 * the Python version does not matter, for only two libraries are unpacked, which export the whole C API. The wheel is
 * fetched by pip with the user's own settings, and directly from the package index when pip cannot, or one that the user
 * put into the cache is taken. The package that npm installs has this file too, and there Node alone has to do.
 */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { isAlive, takeLock } from "./lock.mjs";
import { CACHE_DIR, sharedCacheDir } from "./paths.mjs";
import { describeMisses, fetchWheel, VERSION, WHEELS, wheelName } from "./wheel.mjs";
import { listMembers, unpackMember } from "./zip.mjs";

/** Name of each library in the wheel, and the names that loaders look for. */
export const LIBRARIES =
  platform() === "darwin"
    ? {
        "libtensorflow_cc.2.dylib": "libtensorflow.dylib",
        "libtensorflow_framework.2.dylib": "libtensorflow_framework.dylib",
      }
    : { "libtensorflow_cc.so.2": "libtensorflow.so", "libtensorflow_framework.so.2": "libtensorflow_framework.so" };

/** Any of these in a folder means that libtensorflow is there: TensorFlow's C package first, then the wheel's library. */
const LIBRARY_NAMES =
  platform() === "darwin"
    ? ["libtensorflow.dylib", "libtensorflow.2.dylib", "libtensorflow_cc.2.dylib"]
    : ["libtensorflow.so", "libtensorflow.so.2", "libtensorflow_cc.so.2"];

const SYSTEM_DIRS =
  platform() === "darwin"
    ? ["/usr/local/lib", "/opt/homebrew/lib"]
    : ["/usr/local/lib", "/usr/lib", "/usr/lib64", "/opt/libtensorflow/lib"];

/** `<version>-<platform>`, such as `2.21.0-linux-x64`: the folder's name in the cache. */
const CACHE_NAME = `${VERSION}-${platform()}-${arch()}`;

/** @typedef {{ dir: string | undefined, misses: import("./wheel.mjs").Miss[] }} Search */

/**
 * The first folder that holds libtensorflow, and the places without it before that.
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Search}
 */
export function findLibtensorflow(environment = process.env) {
  /** @type {import("./wheel.mjs").Miss[]} */
  const misses = [];
  for (const { dir, place } of candidates(environment)) {
    if (LIBRARY_NAMES.some((name) => existsSync(join(dir, name)))) return { dir, misses };
    misses.push({ place: `${place}${dir}`, why: existsSync(dir) ? "not in this folder" : "no such folder" });
  }
  return { dir: undefined, misses };
}

/**
 * Fetches the wheel, verifies it and unpacks the two libraries into the shared cache; one process at a time. A download
 * that broke off goes on in the next run.
 * @param {import("./runner.mjs").StepContext} context
 * @param {{ environment?: NodeJS.ProcessEnv, wheels?: Record<string, import("./wheel.mjs").Wheel>, usePip?: boolean }} [options]
 * @returns {Promise<string>} the folder that holds libtensorflow
 * @throws Error that lists every place tried
 */
export async function fetchLibtensorflow(context, options = {}) {
  const { environment = process.env, wheels = WHEELS, usePip = true } = options;
  const { misses } = findLibtensorflow(environment);
  const wheel = wheels[`${platform()}-${arch()}`];
  if (!wheel) {
    misses.push({ place: `TensorFlow ${VERSION}'s wheels`, why: `there is none for ${platform()} on ${arch()}` });
    throw new Error(describeMisses(misses));
  }
  const cache = join(sharedCacheDir(environment), "libtensorflow");
  const target = join(cache, CACHE_NAME);
  const release = await takeLock(join(cache, "fetch.lock"), (pid) => {
    context.note(`another process (${pid}) fetches libtensorflow; waiting for it`);
  });
  try {
    if (existsSync(target)) return target;
    removeLeftovers(target);
    const working = `${target}.${process.pid}`;
    mkdirSync(working, { recursive: true });
    try {
      const fetched = await fetchWheel(wheel, { cache, working, context, environment, misses, usePip });
      await unpackLibraries(fetched, working, context);
      if (fetched !== join(cache, wheelName(wheel))) rmSync(fetched);
      renameSync(working, target);
    } finally {
      rmSync(working, { recursive: true, force: true });
    }
    return target;
  } finally {
    release();
  }
}

/**
 * Lets `.cache/libtensorflow` of this clone, where the service and the engine look, lead to the shared cache.
 */
export function linkCache() {
  const target = join(sharedCacheDir(), "libtensorflow");
  const link = join(CACHE_DIR, "libtensorflow");
  if (target === link) return;
  const present = lstatSync(link, { throwIfNoEntry: false });
  if (present?.isSymbolicLink() && readlinkSync(link) === target) return;
  if (present && !present.isSymbolicLink()) return;
  mkdirSync(CACHE_DIR, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

/**
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Generator<{ dir: string, place: string }>}
 */
function* candidates(environment) {
  for (const dir of (environment.LIBTENSORFLOW_PATH ?? "").split(":").filter(Boolean)) {
    yield { dir, place: "LIBTENSORFLOW_PATH: " };
  }
  yield { dir: join(CACHE_DIR, "libtensorflow", CACHE_NAME), place: "" };
  yield { dir: join(sharedCacheDir(environment), "libtensorflow", CACHE_NAME), place: "" };
  for (const dir of SYSTEM_DIRS) yield { dir, place: "" };
  const loaded = loaderCache();
  if (loaded) yield { dir: dirname(loaded), place: "the loader's cache (ldconfig): " };
}

/** Path of libtensorflow in the cache of Linux's loader. */
function loaderCache() {
  try {
    const listing = execFileSync("/sbin/ldconfig", ["-p"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return /=> (\S*\/libtensorflow\.so\S*)/.exec(listing)?.[1];
  } catch {
    return undefined;
  }
}

/**
 * @param {string} wheel
 * @param {string} dir
 * @param {import("./runner.mjs").StepContext} context
 */
async function unpackLibraries(wheel, dir, context) {
  const members = await listMembers(wheel);
  await Promise.all(
    Object.entries(LIBRARIES).map(async ([name, alias]) => {
      const member = members.find((candidate) => candidate.name === `tensorflow/${name}`);
      if (!member) throw new Error(`the wheel holds no tensorflow/${name}`);
      context.note(`unpacking ${name} (${Math.round(member.bytes / 1e6)} MB)`);
      await unpackMember(wheel, member, join(dir, name));
      symlinkSync(name, join(dir, alias));
    }),
  );
}

/**
 * Removes what fetches of ended processes left behind.
 * @param {string} target
 */
function removeLeftovers(target) {
  const dir = dirname(target);
  for (const name of existsSync(dir) ? readdirSync(dir) : []) {
    const pid = name.startsWith(`${CACHE_NAME}.`) ? Number(name.slice(CACHE_NAME.length + 1)) : undefined;
    if (pid && !isAlive(pid)) rmSync(join(dir, name), { recursive: true, force: true });
  }
}
