/**
 * From nothing to the first answer: clones this repository into a temporary folder, with every cache empty and no data
 * beside it, runs `npm start` there and posts a sample photo to the default model; then runs the README's commands there.
 * Prints what each step took and writes docs/set-up-times.md with `--write`. The folder's name has what the name of a user
 * may have: a space and a letter outside ASCII.
 *
 * Empty caches: npm, cargo's registry, pip, and the project's own; build tools in PATH that set-up would install are
 * hidden. What stays is what a machine has before: Node, rustup with its toolchains, Python and a C compiler.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, cpus, homedir, loadavg, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT_DIR } from "./setup/paths.mjs";
import { main } from "./setup.mjs";

const HIDDEN_TOOLS = ["wasm-pack", "wasm-bindgen"];
const SAMPLE = "models/samples/daisy-1.jpg";
const PAGE = join(ROOT_DIR, "docs/set-up-times.md");
const FIRST_ANSWER_S_MAX = 8 * 60;
const GIVE_UP_S = 40 * 60;
const POLL_INTERVAL_MS = 50;

await main(async () => {
  const dir = mkdtempSync(join(tmpdir(), "menagerie für alle-"));
  try {
    const clone = join(dir, "menagerie");
    execFileSync("git", ["clone", "--quiet", "--no-local", ROOT_DIR, clone]);
    const environment = emptyCaches(dir);
    const first = await answerOnce(clone, environment);
    const steps = JSON.parse(readFileSync(join(clone, ".cache/setup/times.json"), "utf8"));
    const second = await answerOnce(clone, environment);
    const test = ["vitest", "run", "--config=node/vitest.config.ts", "node/test/readme.test.ts"];
    execFileSync("npx", test, { cwd: clone, env: environment, stdio: "inherit" });
    const page = describe(steps, first, second);
    console.log(page);
    if (process.argv.includes("--write")) writeFileSync(PAGE, page);
    if (first.seconds > FIRST_ANSWER_S_MAX) {
      throw new Error(`the first answer took ${first.seconds.toFixed(0)} s; ${FIRST_ANSWER_S_MAX} s are allowed`);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

/**
 * Starts the service, posts the sample as soon as it listens and is ready, and stops it.
 * @param {string} clone
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Promise<{ seconds: number, answer: string }>} seconds from the command to the answer
 */
async function answerOnce(clone, environment) {
  const port = await freePort();
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const service = spawn("npm", ["start"], {
    cwd: clone,
    env: { ...environment, PORT: String(port), HOST: "127.0.0.1" },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const ended = once(service, "close");
  let running = true;
  ended.finally(() => {
    running = false;
  });
  try {
    while (!(await isReady(port))) {
      if (!running) throw new Error("npm start ended before the service was ready");
      if (seconds() > GIVE_UP_S) throw new Error(`the service was not ready after ${GIVE_UP_S} s`);
      await sleep(POLL_INTERVAL_MS);
    }
    const form = new FormData();
    form.append("image_file", new Blob([readFileSync(join(clone, SAMPLE))]), "daisy-1.jpg");
    const response = await fetch(`http://127.0.0.1:${port}/infer`, { method: "POST", body: form });
    const answer = await response.text();
    if (response.status !== 200) throw new Error(`/infer answered ${response.status}: ${answer}`);
    return { seconds: seconds(), answer: answer.trim() };
  } finally {
    if (running && service.pid !== undefined) process.kill(-service.pid, "SIGTERM");
    await ended;
  }
}

/** @param {number} port */
async function isReady(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false;
  }
}

/**
 * The environment of a user who never built anything.
 * @param {string} dir
 * @returns {NodeJS.ProcessEnv}
 */
function emptyCaches(dir) {
  const { LIBTENSORFLOW_PATH, MENAGERIE_CACHE_DIR, CARGO_TARGET_DIR, ...kept } = process.env;
  return {
    ...kept,
    PATH: withoutTools(dir),
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), ".rustup"),
    CARGO_HOME: join(dir, "cargo"),
    XDG_CACHE_HOME: join(dir, "cache"),
    PIP_CACHE_DIR: join(dir, "pip"),
    npm_config_cache: join(dir, "npm"),
  };
}

/**
 * PATH with each folder that holds a tool to hide replaced by one of links to everything else in it.
 * @param {string} dir
 */
function withoutTools(dir) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return folders
    .map((folder, index) => {
      if (!HIDDEN_TOOLS.some((tool) => existsSync(join(folder, tool)))) return folder;
      const shown = join(dir, `path-${index}`);
      mkdirSync(shown);
      for (const name of readdirSync(folder)) {
        if (!HIDDEN_TOOLS.includes(name)) symlinkSync(join(folder, name), join(shown, name));
      }
      return shown;
    })
    .join(delimiter);
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/**
 * @param {{ name: string, startSeconds: number, seconds: number }[]} steps
 * @param {{ seconds: number, answer: string }} first
 * @param {{ seconds: number }} second
 */
function describe(steps, first, second) {
  const rows = steps
    .toSorted((left, right) => left.startSeconds - right.startSeconds)
    .map(({ name, startSeconds, seconds }) => `| ${name} | ${startSeconds.toFixed(1)} | ${seconds.toFixed(1)} |`);
  return `# How long set-up takes

Measured by \`node scripts/fresh-clone.mjs --write\` on ${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown processor"}): a fresh
clone, every cache empty, \`npm start\`, and the sample photo \`${SAMPLE}\` posted to the default model.
The machine's load average was ${loadavg()[1]?.toFixed(1)} over the last five minutes, other work included.

| | seconds |
|---|---|
| from \`npm start\` to the first answer, nothing there | ${first.seconds.toFixed(1)} |
| from \`npm start\` to the first answer, nothing changed | ${second.seconds.toFixed(1)} |

The answer: ${first.answer}

Steps run side by side where they do not need each other:

| step | began at, s | took, s |
|---|---|---|
${rows.join("\n")}
`;
}
