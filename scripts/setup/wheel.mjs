/** A runtime's wheel: where it comes from, and whether it is the one that was meant. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { download, reasonOf } from "./download.mjs";

/** Where pip looks when it is told nothing else. */
const PACKAGE_INDEX = "https://pypi.org/simple";

/** @typedef {{ place: string, why: string }} Miss a place where a runtime is not */

/**
 * @typedef {import("./runtimes.mjs").Runtime} Runtime
 * @typedef {import("./runtimes.mjs").Wheel} Wheel
 */

/**
 * @typedef {object} Fetch
 * @property {Runtime} runtime whose wheel it is
 * @property {string} cache folder of wheels that a user put there, and of downloads that broke off
 * @property {string} working folder to download into
 * @property {import("./runner.mjs").StepContext} context
 * @property {NodeJS.ProcessEnv} environment
 * @property {Miss[]} misses gets each way that failed
 * @property {boolean} usePip
 */

/**
 * @param {Wheel} wheel
 * @param {Fetch} fetch
 * @returns {Promise<string>} path of the verified wheel
 */
export async function fetchWheel(wheel, fetch) {
  const { context, misses, cache, usePip, runtime } = fetch;
  const name = wheelName(wheel, runtime);
  /** @type {[place: string, get: () => Promise<string>][]} */
  const ways = [];
  if (existsSync(join(cache, name))) ways.push([join(cache, name), async () => join(cache, name)]);
  if (usePip) ways.push(["pip download", () => downloadWithPip(wheel, fetch)]);
  ways.push(["direct download", () => downloadDirectly(wheel, fetch)]);
  for (const [place, get] of ways) {
    try {
      context.note(place === "direct download" ? `${place} of ${name}` : place);
      const path = await get();
      context.note("verifying its SHA-256");
      await verifySha256(path, wheel.sha256).catch((error) => {
        // What a user put there is the user's.
        if (path !== join(cache, name)) rmSync(path);
        throw error;
      });
      return path;
    } catch (error) {
      misses.push({ place, why: reasonOf(error) });
    }
  }
  throw new Error(
    `${describeMisses(misses, runtime)}\nOr put ${name} (of the project ${wheel.project}, as a package index has it, SHA-256 ${wheel.sha256}) into ${cache} and run the same command again.`,
  );
}

/**
 * @param {Wheel} wheel
 * @param {Runtime} runtime
 */
export function wheelName({ project, tag }, { version }) {
  return `${project.replaceAll("-", "_")}-${version}-cp311-cp311-${tag}.whl`;
}

/**
 * @param {Wheel} wheel
 * @param {Fetch} fetch
 */
async function downloadWithPip(wheel, { working, context, runtime }) {
  const { project, tag } = wheel;
  const options = ["--no-deps", "--only-binary=:all:", "--platform", tag, "--python-version", "3.11"];
  options.push("--implementation", "cp", "--abi", "cp311", "--dest", working);
  await context.exec("python3", ["-m", "pip", "download", ...options, `${project}==${runtime.version}`]);
  return join(working, wheelName(wheel, runtime));
}

/**
 * Reads the project's page in the package index (PEP 503) and downloads the file that it links.
 * @param {Wheel} wheel
 * @param {Fetch} fetch
 */
async function downloadDirectly(wheel, { cache, context, environment, usePip, runtime }) {
  const index = packageIndex(environment, usePip);
  const page = await request(`${index.replace(/\/+$/, "")}/${wheel.project}/`);
  const name = wheelName(wheel, runtime);
  const link = [...(await page.text()).matchAll(/href="([^"]+)"/g)]
    .map((match) => new URL(/** @type {string} */ (match[1]).replaceAll("&amp;", "&"), page.url))
    .find((address) => address.pathname.endsWith(`/${name}`));
  if (!link) throw new Error(`${page.url} links no ${name}`);
  // Of this wheel alone: another of the same name is another file.
  const path = join(cache, `${name}.${wheel.sha256.slice(0, 12)}.part`);
  await download(link.href, path, context);
  return path;
}

/**
 * The user's package index: the one that pip uses.
 * @param {NodeJS.ProcessEnv} environment
 * @param {boolean} usePip whether pip may be asked
 */
function packageIndex(environment, usePip) {
  if (environment.PIP_INDEX_URL) return environment.PIP_INDEX_URL;
  if (!usePip) return PACKAGE_INDEX;
  try {
    const question = ["-m", "pip", "config", "get", "global.index-url"];
    return execFileSync("python3", question, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    // Not configured, or no pip.
    return PACKAGE_INDEX;
  }
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
 * @param {Miss[]} misses
 * @param {Runtime} runtime
 */
export function describeMisses(misses, { name, version, variable }) {
  const lines = misses.map(({ place, why }) => `  - ${place}: ${why}`);
  return [
    `${name} ${version} was not found and could not be fetched. Places tried:`,
    ...lines,
    `Set ${variable} to the folder that holds it, or make one of these places work.`,
  ].join("\n");
}
