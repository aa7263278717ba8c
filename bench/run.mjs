/**
 * `npm run bench`: sets up what is missing, drives every contender with the same image and the same graph, in turn, and
 * writes one page.
 *
 *   --graph FILE --labels FILE   a graph instead of models/flowers5
 *   --image FILE                 the image (default: a sample photo)
 *   --clients 1,8                closed loops to run, by number of clients
 *   --rounds N --seconds S       turns of each contender, and how long one turn lasts
 *   --only ID,ID                 contenders to run
 *   --dry                        print the table, write no files
 *
 * Each contender is one file in contenders/ that exports `id`, `title` and `start(setup)`; see contenders/README.md.
 */
import { readdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { SERVICE } from "../scripts/setup/steps.mjs";
import { main, setUp } from "../scripts/setup.mjs";
import { closedLoop } from "./closed-loop.mjs";
import { describeMachine } from "./machine.mjs";
import { cpuSeconds, memoryBytes } from "./process-tree.mjs";
import { renderPage, renderTable } from "./report.mjs";
import { prepareSetup } from "./setup.mjs";
import { summarise } from "./statistics.mjs";

const WARM_UP_REQUESTS = 5;
const MEMORY_SLICE_MS = 3000;
const MEMORY_SAMPLE_MS = 50;

const { values: flags } = parseArgs({
  options: {
    graph: { type: "string" },
    labels: { type: "string" },
    image: { type: "string" },
    clients: { type: "string", default: "1,8" },
    rounds: { type: "string", default: "10" },
    seconds: { type: "string", default: "3" },
    only: { type: "string" },
    dry: { type: "boolean", default: false },
  },
});
const clientCounts = flags.clients.split(",").map(Number);
const rounds = Number(flags.rounds);
const sliceMs = 1000 * Number(flags.seconds);

await main(() => setUp(SERVICE));
const machine = describeMachine();
const setup = await prepareSetup(flags);
const contenders = await readContenders(flags.only?.split(","));
const running = [];
try {
  for (const contender of contenders) {
    process.stderr.write(`starting ${contender.id}\n`);
    running.push({ contender, service: await contender.start(setup) });
  }
  await checkAnswers(running);
  const measured = [];
  for (const clientCount of clientCounts) {
    measured.push(...(await measure(running, clientCount)));
  }
  const result = { machine, setup: setup.facts, measured };
  console.log(renderTable(result));
  if (!flags.dry) {
    await writeFile(new URL("result.json", import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
    await writeFile(new URL("RESULTS.md", import.meta.url), renderPage(result));
    process.stderr.write("written: bench/result.json, bench/RESULTS.md\n");
  }
} finally {
  await Promise.allSettled(running.map(({ service }) => service.stop()));
  await setup.remove();
}

async function readContenders(only) {
  const folder = new URL("contenders/", import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith(".mjs")).sort();
  const all = await Promise.all(files.map((file) => import(new URL(file, folder).href)));
  for (const id of only ?? []) {
    if (!all.some((contender) => contender.id === id)) {
      throw new Error(`there is no contender ${id}; there are ${all.map((contender) => contender.id).join(", ")}`);
    }
  }
  return all.filter((contender) => only === undefined || only.includes(contender.id));
}

/** Warms each contender up; contenders that do not name the same class cannot be compared. */
async function checkAnswers(contestants) {
  const answers = [];
  for (const { contender, service } of contestants) {
    let index;
    for (let request = 0; request < WARM_UP_REQUESTS; request++) {
      index = await service.ask();
    }
    answers.push({ id: contender.id, index });
  }
  if (new Set(answers.map(({ index }) => index)).size > 1) {
    const list = answers.map(({ id, index }) => `${id}: ${index}`).join(", ");
    throw new Error(`the contenders name different classes, so their times say nothing (${list})`);
  }
}

/** Turns of one slice each; the order moves on by one each round, so that nobody always follows the same neighbour. */
async function measure(contestants, clientCount) {
  const slices = new Map(contestants.map(({ contender }) => [contender.id, []]));
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`${clientCount} client(s), round ${round + 1} of ${rounds}\n`);
    const first = round % contestants.length;
    for (const { contender, service } of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      const cpuBefore = cpuSeconds(service.pids);
      const slice = await closedLoop(service.ask, clientCount, sliceMs);
      slices.get(contender.id)?.push({ ...slice, cpuSeconds: cpuSeconds(service.pids) - cpuBefore });
    }
  }
  const rows = [];
  for (const { contender, service } of contestants) {
    rows.push({
      contender: contender.id,
      title: contender.title,
      clientCount,
      ...summarise(slices.get(contender.id) ?? []),
      peakMemoryBytes: await peakMemory(service, clientCount),
    });
  }
  return rows;
}

/** Largest memory seen in a slice of its own, because looking at it takes time from those who work. */
async function peakMemory({ ask, pids }, clientCount) {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, memoryBytes(pids));
  }, MEMORY_SAMPLE_MS);
  await closedLoop(ask, clientCount, MEMORY_SLICE_MS);
  clearInterval(timer);
  return peak;
}
