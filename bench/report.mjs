/**
 * The page and its tables, as Markdown, which is readable on a terminal too.
 */
import { bestFloor, isMet, reach } from "./reach.mjs";

const COLUMNS = [
  ["Contender", (row) => row.title],
  ["Photo", (row) => row.image],
  ["Clients", (row) => String(row.clientCount)],
  ["Requests", (row) => String(row.requestCount)],
  ["p50 ms", (row) => row.medianMs.toFixed(1)],
  ["p90 ms", (row) => row.p90Ms.toFixed(1)],
  ["p99 ms", (row) => `${row.p99Ms.toFixed(1)}${row.requestCount < 100 ? "*" : ""}`],
  ["Requests/s", (row) => row.requestsPerSecond.toFixed(1)],
  ["CPU ms/request", (row) => (Number.isFinite(row.cpuMsPerRequest) ? row.cpuMsPerRequest.toFixed(1) : "unknown")],
  ["p50 / floor", (row, floor) => times(row.medianMs, floor?.medianMs)],
  ["Throughput / floor", (row, floor) => times(row.requestsPerSecond, floor?.requestsPerSecond)],
  ["CPU / floor", (row, floor) => times(row.cpuMsPerRequest, floor?.cpuMsPerRequest)],
];

/** All tables that the result has something for. */
export function renderTables(result) {
  return [
    `## Reach\n\n${reachTable(result)}`,
    ...result.graphs.filter(({ rows }) => rows !== undefined).map(graphSection),
    ...partSections(result),
  ].join("\n\n");
}

/** bench/RESULTS.md. */
export function renderPage(result) {
  const { machine } = result;
  return `# Bench

Written by \`npm run bench\`${result.full ? " (`--full`)" : ""}; the numbers are in [result.json](result.json).

![Throughput and latency](chart.svg)

${renderTables(result)}

## How it was measured

\\* the largest value: of fewer than 100 requests no 99th percentile can be told.

- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.system}, layers on ${machine.kernels}, Node ${machine.node}; ${machine.date}, commit ${machine.commit}; load average before the start ${machine.loadAverage.toFixed(1)}.
- Contenders take turns, in an order that moves on by one each round; all are warm before the first turn. ${result.rounds} turns of ${(result.sliceMs / 1000).toFixed(1)} s each. They are compared only when all name the same class.
- Closed loop: each client asks, waits for the answer, and asks again. Open loop: the questions come at a fixed rate, and a latency counts from when a question was due.
- The photo is the body of the request (LitServe takes a form), over a kept connection, and the whole answer is awaited. The program that asks runs on the same cores; its own CPU time is in result.json as \`askingMsPerRequest\`.
- Photos are seeded noise with the spectrum of natural pictures, as JPEG. Random weights are as large and as slow as trained ones.
- The floor is libtensorflow's \`TF_SessionRun\` called from C on a ready tensor, with 1, 2, 4 … threads a run and one run or a run for each core at a time; ratios are to the best of them: by p50 for one client, by throughput for more. It asks for oneDNN, as Menagerie does; Flask and LitServe leave that to TensorFlow, which takes it by itself on processors with AVX-512 VNNI.
- Native decode and resize is the code of the WebAssembly function compiled natively.
- Flask, LitServe and Express run as their tutorials show, with Pillow and one TensorFlow session, or sharp and onnxruntime on the same weights as ONNX; versions are in [python/requirements.txt](python/requirements.txt) and [node/package.json](node/package.json).
- The one-shot form is a small HTTP server that decodes and resizes in the same WebAssembly and then starts \`menagerie-engine once\` for each request, with the graph and the pixels on its stdin.
- CPU is user and system time of the contender with all its processes. Memory is the largest proportional set size of those processes (shared pages count once) with 8 clients, sampled in a turn of its own.
`;
}

function reachTable(result) {
  const rows = reach(result).map((goal) => {
    const met = isMet(goal);
    return [
      goal.what,
      `${goal.atLeast ? "≥" : "≤"} ${goal.bound}`,
      goal.value === undefined ? "" : goal.value.toPrecision(3),
      met === undefined ? "not measured" : met ? "yes" : "**no**",
    ];
  });
  return table(["What", "Bound", "Measured", "Met"], rows);
}

function graphSection(graph) {
  const { title, rows, fixedRate, memoryBytes } = graph;
  const floorOf = ({ image, clientCount }) =>
    bestFloor(
      rows.filter((row) => row.image === image),
      clientCount,
    );
  const cells = rows.map((row) => COLUMNS.map(([, cell]) => cell(row, floorOf(row))));
  const facts = `${(graph.graphBytes / 1e6).toFixed(1)} MB, ${graph.input}, ${graph.classes} classes, ${graph.weights} weights, SHA-256 \`${graph.graphSha256}\`.`;
  const sections = [
    `## ${title}\n\n${facts}`,
    table(
      COLUMNS.map(([name]) => name),
      cells,
    ),
  ];
  if (fixedRate.length > 0) {
    const fixed = fixedRate.map((row) => [
      row.title,
      ...[row.medianMs, row.p90Ms, row.p99Ms].map((ms) => ms.toFixed(1)),
      row.requestsPerSecond.toFixed(1),
    ]);
    sections.push(
      `Open loop, ${fixedRate[0].ratePerSecond.toFixed(0)} requests a second:`,
      table(["Contender", "p50 ms", "p90 ms", "p99 ms", "Answered/s"], fixed),
    );
  }
  const memory = Object.entries(memoryBytes).map(([id, bytes]) => [
    rows.find((row) => row.contender === id)?.title ?? id,
    (bytes / 2 ** 20).toFixed(0),
  ]);
  if (memory.length > 0) sections.push("Memory under load:", table(["Contender", "Peak MiB"], memory));
  return sections.join("\n\n");
}

function partSections({ decode, pixels, uploads, overload, cores }) {
  const sections = [];
  if (decode !== undefined) {
    const rows = decode.map(({ image, wasmMs, sharpMs }) => [
      image,
      wasmMs.toFixed(2),
      sharpMs.toFixed(2),
      times(wasmMs, sharpMs),
    ]);
    sections.push(
      `## Decode and resize\n\n${table(["Photo", "WebAssembly ms", "sharp ms", "WebAssembly / sharp"], rows)}`,
    );
  }
  if (pixels !== undefined) {
    const rows = pixels.map(({ photo, inferMs, decodeMs, inferLessDecodeMs, pixelsMs }) => [
      photo,
      ...[inferMs, decodeMs, inferLessDecodeMs, pixelsMs].map((ms) => ms.toFixed(2)),
      times(pixelsMs, inferLessDecodeMs),
    ]);
    const titles = [
      "Photos",
      "`/infer` ms",
      "Its decoding ms",
      "Without it ms",
      "`UINT8` by v2 ms",
      "`UINT8` / without",
    ];
    sections.push(`## Pixels in place of a photo\n\n${table(titles, rows)}`);
  }
  if (uploads !== undefined) {
    const rows = [
      ["Import and first run in C, the optimiser off", uploads.floorColdMs],
      ["A graph never seen, from its last byte to the answer", uploads.coldMs],
      ["The same on ONNX Runtime", uploads.onnxColdMs],
      ["A zoo model", uploads.zooMs],
      ["A graph seen before, uploaded again", uploads.repeatMs],
      ["The same, from its last byte to the answer", uploads.repeatFromLastByteMs],
      ["A graph seen before, by `model_sha256`", uploads.byHashMs],
    ].map(([what, ms]) => [what, ms.toFixed(1)]);
    sections.push(`## Uploaded graphs\n\n${table(["What", "p50 ms"], rows)}`);
  }
  if (overload !== undefined) {
    const rows = [
      ["Peak, 8 clients, requests/s", overload.peakPerSecond.toFixed(1)],
      [`${overload.queueLimit} clients, requests/s`, overload.manyPerSecond.toFixed(1)],
      ["Offered then, requests/s", overload.offeredPerSecond.toFixed(1)],
      ["Answered, requests/s", overload.goodputPerSecond.toFixed(1)],
      ["Refused with 503", String(overload.refused)],
      ["p99 of accepted requests, ms", overload.acceptedP99Ms.toFixed(1)],
      [`Time for a full queue of ${overload.queueLimit}, ms`, overload.queueBoundMs.toFixed(1)],
      ["Event-loop delay p99 at the peak, ms", overload.eventLoopDelayP99Ms.toFixed(1)],
      ["Event-loop delay p99 beyond it, ms", overload.eventLoopDelayBeyondP99Ms.toFixed(1)],
    ];
    sections.push(`## Beyond saturation\n\n${table(["What", "Measured"], rows)}`);
  }
  if (cores !== undefined && cores.length > 0) {
    const rows = cores.map(({ cores: count, requestsPerSecond }) => [
      String(count),
      requestsPerSecond.toFixed(1),
      (requestsPerSecond / count).toFixed(1),
    ]);
    sections.push(`## Cores\n\n${table(["Cores", "Requests/s", "Requests/s a core"], rows)}`);
  }
  return sections;
}

/** A Markdown table; columns after the first are aligned right. */
export function table(titles, rows) {
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  const line = (cells) => `| ${cells.map(pad).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => `${"-".repeat(width + 1)}${column === 0 ? "-" : ":"}`).join("|")}|`;
  return [line(titles), rule, ...rows.map(line)].join("\n");
}

function times(over, under) {
  return over === undefined || under === undefined || !Number.isFinite(over / under)
    ? ""
    : (over / under).toPrecision(3);
}
