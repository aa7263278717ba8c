/**
 * The bench's arithmetic: a page of numbers is worth what these are.
 */
import { expect, test } from "vitest";

interface Slice {
  readonly latenciesMs: readonly number[];
  readonly wallMs: number;
}
interface Statistics {
  percentile(sorted: readonly number[], rank: number): number;
  summarise(slices: readonly (Slice & { cpuSeconds: number })[]): Record<string, number>;
}
interface Loop {
  closedLoop(ask: () => Promise<unknown>, clientCount: number, sliceMs: number): Promise<Slice>;
}
interface Tree {
  cpuSeconds(pids: readonly number[]): number;
}

const load = (file: string): Promise<unknown> => import(new URL(`../../bench/${file}`, import.meta.url).href);
const { percentile, summarise } = (await load("statistics.mjs")) as Statistics;
const { closedLoop } = (await load("closed-loop.mjs")) as Loop;
const { cpuSeconds } = (await load("process-tree.mjs")) as Tree;

test.each([
  [[7], 0.99, 7],
  [[1, 2, 3, 4], 0.5, 2],
  [[1, 2, 3, 4, 5], 0.5, 3],
  [Array.from({ length: 100 }, (_, index) => index + 1), 0.99, 99],
])("percentile of %j at %f", (sorted, rank, expected) => {
  expect(percentile(sorted, rank)).toBe(expected);
});

test("slices are taken together, and CPU time is divided among all their requests", () => {
  const slices = [
    { latenciesMs: [30, 10], wallMs: 1000, cpuSeconds: 0.1 },
    { latenciesMs: [20, 40], wallMs: 1000, cpuSeconds: 0.3 },
  ];
  expect(summarise(slices)).toEqual({
    requestCount: 4,
    medianMs: 20,
    p90Ms: 40,
    p99Ms: 40,
    requestsPerSecond: 2,
    cpuMsPerRequest: 100,
  });
});

test("a closed loop has as many requests under way as clients, and waits for the last ones", async () => {
  let underWay = 0;
  let most = 0;
  let asked = 0;
  const ask = async () => {
    asked += 1;
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 5));
    underWay -= 1;
  };
  const { latenciesMs } = await closedLoop(ask, 3, 50);
  expect(most).toBe(3);
  expect(underWay).toBe(0);
  expect(latenciesMs).toHaveLength(asked);
  expect(Math.min(...latenciesMs)).toBeGreaterThanOrEqual(4);
});

test.skipIf(process.platform !== "linux")("CPU time of a process grows as it works", () => {
  const before = cpuSeconds([process.pid]);
  const start = performance.now();
  while (performance.now() - start < 200 || cpuSeconds([process.pid]) === before) {
    Math.sqrt(start);
  }
  expect(cpuSeconds([process.pid]) - before).toBeGreaterThan(0);
});
