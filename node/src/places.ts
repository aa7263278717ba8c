/** Where the service finds what it is made of: in a clone, or in an image made of one, or in packages that npm installed. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds dist/. */
const PACKAGE_DIR = fileURLToPath(new URL("../", import.meta.url));

/** Whether this is the package that `npm run release` makes: it alone says what it was made from. */
export const IS_INSTALLED = existsSync(join(PACKAGE_DIR, "release.json"));

/** The folder that holds models/: of a clone, which holds node/, wasm/ and native/ as well, or of the package. */
export const ROOT_DIR = IS_INSTALLED ? PACKAGE_DIR : fileURLToPath(new URL("../../", import.meta.url));

export const WEB_DIR = join(PACKAGE_DIR, "web/dist");

/** Registered models and what is remembered: npm removes the package's folder with the package. */
export const DATA_DIR = IS_INSTALLED
  ? join(process.env["XDG_DATA_HOME"] || join(homedir(), ".local/share"), "menagerie")
  : join(ROOT_DIR, "data");

/** What brings the project's parts that are missing. */
export const SET_UP = IS_INSTALLED ? "npm install menagerie" : "node scripts/setup.mjs";

/** Those that there are packages for, as Node, and npm's packages of the addon, name them. */
const PLATFORMS = ["linux-x64-gnu", "linux-arm64-gnu", "darwin-arm64"];

const ENGINE_FILE = "menagerie-engine";

/** Where the engine is; and why there is none that could run here, in a sentence, where that is known. */
export const ENGINE: { readonly path: string; readonly problem: string | null } = IS_INSTALLED
  ? engineOf(glibcOfThis())
  : { path: join(ROOT_DIR, "target/release", ENGINE_FILE), problem: null };

/** The engine of this platform's package. */
function engineOf(glibc: string | null): typeof ENGINE {
  const platform = platformName(glibc);
  try {
    const file = createRequire(import.meta.url).resolve(`@menagerie/native-${platform}/package.json`);
    const { glibcMin } = JSON.parse(readFileSync(file, "utf8")) as { glibcMin?: string };
    return { path: join(dirname(file), ENGINE_FILE), problem: glibcProblem(glibc, glibcMin) };
  } catch {
    return { path: join(PACKAGE_DIR, ENGINE_FILE), problem: packageProblem(platform) };
  }
}

/** @param glibc its version; null where the system has another C library, or none */
export function platformName(
  glibc: string | null,
  { platform, arch }: { readonly platform: string; readonly arch: string } = process,
): string {
  return `${platform}-${arch}${platform !== "linux" ? "" : glibc === null ? "-musl" : "-gnu"}`;
}

/** Why a platform has no engine, and what to do. */
export function packageProblem(platform: string): string {
  if (PLATFORMS.includes(platform)) {
    return `The package @menagerie/native-${platform}, which holds the engine, is not installed: install it beside menagerie, of the same version, and do not omit optional packages.`;
  }
  return `There is no package of the engine for ${platform}, only for ${PLATFORMS.join(", ")}: build it from a clone, and name it with ENGINE_PATH.`;
}

/** Why the system's glibc does not do; null where it does. */
export function glibcProblem(found: string | null, wanted: string | undefined): string | null {
  if (found === null || wanted === undefined) return null;
  const numbers = (version: string) => version.split(".").map(Number);
  const [[foundMajor = 0, foundMinor = 0], [major = 0, minor = 0]] = [numbers(found), numbers(wanted)];
  if (foundMajor > major || (foundMajor === major && foundMinor >= minor)) return null;
  return `The engine needs glibc ${wanted} or later, and this system has ${found}: use a later one, or build the engine from a clone and name it with ENGINE_PATH.`;
}

/** Its version; null where this process has another C library. */
function glibcOfThis(): string | null {
  // Else names of all connections' hosts are asked for.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? null;
}

/** What an engine may stand on, as its folder in the cache is named. */
export type RuntimeName = "libtensorflow" | "onnxruntime";

/** Where a runtime was put, a folder a version and platform: by set-up, or by the package's first start. */
export function findCachedRuntime(name: RuntimeName): string | undefined {
  const cache = IS_INSTALLED ? join(cacheDir(), name) : join(ROOT_DIR, ".cache", name);
  if (!existsSync(cache)) return undefined;
  const library = name.startsWith("lib") ? name : `lib${name}`;
  return readdirSync(cache)
    .sort()
    .reverse()
    .map((folder) => join(cache, folder))
    .find((folder) => [`${library}.so`, `${library}.dylib`].some((file) => existsSync(join(folder, file))));
}

/** As `sharedCacheDir` of set-up. */
function cacheDir(): string {
  const { MENAGERIE_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  return MENAGERIE_CACHE_DIR || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "menagerie");
}

/** What the package has of set-up. */
interface SetUp {
  findRuntime(runtime: { readonly name: string }): { readonly dir: string | undefined };
  fetchRuntime(
    runtime: { readonly name: string },
    context: { note: (text: string) => void; exec: () => Promise<never> },
    options: { usePip: boolean },
  ): Promise<string>;
}

/**
 * The folder of a runtime where the service is an installed package: found, or fetched now, which is said; undefined in
 * a clone, whose set-up does it.
 * @throws Error that lists every place tried, and says which file to put where
 */
export async function bringRuntime(name: RuntimeName, say: (text: string) => void): Promise<string | undefined> {
  if (!IS_INSTALLED) return undefined;
  const part = async (file: string) => (await import(new URL(`../setup/${file}`, import.meta.url).href)) as unknown;
  const { RUNTIMES } = (await part("runtimes.mjs")) as { readonly RUNTIMES: readonly { readonly name: string }[] };
  const { findRuntime, fetchRuntime } = (await part("bring-runtime.mjs")) as SetUp;
  const runtime = RUNTIMES.find((one) => one.name === name);
  if (runtime === undefined) return undefined;
  const { dir } = findRuntime(runtime);
  if (dir !== undefined) return dir;
  say(`${name} is fetched once, into ${join(cacheDir(), name)}`);
  let last = "";
  const note = (text: string) => {
    // Of the progress, each ten percent.
    const shown = text.replace(/(\d+) %/, (_, percent: string) => `${Math.floor(Number(percent) / 10) * 10} %`);
    if (shown !== last) say(`${name}: ${shown}`);
    last = shown;
  };
  return await fetchRuntime(runtime, { note, exec: () => Promise.reject(new Error("not here")) }, { usePip: false });
}
