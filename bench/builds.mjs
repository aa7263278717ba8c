/**
 * What a change costs: this build of the service beside that of another checkout, `node bench/builds.mjs CHECKOUT [ROUNDS]`.
 * Both run all the time and are asked in turn, slice by slice, so that a machine with other work slows both alike. What counts is
 * the median of the rounds' ratios: answers a second, and processor time a request of the service with its engines.
 */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ROOT_DIR } from "../scripts/setup/paths.mjs";
import { closedLoop } from "./loops.mjs";
import { cpuSeconds } from "./process-tree.mjs";
import { startServer } from "./server-process.mjs";
import { encodeInfer } from "./service.mjs";
import { median, percentile } from "./statistics.mjs";

const CLIENTS = 8;
const SLICE_MS = 2000;
const WARM_UP_SLICES = 5;
const ROUNDS = 40;

const [checkout, rounds = ROUNDS] = process.argv.slice(2);
if (checkout === undefined) throw new Error("node bench/builds.mjs CHECKOUT [ROUNDS]");

const modelsDir = join(ROOT_DIR, "models");
const request = encodeInfer(await readFile(join(modelsDir, "samples/sunflowers-1.jpg")));
const start = (root) =>
  startServer({
    command: process.execPath,
    args: [join(root, "node/dist/server.js")],
    env: { PORT: "0", HOST: "127.0.0.1", MODELS_DIR: modelsDir, LOG_LEVEL: "info" },
  });

const [own, other] = [await start(ROOT_DIR), await start(resolve(checkout))];

/** Answers a second, and milliseconds of processor time for each. */
async function slice({ client, pids }) {
  const before = cpuSeconds(pids);
  const { latenciesMs, wallMs } = await closedLoop(
    async () => {
      const { status, body } = await client.send(request);
      if (status !== 200) throw new Error(body.toString());
    },
    CLIENTS,
    SLICE_MS,
  );
  const count = latenciesMs.length;
  return { perSecond: (1000 * count) / wallMs, cpuMs: (1000 * (cpuSeconds(pids) - before)) / count };
}

try {
  for (let round = 0; round < WARM_UP_SLICES; round++) for (const server of [own, other]) await slice(server);
  const ratios = { perSecond: [], cpuMs: [] };
  const seen = { perSecond: [], cpuMs: [] };
  for (let round = 0; round < Number(rounds); round++) {
    // Who goes first changes, so that neither always follows the other.
    const order = round % 2 === 0 ? [own, other] : [other, own];
    const slices = new Map();
    for (const server of order) slices.set(server, await slice(server));
    for (const measure of ["perSecond", "cpuMs"]) {
      ratios[measure].push(slices.get(own)[measure] / slices.get(other)[measure]);
      seen[measure].push(slices.get(other)[measure]);
    }
  }
  for (const [measure, what] of [
    ["perSecond", "answers a second"],
    ["cpuMs", "processor time a request"],
  ]) {
    const sorted = ratios[measure].toSorted((one, two) => one - two);
    const [low, middle, high] = [0.25, 0.5, 0.75].map((rank) => percentile(sorted, rank).toFixed(3));
    const beside = median(seen[measure]).toFixed(2);
    console.log(
      `${what}: ${middle} of the other build's ${beside} (half of ${rounds} rounds within ${low} and ${high})`,
    );
  }
} finally {
  await Promise.all([own.stop(), other.stop()]);
}
