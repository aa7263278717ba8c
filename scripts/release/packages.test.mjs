/** The packages of this machine's platform: what they hold, and that they work in an empty folder. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { installNode, NODES } from "../nodes.mjs";
import { findRuntime } from "../setup/bring-runtime.mjs";
import { ROOT_DIR } from "../setup/paths.mjs";
import { LIBTENSORFLOW } from "../setup/runtimes.mjs";
import { wheelName } from "../setup/wheel.mjs";
import { glibcOf, packNative } from "./native.mjs";
import { platformNamed } from "./platforms.mjs";
import { packService } from "./service.mjs";

const PLATFORM = platformNamed(undefined);
const NATIVE = `@menagerie/native-${PLATFORM.name}`;
const PHOTO = join(ROOT_DIR, "models/samples/daisy-1.jpg");
const WHEEL = LIBTENSORFLOW.wheels[`${process.platform}-${process.arch}`];

/** Of a command that ends by itself. */
const COMMAND_MS_MAX = 120_000;

/** An empty folder that the packages are installed in, with a home of its own. @type {string} */
let dir;
/** @type {{ file: string, sha256: string }[]} */
let packages;
/** What npm said. @type {string} */
let said;

before(() => {
  dir = mkdtempSync(join(tmpdir(), "menagerie packages-"));
  packages = [packService(), packNative(PLATFORM)];
  said = npm("install", "--no-audit", "--no-fund", ...packages.map(({ file }) => file));
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** Nothing of this machine's user, but what set-up fetched. */
function environment() {
  const { PATH, NODE_EXTRA_CA_CERTS, HTTP_PROXY, HTTPS_PROXY } = process.env;
  const { dir: libtensorflow = "" } = findRuntime(LIBTENSORFLOW);
  return { PATH, NODE_EXTRA_CA_CERTS, HTTP_PROXY, HTTPS_PROXY, HOME: dir, LIBTENSORFLOW_PATH: libtensorflow };
}

/** @param {string[]} words */
function npm(...words) {
  const { status, stdout, stderr } = spawnSync("npm", words, { cwd: dir, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout + stderr;
}

/**
 * The installed command.
 * @param {string[]} words
 * @param {NodeJS.ProcessEnv} [added]
 * @param {string} [node]
 */
function menagerie(words, added = {}, node = process.execPath) {
  const { PATH = "", ...others } = environment();
  const env = { ...others, PATH: [dirname(node), PATH].join(delimiter), ...added };
  const options = { cwd: dir, env, timeout: COMMAND_MS_MAX, encoding: /** @type {const} */ ("utf8") };
  return spawnSync("node_modules/.bin/menagerie", words, options);
}

test("made twice, they are equal to the byte", () => {
  assert.deepEqual([packService(), packNative(PLATFORM)], packages);
});

test("no file names a place of the machine that made it", () => {
  const installed = join(dir, "node_modules");
  const own = [join(installed, "menagerie"), join(installed, NATIVE)];
  const files = own.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
  );
  const places = [ROOT_DIR, join(homedir(), ".cargo")];
  const naming = files
    .filter((file) => statSync(file).isFile())
    .filter((file) => places.some((place) => readFileSync(file).includes(place)));
  assert(files.length > 300, `${files.length} files`);
  assert.deepEqual(naming, []);
});

test("they are installed without a warning, and without what other platforms have", () => {
  // npm tells of protobufjs' script, which only compares versions.
  assert.doesNotMatch(said, /EBADENGINE|npm warn (?!install-scripts)/);
  assert.deepEqual(readdirSync(join(dir, "node_modules/@menagerie")), [`native-${PLATFORM.name}`]);
});

test("the engine's package names the glibc that its files need", { skip: PLATFORM.os !== "linux" }, () => {
  const { glibcMin, libc, os, cpu } = JSON.parse(
    readFileSync(join(dir, "node_modules", NATIVE, "package.json"), "utf8"),
  );
  assert.deepEqual({ libc, os, cpu }, { libc: ["glibc"], os: [PLATFORM.os], cpu: [PLATFORM.cpu] });
  assert.match(glibcMin, /^2\.\d+$/);
  assert.equal(glibcOf([Buffer.from("GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.28")]), "2.34");
});

test("the service answers, in its cell, and keeps what it is given outside of its package", async () => {
  const service = spawn("npx", ["menagerie", "serve"], {
    cwd: dir,
    env: { ...environment(), PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const ended = once(service, "close");
  try {
    const [line] = await Promise.race([once(createInterface(service.stdout), "line"), ended.then(() => [""])]);
    const url = /http:\/\/[^\s)]+/.exec(String(line))?.[0];
    const form = new FormData();
    form.append("image_file", new Blob([readFileSync(PHOTO)]), "daisy-1.jpg");
    const answer = await (await fetch(`${url}/infer`, { method: "POST", body: form })).text();
    assert.match(answer, /^Detected <b>daisy<\/b> with <u>very high<\/u> confidence\./);
    const { engine } = /** @type {{ engine: { kind: string } }} */ (await (await fetch(`${url}/readyz`)).json());
    assert.equal(engine.kind, "process");
    assert.match(await (await fetch(`${url}/`)).text(), /<title>/);
  } finally {
    // npx passes no signal on: its group is the service too.
    if (service.exitCode === null && service.pid !== undefined) process.kill(-service.pid, "SIGTERM");
    await ended;
  }
  assert(existsSync(join(dir, ".local/share/menagerie/feedback/feedback.sqlite")));
  assert.deepEqual(readdirSync(join(dir, "node_modules/menagerie")).includes("data"), false);
});

for (const version of NODES) {
  test(`the command classifies on Node ${version}, in a process and as an addon`, (context) => {
    const node = installNode(version);
    if ("reason" in node) return context.skip(node.reason);
    for (const ENGINE of ["process", "addon"]) {
      const { status, stdout, stderr } = menagerie(["classify", PHOTO], { ENGINE }, node.path);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /daisy/);
    }
  });
}

test("without a network the first start says which file to put where", { skip: WHEEL === undefined }, () => {
  const empty = join(dir, "empty-cache");
  const away = { LIBTENSORFLOW_PATH: "", MENAGERIE_CACHE_DIR: empty, PIP_INDEX_URL: "http://127.0.0.1:1/simple" };
  const { status, stderr } = menagerie(["serve"], away);
  assert.equal(status, 1);
  assert.match(
    stderr,
    RegExp(`Or put ${WHEEL ? wheelName(WHEEL, LIBTENSORFLOW) : ""} .* into ${empty}/libtensorflow `),
  );
});

test("without the engine's package the service says which one is missing", () => {
  const folder = join(dir, "node_modules", NATIVE);
  renameSync(folder, join(dir, "away"));
  const { status, stderr } = menagerie(["serve"]);
  renameSync(join(dir, "away"), folder);
  assert.equal(status, 1);
  assert.match(stderr, RegExp(`The package ${NATIVE}, which holds the engine, is not installed`));
});

test("uninstalled, they leave what was registered and remembered, and nothing of their own", () => {
  npm("uninstall", "--no-audit", "--no-fund", "menagerie", NATIVE);
  for (const name of ["menagerie", NATIVE]) assert.equal(existsSync(join(dir, "node_modules", name)), false, name);
  assert(existsSync(join(dir, ".local/share/menagerie/feedback/feedback.sqlite")));
});
