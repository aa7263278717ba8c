/**
 * Finds a runtime, or fetches it.
 *
 * Looked for in the folders that its variable names, the cache and the system. Else it comes out of its wheel, which is
 * fetched by pip with the user's own settings, and directly from the package index when pip cannot, or one that the user
 * put into the cache is taken. The package that npm installs has this file too, and there Node alone has to do.
 */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { arch, platform } from "node:os";
import { basename, dirname, join } from "node:path";
import { isAlive, takeLock } from "./lock.mjs";
import { CACHE_DIR, sharedCacheDir } from "./paths.mjs";
import { describeMisses, fetchWheel, wheelName } from "./wheel.mjs";
import { listMembers, unpackMember } from "./zip.mjs";

const SYSTEM_DIRS =
  platform() === "darwin" ? ["/usr/local/lib", "/opt/homebrew/lib"] : ["/usr/local/lib", "/usr/lib", "/usr/lib64"];

/** @typedef {import("./runtimes.mjs").Runtime} Runtime */

/**
 * `<version>-<platform>`, such as `2.21.0-linux-x64`: the folder's name in the cache.
 * @param {Runtime} runtime
 */
const cacheName = ({ version }) => `${version}-${platform()}-${arch()}`;

/** @typedef {{ dir: string | undefined, misses: import("./wheel.mjs").Miss[] }} Search */

/**
 * The first folder that holds it, and the places without it before that.
 * @param {Runtime} runtime
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Search}
 */
export function findRuntime(runtime, environment = process.env) {
  /** @type {import("./wheel.mjs").Miss[]} */
  const misses = [];
  for (const { dir, place } of candidates(runtime, environment)) {
    if (runtime.names.some((name) => existsSync(join(dir, name)))) return { dir, misses };
    misses.push({ place: `${place}${dir}`, why: existsSync(dir) ? "not in this folder" : "no such folder" });
  }
  return { dir: undefined, misses };
}

/**
 * Fetches the wheel, verifies it and unpacks its libraries into the shared cache; one process at a time. A download
 * that broke off goes on in the next run.
 * @param {Runtime} runtime
 * @param {import("./runner.mjs").StepContext} context
 * @param {{ environment?: NodeJS.ProcessEnv, usePip?: boolean }} [options]
 * @returns {Promise<string>} the folder that holds it
 * @throws Error that lists every place tried
 */
export async function fetchRuntime(runtime, context, options = {}) {
  const { environment = process.env, usePip = true } = options;
  const { name, version } = runtime;
  const { misses } = findRuntime(runtime, environment);
  const wheel = runtime.wheels[`${platform()}-${arch()}`];
  if (!wheel) {
    misses.push({ place: `the wheels of ${name} ${version}`, why: `there is none for ${platform()} on ${arch()}` });
    throw new Error(describeMisses(misses, runtime));
  }
  const cache = join(sharedCacheDir(environment), name);
  const target = join(cache, cacheName(runtime));
  const release = await takeLock(join(cache, "fetch.lock"), (pid) => {
    context.note(`another process (${pid}) fetches ${name}; waiting for it`);
  });
  try {
    if (existsSync(target)) return target;
    removeLeftovers(target);
    const working = `${target}.${process.pid}`;
    mkdirSync(working, { recursive: true });
    try {
      const fetched = await fetchWheel(wheel, { cache, working, context, environment, misses, usePip, runtime });
      await unpackLibraries(runtime, fetched, working, context);
      if (fetched !== join(cache, wheelName(wheel, runtime))) rmSync(fetched);
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
 * Lets its folder in this clone's cache, where the service and the engine look, lead to the shared cache.
 * @param {Runtime} runtime
 */
export function linkCache({ name }) {
  const target = join(sharedCacheDir(), name);
  const link = join(CACHE_DIR, name);
  if (target === link) return;
  const present = lstatSync(link, { throwIfNoEntry: false });
  if (present?.isSymbolicLink() && readlinkSync(link) === target) return;
  if (present && !present.isSymbolicLink()) return;
  mkdirSync(CACHE_DIR, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

/**
 * @param {Runtime} runtime
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Generator<{ dir: string, place: string }>}
 */
function* candidates(runtime, environment) {
  for (const dir of (environment[runtime.variable] ?? "").split(":").filter(Boolean)) {
    yield { dir, place: `${runtime.variable}: ` };
  }
  yield { dir: join(CACHE_DIR, runtime.name, cacheName(runtime)), place: "" };
  yield { dir: join(sharedCacheDir(environment), runtime.name, cacheName(runtime)), place: "" };
  for (const dir of [...SYSTEM_DIRS, `/opt/${runtime.name}/lib`]) yield { dir, place: "" };
  const loaded = loaderCache(runtime);
  if (loaded) yield { dir: dirname(loaded), place: "the loader's cache (ldconfig): " };
}

/**
 * Path of its library in the cache of Linux's loader.
 * @param {Runtime} runtime
 */
function loaderCache({ names }) {
  try {
    const listing = execFileSync("/sbin/ldconfig", ["-p"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const paths = [...listing.matchAll(/=> (\S+)/g)].map(([, path = ""]) => path);
    return paths.find((path) => names.includes(basename(path)));
  } catch {
    return undefined;
  }
}

/**
 * @param {Runtime} runtime
 * @param {string} wheel
 * @param {string} dir
 * @param {import("./runner.mjs").StepContext} context
 */
async function unpackLibraries({ libraries }, wheel, dir, context) {
  const members = await listMembers(wheel);
  await Promise.all(
    Object.entries(libraries).map(async ([path, alias]) => {
      const member = members.find((candidate) => candidate.name === path);
      if (!member) throw new Error(`the wheel holds no ${path}`);
      const name = basename(path);
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
  const [dir, ofTarget] = [dirname(target), `${basename(target)}.`];
  for (const name of existsSync(dir) ? readdirSync(dir) : []) {
    const pid = name.startsWith(ofTarget) ? Number(name.slice(ofTarget.length)) : undefined;
    if (pid && !isAlive(pid)) rmSync(join(dir, name), { recursive: true, force: true });
  }
}
