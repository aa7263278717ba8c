/**
 * Everything at once, for long: photos for several models, uploaded and registered graphs, bad input, large images, clients that go
 * away. Memory, descriptors and zombies of every process are sampled meanwhile, and the event loop's delay.
 *
 *   node bench/load/soak.mjs [--minutes 30 | --requests 100000] [--traffic mixed|photo|large|camera] [--clients 4] [--write NAME]
 *
 * `--write NAME` puts the result into docs/soak.md, as the section of that name.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeMachine } from "../machine.mjs";
import { percentile } from "../statistics.mjs";
import { learnOutcomes, randomNumbers, runClients, Tally } from "./clients.mjs";
import { readProcesses } from "./processes.mjs";
import { ROOT, startService } from "./service.mjs";
import { prepareQuestions } from "./traffic.mjs";

const PAGE = join(ROOT, "docs/soak.md");
const SAMPLE_MS = 2000;
const SHOWN_SAMPLES = 10;
/** The share of all requests after which the service counts as warm: its memory then is what the end is held against. */
const WARM_SHARE = 0.05;
const MIB = 2 ** 20;

/** Share of each kind of question. */
const TRAFFIC = {
  mixed: {
    photo: 0.6,
    several: 0.08,
    upload: 0.06,
    registered: 0.02,
    large: 0.03,
    bad: 0.1,
    page: 0.08,
    "broken off": 0.03,
  },
  photo: { photo: 1 },
  large: { large: 1 },
  camera: { camera: 1 },
};

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    requests: { type: "string" },
    traffic: { type: "string", default: "mixed" },
    clients: { type: "string", default: "4" },
    write: { type: "string" },
  },
});
const shares = TRAFFIC[flags.traffic];
const questions = await prepareQuestions(ROOT, Object.keys(shares));
const service = await startService();
await learnOutcomes(service.url, questions);

const tally = new Tally();
const samples = [];
const began = performance.now();
const progress = () =>
  flags.requests === undefined
    ? (performance.now() - began) / (60_000 * Number(flags.minutes))
    : tally.sent / Number(flags.requests);
const sample = async () => {
  samples.push({ progress: progress(), delayMs: await service.delayMs(), processes: readProcesses(service.pid) });
};
const timer = setInterval(sample, SAMPLE_MS);
await runClients(service.url, Number(flags.clients), chooser(), () => progress() >= 1, tally);
clearInterval(timer);
await sample();
const seconds = (performance.now() - began) / 1000;
const exitCode = await service.stop();

const section = renderSection();
console.log(section);
for (const what of [...tally.lost, ...tally.wrong].slice(0, 20)) console.error(what);
if (flags.write !== undefined) await writeSection(flags.write, section);
if (tally.lost.length + tally.wrong.length > 0 || exitCode !== 0) process.exitCode = 1;

function chooser() {
  const random = randomNumbers(1);
  return () => {
    let rest = random();
    const kind = Object.keys(shares).find((name) => {
      rest -= shares[name];
      return rest < 0;
    });
    const choice = questions[kind ?? Object.keys(shares)[0]];
    return choice[Math.floor(random() * choice.length)];
  };
}

function renderSection() {
  const machine = describeMachine();
  const warm = samples.find((one) => one.progress >= WARM_SHARE) ?? samples[0];
  const last = samples.at(-1);
  const delays = samples.map(({ delayMs }) => delayMs).sort((a, b) => a - b);
  const refused = Object.entries(tally.refused).map(([code, count]) => `${count} \`${code}\``);
  const step = Math.max(1, Math.floor(samples.length / SHOWN_SAMPLES));
  const shown = samples.filter(
    (one, index) => one === last || (index % step === 0 && samples.length - index > step / 2),
  );
  const quarters = [0, 1, 2, 3].map((quarter) => {
    const part = samples.filter(({ progress }) => Math.min(3, Math.floor(4 * progress)) === quarter);
    const sizes = part.map((one) => rssOf(one)[0]).sort((a, b) => a - b);
    return Math.round((percentile(sizes, 0.5) ?? 0) / MIB);
  });
  const share = (one, other) => `${(100 * (one / other - 1)).toFixed(1)} %`;
  return `
- ${flags.traffic} traffic, ${flags.clients} clients, ${Math.round(seconds)} s: ${tally.sent} requests, ${tally.answered} answered, ${refused.join(", ") || "0"} refused, ${tally.lost.length} lost, ${tally.wrong.length} wrong; exit code ${exitCode}.
- The service's resident memory at the end against that after ${100 * WARM_SHARE} % of the run: ${share(rssOf(last)[0], rssOf(warm)[0])}. Its ${last.processes.length - 1} engine processes together: ${share(sum(rssOf(last).slice(1)), sum(rssOf(warm).slice(1)))} (they were ${warm.processes.length - 1} then).
- The service's resident memory in each quarter of the run, median: ${quarters.join(", ")} MiB.
- Largest delay of the event loop in ${SAMPLE_MS / 1000} s: median ${percentile(delays, 0.5).toFixed(0)} ms, largest ${delays.at(-1).toFixed(0)} ms. Most zombies at once: ${Math.max(...samples.map(({ processes }) => processes.filter(({ isZombie }) => isZombie).length))}.
- ${machine.cpu}, ${machine.cores} cores, which the clients share, layers on ${machine.kernels}; Node ${machine.node}; ${machine.date}, commit ${machine.commit}; load average before the end ${machine.loadAverage.toFixed(1)}.

| part of the run | service, MiB | engines, MiB each | descriptors of the service | of the engines |
|---:|---:|---|---:|---|
${shown.map(renderSample).join("\n")}
`;
}

function renderSample(one) {
  const [own, ...engines] = one.processes;
  const mib = ({ rssBytes }) => Math.round(rssBytes / MIB);
  const cells = [
    `${Math.round(100 * one.progress)} %`,
    mib(own),
    engines.map(mib).join(", "),
    own.descriptorCount,
    engines.map(({ descriptorCount }) => descriptorCount).join(", "),
  ];
  return `| ${cells.join(" | ")} |`;
}

function rssOf({ processes }) {
  return processes.map(({ rssBytes }) => rssBytes);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** Replaces the section of that name, or adds it at the end. */
async function writeSection(name, text) {
  const page = await readFile(PAGE, "utf8");
  const [head, ...sections] = page.split(/^(?=## )/m);
  const others = sections.filter((one) => !one.startsWith(`## ${name}\n`)).map((one) => `${one.trimEnd()}\n\n`);
  await writeFile(PAGE, `${head}${others.join("")}## ${name}\n${text}`);
}
