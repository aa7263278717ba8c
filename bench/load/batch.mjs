/**
 * `menagerie batch` over many photos: how fast it is beside the service, and what is left of it when it is killed.
 *
 *   node bench/load/batch.mjs [--photos 4000] [--kills 20] [--write]
 *
 * The photos are those of models/samples, each many times under other names. `--write` writes docs/batch.md.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { closedLoop } from "../loops.mjs";
import { describeMachine } from "../machine.mjs";
import { memoryBytes } from "../process-tree.mjs";
import { ROOT, startService } from "./service.mjs";

const ROUNDS = 3;
const SLICE_MS = 10_000;
const CLIENTS = 8;
const MEMORY_SAMPLE_MS = 200;
const MIB = 2 ** 20;
const COMMAND = join(ROOT, "node/bin/menagerie.mjs");

const { values: options } = parseArgs({
  options: {
    photos: { type: "string", default: "4000" },
    kills: { type: "string", default: "20" },
    write: { type: "boolean", default: false },
  },
});

const dir = mkdtempSync(join(tmpdir(), "menagerie-batch-"));
try {
  const photos = makePhotos(Number(options.photos));
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push({ ...(await batchPace(round)), ...(await servicePace()) });
  const killed = await killAgainAndAgain(Number(options.kills));
  const page = describe(photos, rounds, killed);
  console.log(page);
  if (options.write) writeFileSync(join(ROOT, "docs/batch.md"), page);
  if (killed.missing > 0 || killed.twice > 0 || killed.wrong > 0) process.exitCode = 1;
} finally {
  rmSync(dir, { recursive: true });
}

/** Links of one another, so that they take no room. @param {number} count */
function makePhotos(count) {
  const samples = readdirSync(join(ROOT, "models/samples")).filter((name) => name.endsWith(".jpg"));
  mkdirSync(join(dir, "samples"));
  mkdirSync(join(dir, "photos"));
  for (const name of samples) copyFileSync(join(ROOT, "models/samples", name), join(dir, "samples", name));
  for (let index = 0; index < count; index++) {
    const name = samples[index % samples.length] ?? "";
    linkSync(join(dir, "samples", name), join(dir, "photos", `${String(index).padStart(6, "0")}-${name}`));
  }
  return count;
}

/** Of a run. @param {string} out */
function command(out) {
  return [COMMAND, "batch", join(dir, "photos"), "--out", join(dir, out)];
}

/** @param {number} round */
async function batchPace(round) {
  const began = performance.now();
  const child = spawn(process.execPath, command(`pace-${round}`), { stdio: ["ignore", "ignore", "inherit"] });
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, memoryBytes([child.pid]));
  }, MEMORY_SAMPLE_MS);
  const [code] = await once(child, "exit");
  clearInterval(timer);
  if (code !== 0) throw new Error(`it ended with ${code}`);
  const seconds = (performance.now() - began) / 1000;
  return { perSecond: Number(options.photos) / seconds, peak };
}

async function servicePace() {
  const service = await startService();
  const photo = readFileSync(join(ROOT, "models/samples/daisy-1.jpg"));
  const ask = async () => {
    const response = await fetch(`${service.url}/infer?format=json`, {
      method: "POST",
      headers: { "content-type": "image/jpeg" },
      body: photo,
    });
    if (!response.ok) throw new Error(await response.text());
    await response.arrayBuffer();
  };
  await closedLoop(ask, CLIENTS, SLICE_MS / 4);
  const { latenciesMs, wallMs } = await closedLoop(ask, CLIENTS, SLICE_MS);
  await service.stop();
  return { servicePerSecond: (1000 * latenciesMs.length) / wallMs };
}

/** @param {number} kills */
async function killAgainAndAgain(kills) {
  let struck = 0;
  while (struck < kills) {
    const child = spawn(process.execPath, command("killed"), { stdio: "ignore" });
    const ended = once(child, "exit");
    await Promise.race([delay(500 + 1500 * Math.random()), ended]);
    if (child.exitCode !== null) break;
    child.kill("SIGKILL");
    await ended;
    struck += 1;
  }
  const { status } = spawnSync(process.execPath, command("killed"), { stdio: "inherit" });
  if (status !== 0) throw new Error(`the last run ended with ${status}`);
  const read = (/** @type {string} */ out) =>
    readFileSync(join(dir, out, "answers.jsonl"), "utf8")
      .trimEnd()
      .split("\n");
  const labels = new Map(
    read("pace-0")
      .map((line) => JSON.parse(line))
      .map(({ image, label }) => [image.name, label]),
  );
  const found = read("killed").map((line) => JSON.parse(line));
  const names = new Set(found.map(({ image }) => image.name));
  return {
    kills: struck,
    missing: labels.size - names.size,
    twice: found.length - names.size,
    wrong: found.filter(({ image, label }) => labels.get(image.name) !== label).length,
  };
}

function describe(photos, rounds, { kills, missing, twice, wrong }) {
  const { cpu, cores, date } = describeMachine();
  const rows = rounds.map(
    ({ perSecond, servicePerSecond, peak }) =>
      `| ${perSecond.toFixed(0)} | ${servicePerSecond.toFixed(0)} | ${(perSecond / servicePerSecond).toFixed(2)} | ${(peak / MIB).toFixed(0)} MiB |`,
  );
  return `# A batch, measured

Written by \`node bench/load/batch.mjs --write\` on ${date}, ${cpu}, ${cores} cores. ${photos} photos, those of models/samples again
and again, answered by the default model; start and end of the process are counted. Beside it, in turn, the service with ${CLIENTS} clients
on this machine, whose asking takes its share of the cores.

| photos a second | the service's answers a second | ratio | most memory, engine included |
|---:|---:|---:|---:|
${rows.join("\n")}

Killed (SIGKILL) ${kills} times at random moments and started again each time: ${missing} photos missing, ${twice} twice, ${wrong} with another answer than an
undisturbed run gave.
`;
}
