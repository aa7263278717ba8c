/**
 * Faults under load: clients ask while something goes wrong again and again, and nothing may be lost or wrong.
 *
 *   node bench/load/faults.mjs [--seconds 60] [--clients 8] [--only engine,thread,clock,disk,stop] [--write]
 *
 * `--write` writes docs/faults.md.
 */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "../machine.mjs";
import { kill } from "../server-process.mjs";
import { learnOutcomes, randomNumbers, runClients, Tally } from "./clients.mjs";
import { readProcesses } from "./processes.mjs";
import { canMount, ROOT, startService } from "./service.mjs";
import { prepareQuestions } from "./traffic.mjs";

const EVERY_MS = 1000;
const HOUR_MS = 3_600_000;
/** How long a service runs before it is stopped in the middle. */
const STOP_AFTER_MS = 3000;

/** Holds a few graphs of the questions. */
const DISK_MIB = 16;
const FILLER = "filler";

/** What goes wrong. `kinds` are the questions meanwhile. */
export const FAULTS = {
  engine: {
    title: "an engine process is killed every second",
    strike({ pid }) {
      const engines = readProcesses(pid).slice(1);
      const victim = engines[Math.floor(Math.random() * engines.length)];
      if (victim !== undefined) kill(victim.pid);
    },
  },
  thread: {
    title: "a worker thread is ended every second",
    strike: (service) => service.tell({ kind: "thread" }),
  },
  clock: {
    title: "the wall clock jumps an hour forth or back every second",
    strike: (service, count) => service.tell({ kind: "clock", ms: count % 3 === 0 ? -2 * HOUR_MS : HOUR_MS }),
  },
  disk: {
    title: "the disk of registered models is full every other second",
    kinds: ["photo", "registered"],
    diskMib: DISK_MIB,
    strike: ({ modelsDir }, count) => (count % 2 === 0 ? fill(modelsDir) : rmSync(join(modelsDir, FILLER))),
  },
  stop: { title: "the service is stopped (SIGTERM) in the middle, and started again" },
};

/** The faults that can be made here. */
export function possibleFaults() {
  return Object.keys(FAULTS).filter((name) => FAULTS[name].diskMib === undefined || canMount());
}

/**
 * Runs one fault.
 * @param {keyof typeof FAULTS} name
 * @param {{seconds: number, clientCount: number}} options
 * @returns {Promise<{title: string, strikes: number, tally: Tally}>}
 */
export async function runFault(name, { seconds, clientCount }) {
  const { title, kinds = ["photo", "several", "bad"], diskMib, strike } = FAULTS[name];
  const questions = await prepareQuestions(ROOT, kinds);
  const choose = chooser(Object.values(questions));
  const tally = new Tally();
  let strikes = 0;
  let service = await startService({ LOG_LEVEL: "info" }, diskMib);
  await learnOutcomes(service.url, questions);
  const endMs = performance.now() + 1000 * seconds;
  const isOver = () => performance.now() > endMs;
  if (strike !== undefined) {
    const timer = setInterval(() => strike(service, strikes++), EVERY_MS);
    await runClients(service.url, clientCount, choose, isOver, tally);
    clearInterval(timer);
    await endWell(service, tally);
    return { title, strikes, tally };
  }
  while (!isOver()) {
    await stopInTheMiddle(service, clientCount, choose, tally);
    strikes += 1;
    service = await startService({ LOG_LEVEL: "info" });
  }
  await endWell(service, tally);
  return { title, strikes, tally };
}

/** A connection that was still waiting to be accepted is reset; the log knows whether its request was ever seen. */
async function stopInTheMiddle(service, clientCount, choose, tally) {
  const reset = [];
  let isStopped = false;
  const clients = runClients(
    service.url,
    clientCount,
    choose,
    () => isStopped && !service.isUp(),
    tally,
    (requestId) => reset.push(requestId),
  );
  await new Promise((resolve) => setTimeout(resolve, STOP_AFTER_MS));
  isStopped = true;
  await endWell(service, tally);
  await clients;
  for (const requestId of reset) {
    if (service.log().includes(requestId)) tally.lost.push(`request ${requestId} was cut off by the stop`);
    else tally.notTaken += 1;
  }
}

async function endWell(service, tally) {
  const code = await service.stop();
  if (code !== 0) tally.wrong.push(`the service ended with ${code} when it was stopped`);
}

/** Writes until there is no room left. */
function fill(folder) {
  const file = openSync(join(folder, FILLER), "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    if (error.code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
}

/** Each kind as often as the others. */
function chooser(kinds) {
  const random = randomNumbers(1);
  const pick = (list) => list[Math.floor(random() * list.length)];
  return () => pick(pick(kinds));
}

function renderTable(rows) {
  return [
    "| fault | faults | sent | answered | refused | not taken | lost | wrong |",
    "|---|---:|---:|---:|---|---:|---:|---:|",
    ...rows.map(({ title, strikes, tally }) => {
      const refused = Object.entries(tally.refused).map(([code, count]) => `${count} \`${code}\``);
      const cells = [title, strikes, tally.sent, tally.answered, refused.join(", ") || 0, tally.notTaken];
      return `| ${[...cells, tally.lost.length, tally.wrong.length].join(" | ")} |`;
    }),
  ].join("\n");
}

function renderPage(rows, { seconds, clients }) {
  const machine = describeMachine();
  return `# Faults under load

Written by \`node bench/load/faults.mjs --write\`. While ${clients} clients ask in a closed loop for ${seconds} seconds a fault,
something goes wrong again and again. The questions are photos for two models and bad input, in equal parts; for the full
disk, a small tmpfs, photos and models that are registered, asked and removed.

${renderTable(rows)}

- answered: the same label as from the service at rest, or the code that the bad input must get.
- refused: a problem whose code says that the service failed at it or is full; the client may try again.
- not taken: the connection was refused, as the service was down.
- lost: no whole answer. wrong: any other answer, or another exit code than 0 at the end.
- A request whose engine died is tried once more on a fresh process; a second death is \`engine_failed\`. A request whose
  thread was ended is \`internal\`.
- ${machine.cpu}, ${machine.cores} cores, which the clients share, layers on ${machine.kernels}; Node ${machine.node}; ${machine.date}, commit ${machine.commit}; load average at the end
  ${machine.loadAverage.toFixed(1)}. Where the machine has much else to do, loading a model takes longer than the second from kill to kill.
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: flags } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      clients: { type: "string", default: "8" },
      only: { type: "string", default: possibleFaults().join() },
      write: { type: "boolean", default: false },
    },
  });
  const rows = [];
  for (const name of flags.only.split(",")) {
    const row = await runFault(name, { seconds: Number(flags.seconds), clientCount: Number(flags.clients) });
    for (const what of [...row.tally.lost, ...row.tally.wrong].slice(0, 20)) console.error(`${name}: ${what}`);
    rows.push(row);
  }
  console.log(renderTable(rows));
  if (flags.write) await writeFile(join(ROOT, "docs/faults.md"), renderPage(rows, flags));
  if (rows.some(({ tally }) => tally.lost.length + tally.wrong.length > 0)) process.exitCode = 1;
}
