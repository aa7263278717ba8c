/**
 * Plays somebody who has a graph and its labels and nothing else: runs the commands of CONTRIBUTING.md ("A model for the zoo")
 * word by word, in an empty folder, does what the steps between them ask for, and asks a second service about the model.
 * `--write` writes docs/first-model.md. The files come from the test data beside the project (MENAGERIE_SHARED); without it
 * nothing is done, and that is said.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT_DIR } from "./setup/paths.mjs";

const PAGE = join(ROOT_DIR, "docs/first-model.md");
const SECONDS_MAX = 600;
const FOLDER = "zoo-data/vehicles3_dwconv_64";
const shared = join(process.env["MENAGERIE_SHARED"] ?? join(ROOT_DIR, "../shared"), FOLDER);

/** What the stranger knows of the training: the pictures were padded, and shrunk by Pillow. */
const KNOWN = { resize: "pad", resize_filter: "antialias" };

if (existsSync(shared)) await play();
else
  console.log(`SKIPPED: the test data ${FOLDER} is not beside the project (set MENAGERIE_SHARED); nothing was tried.`);

async function play() {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-stranger-"));
  /** @type {Service[]} */
  const services = [];
  try {
    lay(dir);
    const second = await serve(dir, "second");
    services.push(second);
    /** @type {Map<string, string>} addresses as the page has them, with those of this run */
    const addresses = new Map([["http://localhost:8081", second.url]]);
    /** @type {{ command: string, seconds: number }[]} */
    const steps = [];
    for (const command of commands()) {
      const began = performance.now();
      if (command === "npx menagerie serve") {
        const first = await serve(dir, "first");
        services.push(first);
        addresses.set("http://localhost:8080", first.url);
      } else {
        run(dir, command, addresses);
      }
      steps.push({ command, seconds: (performance.now() - began) / 1000 });
      if (command.includes("menagerie new")) decideAndWrite(join(dir, "models/my-model"));
    }
    const sentence = await ask(second.url, join(dir, "photos"));
    console.log(`The second service: ${sentence}`);
    const total = steps.reduce((sum, { seconds }) => sum + seconds, 0);
    console.log(`${total.toFixed(1)} seconds for ${steps.length} commands`);
    if (total > SECONDS_MAX) throw new Error(`it took more than ${SECONDS_MAX} seconds`);
    if (process.argv.includes("--write")) writeFileSync(PAGE, page(steps, total, sentence));
  } finally {
    for (const { stop } of services) await stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @returns {string[]} the lines of the section's blocks */
function commands() {
  const [, section = ""] = readFileSync(join(ROOT_DIR, "CONTRIBUTING.md"), "utf8").split("## A model for the zoo\n");
  const steps = section.split("\n## ")[0] ?? "";
  const lines = [...steps.matchAll(/```sh\n([^`]+)```/g)].flatMap(([, block = ""]) => block.trim().split("\n"));
  if (lines.length < 5) throw new Error("CONTRIBUTING.md has no commands for a model");
  return lines;
}

/**
 * What the stranger has: the two files, photos, the text of a licence. The folder of installed packages is a clone's.
 * @param {string} dir
 */
function lay(dir) {
  for (const file of ["graph.pb", "labels.txt"]) cpSync(join(shared, file), join(dir, file));
  cpSync(join(shared, "samples"), join(dir, "photos"), { recursive: true });
  writeFileSync(join(dir, "LICENSE.txt"), "The text of the licence of the weights.\n");
  mkdirSync(join(dir, "models"));
  symlinkSync(join(ROOT_DIR, "node_modules"), join(dir, "node_modules"));
}

/**
 * @param {string} dir
 * @returns {NodeJS.ProcessEnv} where nothing of another zoo is in reach
 */
function environment(dir) {
  return { ...process.env, MODELS_DIR: join(dir, "models"), NO_COLOR: "1" };
}

/**
 * @param {string} dir
 * @param {string} command
 * @param {ReadonlyMap<string, string>} addresses
 */
function run(dir, command, addresses) {
  let local = command;
  for (const [shown, url] of addresses) local = local.replaceAll(shown, url);
  console.log(`$ ${local}`);
  const output = execFileSync("bash", ["-c", local], { cwd: dir, env: environment(dir), encoding: "utf8" });
  console.log(output.trimEnd().replace(/^/gm, "  "));
  if (command.includes("menagerie check") && !/: green\b/.test(output)) throw new Error("the model is not green");
}

/** @typedef {{ url: string, stop: () => Promise<void> }} Service */

/**
 * @param {string} dir
 * @param {string} name the first has the stranger's zoo, the second an empty one
 * @returns {Promise<Service>}
 */
async function serve(dir, name) {
  const registered = join(dir, `registered-${name}`);
  const models = name === "first" ? join(dir, "models") : join(dir, "nothing");
  const child = spawn("npx", ["menagerie", "serve"], {
    cwd: dir,
    env: {
      ...environment(dir),
      MODELS_DIR: models,
      REGISTERED_MODELS_DIR: registered,
      FEEDBACK_DIR: join(dir, `feedback-${name}`),
      HOST: "127.0.0.1",
      PORT: "0",
    },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  const closed = once(child, "close");
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), closed.then(() => [""])]);
  const url = /http:\/\/[^\s)]+/.exec(String(line))?.[0];
  if (url === undefined) throw new Error("the service did not start");
  return {
    url,
    stop: async () => {
      // npx passes no signal on: its group is the service too.
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      await closed;
    },
  };
}

/**
 * The steps that are no command: decide what the graph does not tell, and write the card.
 * @param {string} folder
 */
function decideAndWrite(folder) {
  const manifestFile = join(folder, "manifest.json");
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8"));
  Object.assign(manifest.input, KNOWN);
  writeFileSync(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`);
  const cardFile = join(folder, "MODEL.md");
  const card = readFileSync(cardFile, "utf8");
  const written = card
    .replaceAll(/\(to be written:[^)]*\)/g, "What its author knows of it.")
    .replaceAll("- [ ] ", "- [x] ");
  writeFileSync(cardFile, written);
}

/**
 * @param {string} url
 * @param {string} photos
 * @returns {Promise<string>} the sentence of the second service on a photo
 */
async function ask(url, photos) {
  const [photo = ""] = readdirSync(photos).filter((name) => name.endsWith(".png"));
  const form = new FormData();
  form.set("image_file", new Blob([readFileSync(join(photos, photo))]), photo);
  form.set("model", "my-model");
  const response = await fetch(`${url}/infer?format=json`, { method: "POST", body: form });
  const { results } = /** @type {{ results: { label: string, band: string, model: { id: string } }[] }} */ (
    await response.json()
  );
  const [answer] = results;
  if (answer?.model.id !== "my-model") throw new Error("the second service does not answer with the model");
  return `${answer.label}, ${answer.band} confidence`;
}

/**
 * @param {{ command: string, seconds: number }[]} steps
 * @param {number} total
 * @param {string} sentence
 */
function page(steps, total, sentence) {
  const load = (loadavg()[1] ?? 0).toFixed(1);
  const processor = (cpus()[0]?.model ?? "unknown").replace(/ +\d.*$/, "");
  return `# How long the first model takes

Measured by \`node scripts/stranger.mjs --write\` on ${availableParallelism()} cores (${processor}): the commands of
[CONTRIBUTING.md](../CONTRIBUTING.md#a-model-for-the-zoo), word by word, in an empty folder, on a graph of ${(readFileSync(join(shared, "graph.pb")).length / 1e6).toFixed(1)} MB with ${
    readdirSync(join(shared, "samples")).length
  } photos.
The machine's load average was ${load} over the last five minutes, other work included. Deciding and writing the card, which the script does at
once, is a person's time, and most of the ten minutes.

| command | seconds |
|---|---|
${steps.map(({ command, seconds }) => `| \`${shortened(command)}\` | ${seconds.toFixed(1)} |`).join("\n")}
| together | ${total.toFixed(1)} |

The second service, asked about a photo: ${sentence}.
`;
}

/**
 * @param {string} command
 * @returns {string} without its options' words
 */
function shortened(command) {
  return command.replace(/^npx /, "").replace(/ --photos .*$/, " …");
}
