/**
 * `npm run sbom`: what the service is made of, as CycloneDX 1.5 in JSON: packages of npm and crates from the lock files,
 * the runtimes, and with `--root DIR` the packages of Debian that a container's root holds, and the runtimes that it holds
 * alone. To the terminal, or to a file that is named.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT_DIR } from "./setup/paths.mjs";
import { RUNTIMES } from "./setup/runtimes.mjs";
import { output, WASM_TARGET } from "./setup/tools.mjs";

/** Packages that are built into the page, and so not installed with the service. */
const BUILT_IN = [
  "preact",
  "idb",
  "@preact/signals",
  "@preact/signals-core",
  "swagger-ui-dist",
  "onnxruntime-web",
  "onnxruntime-common",
];
const CRATES = ["menagerie-cli", "menagerie-addon", "menagerie-wasm"];
const TARGET = "x86_64-unknown-linux-gnu";
const PLATFORM = { os: "linux", cpu: "x64", libc: "glibc" };

/**
 * @typedef {object} Component https://cyclonedx.org/docs/1.5/json/#components
 * @property {"library" | "application"} type
 * @property {string} bom-ref
 * @property {string} name
 * @property {string} version
 * @property {string} purl
 * @property {{ alg: string, content: string }[]} [hashes]
 * @property {{ expression: string }[]} [licenses]
 */

/**
 * @param {{ root?: string }} [options] the root of a container
 */
export function billOfMaterials({ root } = {}) {
  const { version, license } = readJson("node/package.json");
  const components = [
    ...npmPackages(),
    ...crates(),
    ...runtimes(root),
    ...(root === undefined ? [] : debianPackages(root)),
  ];
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: component("application", `pkg:npm/menagerie@${version}`, "menagerie", version, { license }),
    },
    components: components.toSorted((a, b) => (a.purl < b.purl ? -1 : 1)),
  };
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(join(ROOT_DIR, file), "utf8"));
}

/**
 * @param {Component["type"]} type
 * @param {string} purl https://github.com/package-url/purl-spec
 * @param {string} name
 * @param {string} version
 * @param {{ license?: string | null, hash?: { alg: string, content: string } }} facts
 * @returns {Component}
 */
function component(type, purl, name, version, { license, hash }) {
  return {
    type,
    "bom-ref": purl,
    name,
    version,
    purl,
    ...(hash === undefined ? {} : { hashes: [hash] }),
    // Crates of old write "MIT/Apache-2.0".
    ...(license ? { licenses: [{ expression: license.replaceAll("/", " OR ") }] } : {}),
  };
}

/** @returns {Component[]} */
function npmPackages() {
  /** @typedef {{ version: string, integrity?: string, license?: string, dev?: true, link?: true } & Record<"os" | "cpu" | "libc", string[] | undefined>} Locked */
  const { packages } = /** @type {{ packages: Record<string, Locked> }} */ (readJson("package-lock.json"));
  /** @type {Map<string, Component>} */
  const found = new Map();
  for (const [path, locked] of Object.entries(packages)) {
    const name = path.split("node_modules/").at(-1) ?? "";
    const isOurs = !path.includes("node_modules/") || locked.link;
    const isForOthers = Object.entries(PLATFORM).some(([key, value]) => {
      const only = locked[/** @type {keyof typeof PLATFORM} */ (key)];
      return only !== undefined && !only.includes(value);
    });
    if (isOurs || isForOthers || (locked.dev && !BUILT_IN.includes(name))) continue;
    const [algorithm, digest] = locked.integrity?.split("-") ?? [];
    const hash =
      digest === undefined ? {} : { hash: { alg: "SHA-512", content: Buffer.from(digest, "base64").toString("hex") } };
    if (algorithm !== undefined && algorithm !== "sha512") throw new Error(`${name} is locked by ${algorithm}`);
    const purl = `pkg:npm/${name.replace("@", "%40")}@${locked.version}`;
    found.set(purl, component("library", purl, name, locked.version, { ...locked, ...hash }));
  }
  return [...found.values()];
}

/** @returns {Component[]} */
function crates() {
  const options = ["--format-version", "1", "--locked", "--filter-platform", TARGET, "--filter-platform", WASM_TARGET];
  const text = output("cargo", ["metadata", ...options], { cwd: ROOT_DIR, maxBuffer: 64 * 1024 * 1024 });
  if (text === undefined) throw new Error("cargo metadata fails: run `cargo fetch --locked`, which says why");
  /** @typedef {{ id: string, name: string, version: string, license: string | null, source: string | null }} Crate */
  /** @typedef {{ pkg: string, dep_kinds: { kind: string | null }[] }} Dependency */
  const { packages, resolve } =
    /** @type {{ packages: Crate[], resolve: { nodes: { id: string, deps: Dependency[] }[] } }} */ (JSON.parse(text));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const waiting = packages.filter(({ name }) => CRATES.includes(name)).map(({ id }) => id);
  /** @type {Set<string>} */
  const used = new Set();
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (used.has(id)) continue;
    used.add(id);
    // What only builds or only tests is no part of the program.
    const deps = nodes.get(id)?.deps.filter(({ dep_kinds: kinds }) => kinds.some(({ kind }) => kind === null)) ?? [];
    waiting.push(...deps.map(({ pkg }) => pkg));
  }
  const sums = checksums();
  return packages
    .filter(({ id, source }) => used.has(id) && source !== null)
    .map(({ name, version, license }) => {
      const content = sums.get(`${name} ${version}`);
      const hash = content === undefined ? {} : { hash: { alg: "SHA-256", content } };
      return component("library", `pkg:cargo/${name}@${version}`, name, version, { license, ...hash });
    });
}

/** @returns {Map<string, string>} SHA-256 by name and version */
function checksums() {
  const lock = readFileSync(join(ROOT_DIR, "Cargo.lock"), "utf8");
  const entries = lock.matchAll(/name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([^"]+)"/g);
  return new Map([...entries].map(([, name, version, sum = ""]) => [`${name} ${version}`, sum]));
}

/**
 * Those that may be brought, or those that a root holds.
 * @param {string | undefined} root
 * @returns {Component[]}
 */
function runtimes(root) {
  const isThere = (/** @type {string} */ name) => {
    const dir = join(root ?? "", "menagerie/.cache", name);
    return root === undefined || (existsSync(dir) && readdirSync(dir).length > 0);
  };
  return RUNTIMES.filter(({ name }) => isThere(name)).map(({ name, version, license, wheels }) => {
    const wheel = wheels["linux-x64"];
    if (wheel === undefined) throw new Error(`there is no wheel of ${name} for Linux`);
    const hash = { alg: "SHA-256", content: wheel.sha256 };
    return component("library", `pkg:pypi/${wheel.project}@${version}`, name, version, { license, hash });
  });
}

/**
 * @param {string} root
 * @returns {Component[]}
 */
function debianPackages(root) {
  const file = join(root, "var/lib/dpkg/status");
  if (!existsSync(file)) throw new Error(`${root} holds no list of Debian's packages (var/lib/dpkg/status)`);
  return readFileSync(file, "utf8")
    .split("\n\n")
    .flatMap((entry) => {
      const field = (/** @type {string} */ name) => RegExp(`^${name}: (.*)$`, "m").exec(entry)?.[1];
      const [name, version, machine] = [field("Package"), field("Version"), field("Architecture")];
      if (name === undefined || version === undefined) return [];
      const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${machine}`;
      return [component("library", purl, name, version, {})];
    });
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({ options: { root: { type: "string" } }, allowPositionals: true });
  const text = `${JSON.stringify(billOfMaterials(values), null, 2)}\n`;
  const [file] = positionals;
  if (file === undefined) process.stdout.write(text);
  else writeFileSync(file, text);
}
