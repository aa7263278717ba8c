/**
 * Drives contenders in turn. The order moves on by one each round, so that nobody always follows the same neighbour.
 */
import { closedLoop, openLoop } from "./loops.mjs";
import { cpuSeconds, memoryBytes } from "./process-tree.mjs";
import { summarise } from "./statistics.mjs";

const MEMORY_SAMPLE_MS = 100;
const FIXED_RATE_SLICE_MS = 4000;

/**
 * @typedef {object} Contestant
 * @property {string} id
 * @property {string} title
 * @property {number[]} pids whose CPU time and memory count, children included
 * @property {number} [clientsMax] most clients that it is measured with
 * @property {(image: Buffer) => Promise<number>} [ask] one request; resolves with the class
 * @property {(clientCount: number, sliceMs: number) => Promise<import("./loops.mjs").Slice>} [drive] instead of `ask`: it
 *   drives itself
 */

/**
 * Closed loops of `clientCount` clients.
 * @param {Contestant[]} contestants
 * @param {{imageName: string, image: Buffer, clientCount: number, rounds: number, sliceMs: number}} plan
 * @returns {Promise<object[]>} a row for each contestant
 */
export async function measureClosed(contestants, { imageName, image, clientCount, rounds, sliceMs }) {
  const able = contestants.filter(({ clientsMax = Number.POSITIVE_INFINITY }) => clientCount <= clientsMax);
  const slices = new Map(able.map(({ id }) => [id, []]));
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`  ${imageName}, ${clientCount} client(s), round ${round + 1} of ${rounds}\n`);
    const first = round % able.length;
    for (const contestant of [...able.slice(first), ...able.slice(0, first)]) {
      const cpuBefore = cpuSeconds(contestant.pids);
      const askingBefore = process.cpuUsage();
      const slice = await driveSlice(contestant, image, clientCount, sliceMs);
      const asking = process.cpuUsage(askingBefore);
      slices.get(contestant.id)?.push({
        ...slice,
        cpuSeconds: cpuSeconds(contestant.pids) - cpuBefore,
        askingSeconds: (asking.user + asking.system) / 1e6,
      });
    }
  }
  return able.map(({ id, title }) => ({
    contender: id,
    title,
    image: imageName,
    clientCount,
    ...summarise(slices.get(id) ?? []),
  }));
}

/** @param {Contestant} contestant @returns {Promise<import("./loops.mjs").Slice>} of at most as many clients as it takes */
export function driveSlice({ ask, drive, clientsMax = Number.POSITIVE_INFINITY }, image, clientCount, sliceMs) {
  const count = Math.min(clientCount, clientsMax);
  return drive === undefined ? closedLoop(() => ask(image), count, sliceMs) : drive(count, sliceMs);
}

/** An open loop at one rate for all. @returns {Promise<object[]>} a row for each contestant that answers HTTP */
export async function measureFixedRate(contestants, { imageName, image, ratePerSecond }) {
  const rows = [];
  for (const { id, title, ask, clientsMax } of contestants) {
    if (ask === undefined || clientsMax !== undefined) continue;
    const slice = await openLoop(() => ask(image).then(() => true), ratePerSecond, FIXED_RATE_SLICE_MS);
    const { medianMs, p90Ms, p99Ms, requestsPerSecond } = summarise([{ ...slice, cpuSeconds: 0, askingSeconds: 0 }]);
    rows.push({ contender: id, title, image: imageName, ratePerSecond, medianMs, p90Ms, p99Ms, requestsPerSecond });
  }
  return rows;
}

/**
 * Largest memory of each contestant under load, in a slice of its own, because looking at it takes time from those who
 * work.
 * @returns {Promise<Record<string, number>>} bytes by contender
 */
export async function measureMemory(contestants, { image, clientCount, sliceMs }) {
  const peaks = {};
  for (const contestant of contestants) {
    let peak = memoryBytes(contestant.pids);
    const timer = setInterval(() => {
      peak = Math.max(peak, memoryBytes(contestant.pids));
    }, MEMORY_SAMPLE_MS);
    await driveSlice(contestant, image, clientCount, sliceMs);
    clearInterval(timer);
    peaks[contestant.id] = peak;
  }
  return peaks;
}
