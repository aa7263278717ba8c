/**
 * The bench's arithmetic, tables and chart: a page of numbers is worth what these are.
 */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";

interface Slice {
  readonly latenciesMs: readonly number[];
  readonly wallMs: number;
  readonly refused?: number;
}
interface Row {
  readonly contender: string;
  readonly title: string;
  readonly image: string;
  readonly clientCount: number;
  readonly requestCount: number;
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly requestsPerSecond: number;
  readonly cpuMsPerRequest: number;
}
interface Goal {
  readonly what: string;
  readonly value: number | undefined;
  readonly bound: number;
  readonly atLeast: boolean;
}
interface Bench {
  percentile(sorted: readonly number[], rank: number): number;
  summarise(slices: readonly (Slice & { cpuSeconds: number; askingSeconds: number })[]): Record<string, number>;
  closedLoop(ask: () => Promise<unknown>, clientCount: number, sliceMs: number): Promise<Slice>;
  openLoop(ask: () => Promise<boolean>, ratePerSecond: number, sliceMs: number): Promise<Slice>;
  cpuSeconds(pids: readonly number[]): number;
  reach(result: object): Goal[];
  isMet(goal: Goal): boolean | undefined;
  bestFloor(rows: readonly Row[], clientCount: number): Row | undefined;
  renderTables(result: object): string;
  renderChart(result: object): string;
  encodePost(path: string, headers: Record<string, string>, body: Buffer): Buffer;
  HttpClient: new (
    address: string,
  ) => {
    send(request: Buffer): Promise<{ status: number; body: Buffer }>;
    close(): void;
  };
}

const FILES = ["statistics", "loops", "process-tree", "reach", "report", "chart", "http-client"];
const modules = await Promise.all(
  FILES.map((file): Promise<object> => import(new URL(`../../bench/${file}.mjs`, import.meta.url).href)),
);
const bench = Object.assign({}, ...modules) as Bench;

function row(contender: string, clientCount: number, medianMs: number, requestsPerSecond: number, cpuMs = 10): Row {
  const [p90Ms, p99Ms] = [2 * medianMs, 3 * medianMs];
  const counted = { requestCount: 500, medianMs, p90Ms, p99Ms, requestsPerSecond, cpuMsPerRequest: cpuMs };
  return { contender, title: `<${contender}>`, image: "517x606", clientCount, ...counted };
}

const ROWS = [
  row("floor-1x2", 1, 15, 66),
  row("floor-2x1", 1, 12, 83),
  row("floor-1x2", 8, 60, 130, 15),
  row("floor-2x1", 8, 80, 100, 18),
  row("native-decode", 1, 3, 300),
  row("native-decode", 8, 12, 600, 5),
  row("service-process", 1, 18, 55),
  row("service-process", 8, 85, 90),
  row("flask", 8, 150, 45),
];
const RESULT = {
  machine: { cores: 2 },
  graphs: [
    {
      id: "v2",
      title: "Net & net",
      rows: ROWS,
      fixedRate: [],
      memoryBytes: { flask: 2 ** 30 },
      graphBytes: 24e6,
      graphSha256: "0",
    },
  ],
};

function goal(start: string): Goal {
  const found = bench.reach(RESULT).find(({ what }) => what.startsWith(start));
  if (found === undefined) throw new Error(`no goal starts with ${start}`);
  return found;
}

test.each([
  [[7], 0.99, 7],
  [[1, 2, 3, 4], 0.5, 2],
  [[1, 2, 3, 4, 5], 0.5, 3],
  [Array.from({ length: 100 }, (_, index) => index + 1), 0.99, 99],
])("percentile of %j at %f", (sorted, rank, expected) => {
  expect(bench.percentile(sorted, rank)).toBe(expected);
});

test("slices are taken together, and CPU time is divided among all their requests", () => {
  const slices = [
    { latenciesMs: [30, 10], wallMs: 1000, cpuSeconds: 0.1, askingSeconds: 0.01 },
    { latenciesMs: [20, 40], wallMs: 1000, cpuSeconds: 0.3, askingSeconds: 0.01 },
  ];
  expect(bench.summarise(slices)).toEqual({
    requestCount: 4,
    medianMs: 20,
    p90Ms: 40,
    p99Ms: 40,
    requestsPerSecond: 2,
    cpuMsPerRequest: 100,
    askingMsPerRequest: 5,
  });
});

test("a closed loop has as many requests under way as clients, and waits for the last ones", async () => {
  let underWay = 0;
  let most = 0;
  const askingMs: number[] = [];
  const ask = async () => {
    const began = performance.now();
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 5));
    underWay -= 1;
    askingMs.push(performance.now() - began);
  };
  const { latenciesMs } = await bench.closedLoop(ask, 3, 50);
  expect(most).toBe(3);
  expect(underWay).toBe(0);
  expect(latenciesMs).toHaveLength(askingMs.length);
  expect(latenciesMs.every((latencyMs, index) => latencyMs >= (askingMs[index] ?? 0))).toBe(true);
});

test("an open loop asks on while nothing is answered, and counts a latency from when the question was due", async () => {
  let asked = 0;
  const waiting: (() => void)[] = [];
  const ask = async () => {
    asked += 1;
    const isRefused = asked === 1;
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 10) for (const answer of waiting) answer();
    });
    return !isRefused;
  };
  const { latenciesMs, refused } = await bench.openLoop(ask, 1000, 10);
  expect(asked).toBe(10);
  expect(refused).toBe(1);
  expect(latenciesMs).toHaveLength(9);
  // The second question was due 1 ms after the start, the last one, which frees all, 9 ms after it.
  expect(latenciesMs[0]).toBeGreaterThanOrEqual(8);
});

test.skipIf(process.platform !== "linux")("CPU time of a process grows as it works", () => {
  const before = bench.cpuSeconds([process.pid]);
  const start = performance.now();
  while (performance.now() - start < 200 || bench.cpuSeconds([process.pid]) === before) {
    Math.sqrt(start);
  }
  expect(bench.cpuSeconds([process.pid]) - before).toBeGreaterThan(0);
});

test("the client reads answers that come in pieces, and keeps the connection", async () => {
  const ports = new Set<number | undefined>();
  const answer: RequestListener = (request, response) => {
    ports.add(request.socket.remotePort);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString().toUpperCase();
      response.setHeader("content-length", body.length);
      response.write(body.slice(0, 2));
      setImmediate(() => response.end(body.slice(2)));
    });
  };
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new bench.HttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  for (const text of ["first", "second"]) {
    const { status, body } = await client.send(
      bench.encodePost("/", { "content-type": "text/plain" }, Buffer.from(text)),
    );
    expect([status, body.toString()]).toEqual([200, text.toUpperCase()]);
  }
  expect(ports.size).toBe(1);
  client.close();
  server.close();
});

test("the best floor is the quickest for one client and the one that does most for many", () => {
  const of = (clientCount: number) => ROWS.filter((candidate) => candidate.clientCount === clientCount);
  expect(bench.bestFloor(of(1), 1)?.contender).toBe("floor-2x1");
  expect(bench.bestFloor(of(8), 8)?.contender).toBe("floor-1x2");
});

test("goals are ratios within one result, and what was not measured is neither met nor missed", () => {
  const latency = goal("MobileNetV2 1.4, 1 client: p50 over the floor's p50");
  expect(latency.value).toBeCloseTo(18 / (12 + 3));
  expect(bench.isMet(latency)).toBe(false);
  // 2 cores / (15 ms + 5 ms) = 100 requests a second.
  const throughput = goal("MobileNetV2 1.4, 8 clients: throughput over cores");
  expect(throughput.value).toBeCloseTo(0.9);
  expect(bench.isMet(throughput)).toBe(true);
  expect(goal("MobileNetV2 1.4, 8 clients: throughput over Flask").value).toBe(2);
  expect(bench.isMet(goal("MobileNetV1 0.25, 8 clients: throughput over Flask"))).toBeUndefined();
  const [samples, large] = ["models/samples", "4000x3000"].map((photo) => {
    const pixels = [{ photo: "models/samples", inferLessDecodeMs: 4, pixelsMs: 3 }];
    return bench.reach({ ...RESULT, pixels }).find(({ what }) => what.startsWith("Pixels") && what.endsWith(photo));
  });
  expect(samples).toMatchObject({ value: 0.75, bound: 1, atLeast: false });
  expect(large).toMatchObject({ value: undefined });
});

test("the tables show each row beside its floor, and every goal", () => {
  const tables = bench.renderTables(RESULT);
  const rows = tables.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const cells = rows.find(([, contender, , clients]) => contender === "<service-process>" && clients === "8") ?? [];
  expect(cells.slice(2, 13)).toEqual([
    "517x606",
    "8",
    "500",
    "85.0",
    "170.0",
    "255.0",
    "90.0",
    "10.0",
    "1.42",
    "0.692",
    "0.667",
  ]);
  expect(tables.match(/\| not measured \|/g)).toHaveLength(
    bench.reach(RESULT).filter(({ value }) => value === undefined).length,
  );
  expect(tables).toMatch(/\| +\*\*no\*\* \|/);
});

test("the chart draws bars to scale and escapes its texts", () => {
  const chart = bench.renderChart(RESULT);
  expect(chart).toContain("Net &amp; net: requests/s, 8 clients");
  const lengths = [...chart.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, length]) => Number(length));
  // 8 clients: floor 130, service 90, flask 45; 1 client: floor 12, service 18.
  const [floor = 0, service = 0, flask = 0, floorAlone = 0, serviceAlone = 0] = lengths;
  expect(lengths).toHaveLength(5);
  expect(service / floor).toBeCloseTo(90 / 130, 2);
  expect(flask / floor).toBeCloseTo(45 / 130, 2);
  expect(floorAlone / serviceAlone).toBeCloseTo(12 / 18, 2);
});
