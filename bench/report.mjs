/**
 * The page: one table, and how it was made.
 */

const ONE_SHOT = "one-shot";
const FLOOR = "floor";
const COLUMNS = [
  ["Contender", (row) => row.title],
  ["Clients", (row) => String(row.clientCount)],
  ["Requests", (row) => String(row.requestCount)],
  ["Median ms", (row) => row.medianMs.toFixed(1)],
  ["p90 ms", (row) => row.p90Ms.toFixed(1)],
  ["p99 ms", (row) => `${row.p99Ms.toFixed(1)}${row.requestCount < 100 ? "*" : ""}`],
  ["Requests/s", (row) => row.requestsPerSecond.toFixed(1)],
  ["CPU ms/request", (row) => (Number.isFinite(row.cpuMsPerRequest) ? row.cpuMsPerRequest.toFixed(1) : "unknown")],
  ["Peak MiB", (row) => (row.peakMemoryBytes / 2 ** 20).toFixed(0)],
  ["Median / floor", (row, of) => ratio(row.medianMs, of(FLOOR)?.medianMs)],
  ["One-shot median / this", (row, of) => ratio(of(ONE_SHOT)?.medianMs, row.medianMs)],
  ["One-shot p99 / this", (row, of) => ratio(of(ONE_SHOT)?.p99Ms, row.p99Ms)],
];

/** The table as Markdown, which is readable on a terminal too. */
export function renderTable({ measured }) {
  const rows = measured.map((row) => {
    const of = (id) => measured.find((other) => other.contender === id && other.clientCount === row.clientCount);
    return COLUMNS.map(([, cell]) => cell(row, of));
  });
  const titles = COLUMNS.map(([title]) => title);
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => pad(cell, widths[column], column)).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => `${"-".repeat(width + 1)}${column === 0 ? "-" : ":"}`).join("|")}|`;
  return [line(titles), rule, ...rows.map(line)].join("\n");
}

/** bench/RESULTS.md. */
export function renderPage(result) {
  const { machine, setup } = result;
  return `# Bench

Written by \`npm run bench\`; the numbers are in [result.json](result.json).

${renderTable(result)}

\\* the largest value: of fewer than 100 requests no 99th percentile can be told.

- Graph: ${setup.graph}, ${(setup.graphBytes / 1e6).toFixed(1)} MB, ${setup.input}, ${setup.classes} classes, SHA-256 \`${setup.graphSha256}\`.
- Image: ${setup.image}, ${(setup.imageBytes / 1e3).toFixed(1)} kB, posted as the raw body; the whole answer is awaited.
- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}; ${machine.date}, commit ${machine.commit}; load average before the start ${machine.loadAverage.toFixed(1)}.
- Closed loop: each client asks, waits for the answer, and asks again. The contenders take turns, in an order that moves on by one each round; all are warm before the first turn. They are compared only when all name the same class.
- The one-shot form is a small HTTP server that decodes and resizes in the same WebAssembly and then starts \`menagerie-engine once\` for each request, with the graph and the pixels on its stdin.
- The floor is libtensorflow alone: one process for each core is fed a ready tensor through a pipe, with the default session options. Nothing is decoded, resized or sent over HTTP.
- CPU is user and system time of the contender with all its processes. The program that asks runs on the same cores.
- Peak memory is the largest proportional set size of those processes (shared pages count once), sampled in a turn of its own.
`;
}

function ratio(over, under) {
  return over === undefined || under === undefined ? "" : (over / under).toPrecision(3);
}

function pad(cell, width, column) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
