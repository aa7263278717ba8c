/**
 * Throughput on 1, 2, 4 … cores, the program that asks on the same ones. Linux only, with `taskset`.
 */
import { execFileSync } from "node:child_process";
import { availableParallelism, platform } from "node:os";
import { closedLoop } from "../loops.mjs";
import { encodeInfer, startService } from "../service.mjs";

const CLIENTS_PER_CORE = 8;
const WARM_UP_MS = 1500;

/** @returns {Promise<{cores: number, requestsPerSecond: number}[]>} */
export async function measureCores(workload, image, sliceMs) {
  if (platform() !== "linux") return [];
  const all = availableParallelism();
  const counts = [];
  for (let cores = 1; cores < all; cores *= 2) counts.push(cores);
  const before = affinity();
  const rows = [];
  try {
    for (const cores of [...counts, all]) {
      const list = before.slice(0, cores).join(",");
      pin(list);
      const service = await startService(workload, {}, { prefix: ["taskset", "--cpu-list", list] });
      const request = encodeInfer(image);
      const ask = async () => {
        const { status } = await service.client.send(request);
        if (status !== 200) throw new Error(`status ${status}`);
      };
      try {
        await closedLoop(ask, CLIENTS_PER_CORE * cores, WARM_UP_MS);
        const { latenciesMs, wallMs } = await closedLoop(ask, CLIENTS_PER_CORE * cores, sliceMs);
        rows.push({ cores, requestsPerSecond: (1000 * latenciesMs.length) / wallMs });
      } finally {
        await service.stop();
      }
    }
  } finally {
    pin(before.join(","));
  }
  return rows;
}

/** The cores that this process may use. @returns {number[]} */
function affinity() {
  const output = execFileSync("taskset", ["--cpu-list", "--pid", String(process.pid)], { encoding: "utf8" });
  return output
    .slice(output.lastIndexOf(":") + 1)
    .trim()
    .split(",")
    .flatMap((part) => {
      const [first = 0, last = first] = part.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** Moves this process with all its threads. */
function pin(list) {
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", list, String(process.pid)]);
}
