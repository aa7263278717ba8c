/**
 * Finds libtensorflow, or fetches it.
 *
 * Looked for in `LIBTENSORFLOW_PATH`, the cache and the system. Else it comes out of TensorFlow's wheel for Python 3.11:
 * the Python version does not matter, for only two libraries are unpacked, which export the whole C API. The wheel is
 * fetched by pip with the user's own settings, and directly from the package index when pip cannot.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isAlive } from "./lock.mjs";
import { CACHE_DIR, sharedCacheDir } from "./paths.mjs";
import { listMembers, unpackMember } from "./zip.mjs";

export const VERSION = "2.21.0";

/**
 * @typedef {object} Wheel
 * @property {string} project name in the package index
 * @property {string} tag platform tag of the file name
 * @property {string} sha256 of the whole file, as the index states it
 */

/** One wheel a platform; there is none of this version for other platforms. @type {Record<string, Wheel>} */
export const WHEELS = {
  "linux-x64": {
    project: "tensorflow-cpu",
    tag: "manylinux_2_27_x86_64",
    sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
  },
  "linux-arm64": {
    project: "tensorflow",
    tag: "manylinux_2_27_aarch64",
    sha256: "4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c",
  },
  "darwin-arm64": {
    project: "tensorflow",
    tag: "macosx_12_0_arm64",
    sha256: "51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88",
  },
};

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

/**
 * @typedef {{ place: string, why: string }} Miss a place where libtensorflow is not
 * @typedef {{ dir: string | undefined, misses: Miss[] }} Search
 */

/**
 * The first folder that holds libtensorflow, and the places without it before that.
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Search}
 */
export function findLibtensorflow(environment = process.env) {
  /** @type {Miss[]} */
  const misses = [];
  for (const { dir, place } of candidates(environment)) {
    if (LIBRARY_NAMES.some((name) => existsSync(join(dir, name)))) return { dir, misses };
    misses.push({ place: `${place}${dir}`, why: existsSync(dir) ? "not in this folder" : "no such folder" });
  }
  return { dir: undefined, misses };
}

/**
 * Fetches the wheel, verifies it and unpacks the two libraries into the shared cache.
 * @param {import("./runner.mjs").StepContext} context
 * @param {{ environment?: NodeJS.ProcessEnv, wheels?: Record<string, Wheel> }} [options]
 * @throws Error that lists every place tried
 */
export async function fetchLibtensorflow(context, { environment = process.env, wheels = WHEELS } = {}) {
  const { misses } = findLibtensorflow(environment);
  const wheel = wheels[`${platform()}-${arch()}`];
  if (!wheel) {
    misses.push({ place: `TensorFlow ${VERSION}'s wheels`, why: `there is none for ${platform()} on ${arch()}` });
    throw new Error(describeMisses(misses));
  }
  const target = join(sharedCacheDir(environment), "libtensorflow", CACHE_NAME);
  removeLeftovers(target);
  const working = `${target}.${process.pid}`;
  mkdirSync(working, { recursive: true });
  try {
    await unpackLibraries(await fetchWheel(wheel, { working, context, environment, misses }), working, context);
    publish(working, target);
  } finally {
    rmSync(working, { recursive: true, force: true });
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
 * @typedef {object} Fetch
 * @property {string} working folder to download into
 * @property {import("./runner.mjs").StepContext} context
 * @property {NodeJS.ProcessEnv} environment
 * @property {Miss[]} misses gets each way that failed
 */

/**
 * @param {Wheel} wheel
 * @param {Fetch} fetch
 * @returns {Promise<string>} path of the verified wheel
 */
async function fetchWheel(wheel, { working, context, environment, misses }) {
  const path = join(working, wheelName(wheel));
  for (const [place, fetchIt] of /** @type {const} */ ([
    ["pip download", downloadWithPip],
    ["direct download", downloadDirectly],
  ])) {
    try {
      context.note(`${place} of ${wheelName(wheel)}`);
      await fetchIt(wheel, { working, context, environment, misses });
      context.note("verifying its SHA-256");
      await verifySha256(path, wheel.sha256);
      return path;
    } catch (error) {
      misses.push({ place, why: error instanceof Error ? error.message : String(error) });
      rmSync(path, { force: true });
    }
  }
  throw new Error(describeMisses(misses));
}

/** @param {Wheel} wheel */
export function wheelName({ project, tag }) {
  return `${project.replaceAll("-", "_")}-${VERSION}-cp311-cp311-${tag}.whl`;
}

/**
 * @param {Wheel} wheel
 * @param {Fetch} fetch
 */
async function downloadWithPip({ project, tag }, { working, context }) {
  const options = ["--no-deps", "--only-binary=:all:", "--platform", tag, "--python-version", "3.11"];
  options.push("--implementation", "cp", "--abi", "cp311", "--dest", working);
  await context.exec("python3", ["-m", "pip", "download", ...options, `${project}==${VERSION}`]);
}

/**
 * Reads the project's page in the package index (PEP 503) and downloads the file that it links.
 * @param {Wheel} wheel
 * @param {Fetch} fetch
 */
async function downloadDirectly(wheel, { working, context, environment }) {
  const index = packageIndex(environment);
  if (!index) throw new Error("no package index is known: set PIP_INDEX_URL to one");
  const page = await request(`${index.replace(/\/+$/, "")}/${wheel.project}/`);
  const name = wheelName(wheel);
  const link = [...(await page.text()).matchAll(/href="([^"]+)"/g)]
    .map((match) => new URL(/** @type {string} */ (match[1]).replaceAll("&amp;", "&"), page.url))
    .find((address) => address.pathname.endsWith(`/${name}`));
  if (!link) throw new Error(`${page.url} links no ${name}`);
  const file = await request(link.href);
  if (!file.body) throw new Error(`${link.href} has no body`);
  const bytes = Number(file.headers.get("content-length"));
  const body = Readable.fromWeb(/** @type {import("node:stream/web").ReadableStream} */ (file.body));
  let received = 0;
  body.on("data", (chunk) => {
    received += chunk.length;
    if (bytes) context.note(`downloaded ${Math.floor((100 * received) / bytes)} %`);
  });
  await pipeline(body, createWriteStream(join(working, name)));
}

/**
 * The user's package index: the one that pip uses.
 * @param {NodeJS.ProcessEnv} environment
 */
function packageIndex(environment) {
  if (environment.PIP_INDEX_URL) return environment.PIP_INDEX_URL;
  for (const question of [
    ["-m", "pip", "config", "get", "global.index-url"],
    ["-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"],
  ]) {
    try {
      return execFileSync("python3", question, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      // Not configured, or no pip: the next question may know.
    }
  }
  return undefined;
}

/** @param {string} address */
async function request(address) {
  const response = await fetch(address, { headers: { accept: "text/html, application/octet-stream;q=0.9" } });
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  return response;
}

/**
 * @param {string} path
 * @param {string} expected
 */
async function verifySha256(path, expected) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  const found = hash.digest("hex");
  if (found !== expected) {
    throw new Error(`the SHA-256 of the file is ${found}; it must be ${expected}, so the file is not used`);
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
  rmSync(wheel);
}

/**
 * Moves the finished folder to its place. When another clone's set-up was faster, its folder stays.
 * @param {string} working
 * @param {string} target
 */
function publish(working, target) {
  try {
    renameSync(working, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  }
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

/** @param {Miss[]} misses */
function describeMisses(misses) {
  const lines = misses.map(({ place, why }) => `  - ${place}: ${why}`);
  return [
    `libtensorflow ${VERSION} was not found and could not be fetched. Places tried:`,
    ...lines,
    "Set LIBTENSORFLOW_PATH to the folder that holds it, or make one of these places work.",
  ].join("\n");
}
