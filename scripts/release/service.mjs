/** The package `menagerie`: the service, its command, its page, its models, WebAssembly, and the addon's loader. */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT_DIR } from "../setup/paths.mjs";
import { built, pack, provenance, readJson, releaseVersion, stage } from "./pack.mjs";
import { PLATFORMS } from "./platforms.mjs";

/** What finds or fetches a runtime, on Node's built-ins alone. */
const SET_UP_FILES = ["bring-runtime", "runtimes", "wheel", "download", "zip", "lock", "paths"].map(
  (name) => `${name}.mjs`,
);

const MODEL_FOLDERS = ["flowers5", "waste6", "imagenet", "samples"];

/** All that may be in it. */
const ALLOWED = [
  /^(package\.json|release\.json|README\.md|LICENSE|bin\/menagerie\.mjs)$/,
  /^dist\/[\w/-]+\.(js|d\.ts)$/,
  /^protos\/[\w/-]+\.proto$/,
  /^web\/dist\/[\w-]+\.(html|js|css|svg|wasm|py)(\.gz)?$/,
  /^web\/dist\/docs-viewer\/([\w-]+\.(js|css)(\.gz)?|(LICENSE|NOTICE)(\.gz)?)$/,
  /^setup\/[\w-]+\.mjs$/,
  /^models\/[\w./-]+\.(json|md|jpg|pb|txt|svg)$/,
  /^models\/\w+\/LICENSE$/,
  /^node_modules\/@menagerie\/native\/(package\.json|README\.md|index\.js|index\.d\.ts)$/,
  /^node_modules\/@menagerie\/wasm\/(package\.json|README\.md|dist\/[\w/-]+\.(js|d\.ts)|pkg(-web)?\/(package\.json|[\w.]+\.(js|wasm)))$/,
];

/** Makes the tarball. */
export function packService() {
  const version = releaseVersion();
  const dir = stage("menagerie");
  built("node/dist/server.js", "node scripts/setup.mjs");
  built("node/web/dist/index.html", "node scripts/setup.mjs");
  built("wasm/pkg/menagerie_wasm_bg.wasm", "node scripts/setup.mjs");
  layOut("node", dir);
  removeStale(join(dir, "dist"), join(ROOT_DIR, "node/src"));
  layOut("wasm", join(dir, "node_modules/@menagerie/wasm"));
  layOut("native/addon", join(dir, "node_modules/@menagerie/native"), (name) => !name.endsWith(".node"));
  copyFileSync(join(ROOT_DIR, "LICENSE"), join(dir, "LICENSE"));
  mkdirSync(join(dir, "setup"));
  for (const name of SET_UP_FILES) copyFileSync(join(ROOT_DIR, "scripts/setup", name), join(dir, "setup", name));
  for (const name of trackedModels()) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    copyFileSync(join(ROOT_DIR, name), join(dir, name));
  }
  const { commit, isClean } = provenance();
  writeFileSync(join(dir, "release.json"), `${JSON.stringify({ version, commit, isClean }, null, 2)}\n`);
  return pack(dir, manifestOf(version), ALLOWED);
}

/** @param {string} version */
function manifestOf(version) {
  const { private: _, scripts, devDependencies, files, ...kept } = readJson("node/package.json");
  return {
    ...kept,
    files: [...files, "models", "setup", "release.json"],
    dependencies: { ...kept.dependencies, "@menagerie/native": version },
    bundleDependencies: ["@menagerie/native", "@menagerie/wasm"],
    optionalDependencies: Object.fromEntries(PLATFORMS.map(({ name }) => [`@menagerie/native-${name}`, version])),
  };
}

/**
 * Copies what npm packs of a folder.
 * @param {string} from from the root
 * @param {string} to
 * @param {(name: string) => boolean} [isWanted]
 */
function layOut(from, to, isWanted = () => true) {
  const options = { cwd: join(ROOT_DIR, from), encoding: /** @type {const} */ ("utf8") };
  const [listing] = JSON.parse(execFileSync("npm", ["pack", "--json", "--dry-run", "--ignore-scripts"], options));
  for (const { path } of listing.files) {
    if (!isWanted(path)) continue;
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(ROOT_DIR, from, path), join(to, path));
  }
}

/**
 * The compiler leaves the output of a file that was removed.
 * @param {string} compiled
 * @param {string} sources
 */
function removeStale(compiled, sources) {
  for (const name of readdirSync(compiled, { recursive: true, encoding: "utf8" })) {
    if (!/\.(js|d\.ts)$/.test(name)) continue;
    if (!existsSync(join(sources, name.replace(/\.(js|d\.ts)$/, ".ts")))) rmSync(join(compiled, name));
  }
}

/** Files of the zoo as git has them: not what was pulled or trained here. */
function trackedModels() {
  const tracked = execFileSync("git", ["ls-files", "models"], { cwd: ROOT_DIR, encoding: "utf8" }).trim().split("\n");
  const isOfModel = (/** @type {string} */ name) => MODEL_FOLDERS.includes(name.split("/")[1] ?? "");
  return tracked.filter((name) => isOfModel(name) || /^models\/[\w.-]+\.(json|md)$/.test(name));
}
