/**
 * What the service has to reach, in ratios within one run, and what it reached.
 */

const SERVICE = "service-process";
const ON_ONNX = "service-onnxruntime";
const IMAGE = "517x606";

/**
 * @typedef {object} Goal
 * @property {string} what
 * @property {number | undefined} value undefined where it was not measured
 * @property {number} bound
 * @property {boolean} atLeast whether the value has to be at least the bound, rather than at most
 */

/** @returns {Goal[]} */
export function reach(result) {
  const v1 = lookUp(result, "v1");
  const v2 = lookUp(result, "v2");
  const { decode = [], pixels = [], uploads, overload, cores = [] } = result;
  const decoded = (name) => decode.find(({ image }) => image === name);
  const pixelsOf = (name) => pixels.find(({ photo }) => photo === name);
  const [one, ...more] = cores;
  const perCore = more.map(({ cores: count, requestsPerSecond }) =>
    ratio(requestsPerSecond / count, one?.requestsPerSecond),
  );
  const atMost = (what, value, bound) => ({ what, value, bound, atLeast: false });
  const atLeast = (what, value, bound) => ({ what, value, bound, atLeast: true });
  return [
    atMost(
      "MobileNetV2 1.4, 1 client: p50 over the floor's p50 + native decode and resize",
      ratio(v2(SERVICE, 1)?.medianMs, sum(v2.floor(1)?.medianMs, v2("native-decode", 1)?.medianMs)),
      1.15,
    ),
    atLeast(
      "MobileNetV2 1.4, 8 clients: throughput over cores / (the floor's CPU + native decode and resize CPU)",
      ratio(v2(SERVICE, 8)?.requestsPerSecond, allowedPerSecond(result, v2)),
      0.9,
    ),
    atLeast("MobileNetV1 0.25, 8 clients: throughput over Flask + TensorFlow", v1.throughput("flask"), 3),
    atLeast("MobileNetV1 0.25, 8 clients: throughput over Express + onnxruntime", v1.throughput("express-onnx"), 1.7),
    atLeast("MobileNetV2 1.4, 8 clients: throughput over Flask + TensorFlow", v2.throughput("flask"), 1.25),
    atLeast("MobileNetV2 1.4, 8 clients: throughput over Express + onnxruntime", v2.throughput("express-onnx"), 1.25),
    atMost("MobileNetV2 1.4, 1 client: p50 over Flask + TensorFlow", v2.latency("flask"), 0.5),
    atMost("MobileNetV2 1.4, 1 client: p50 over Express + onnxruntime", v2.latency("express-onnx"), 0.95),
    atMost(
      "On ONNX Runtime, MobileNetV2 1.4, 1 client: p50 over Express + onnxruntime",
      v2.latency("express-onnx", ON_ONNX),
      0.85,
    ),
    atMost(
      "On ONNX Runtime, MobileNetV2 1.4, 1 client: p50 over Flask + TensorFlow",
      v2.latency("flask", ON_ONNX),
      0.55,
    ),
    ...[
      ["MobileNetV2 1.4", v2, 1.6, 1.8],
      ["MobileNetV1 0.25", v1, 2, 2.2],
    ].flatMap(([name, graph, overOnnx, overFlask]) => [
      atLeast(
        `On ONNX Runtime, ${name}, 8 clients: throughput over Express + onnxruntime`,
        graph.throughput("express-onnx", ON_ONNX),
        overOnnx,
      ),
      atLeast(
        `On ONNX Runtime, ${name}, 8 clients: throughput over Flask + TensorFlow`,
        graph.throughput("flask", ON_ONNX),
        overFlask,
      ),
    ]),
    atMost(
      "On ONNX Runtime, MobileNetV2 1.4, 1 client: p50 over its own run on all cores + native decode and resize",
      ratio(v2(ON_ONNX, 1)?.medianMs, sum(v2("onnx-floor", 1)?.medianMs, v2("native-decode", 1)?.medianMs)),
      1.25,
    ),
    atMost(
      "On ONNX Runtime, a 24 MB graph never seen: last byte to answer, over the same on libtensorflow",
      ratio(uploads?.onnxColdMs, uploads?.coldMs),
      0.6,
    ),
    atLeast(
      "MobileNetV2 1.4, 1 client: p50 of the one-shot form over the service's",
      ratio(v2("one-shot", 1)?.medianMs, v2(SERVICE, 1)?.medianMs),
      40,
    ),
    ...[
      ["400x300", 0.8],
      ["517x606", 1],
      ["4000x3000", 1.5],
    ].map(([name, bound]) =>
      atMost(
        `Decode and resize in WebAssembly over sharp, ${name}`,
        ratio(decoded(name)?.wasmMs, decoded(name)?.sharpMs),
        bound,
      ),
    ),
    ...["models/samples", "4000x3000"].map((name) =>
      atMost(
        `Pixels by the Open Inference Protocol: p50 over that of \`/infer\` less its decoding, ${name}`,
        ratio(pixelsOf(name)?.pixelsMs, pixelsOf(name)?.inferLessDecodeMs),
        1,
      ),
    ),
    atMost(
      "A 24 MB graph never seen: last byte to answer, over import + first run with the optimiser off",
      ratio(uploads?.coldMs, uploads?.floorColdMs),
      1.1,
    ),
    atMost(
      "The same graph again, from its last byte, over a zoo model",
      ratio(uploads?.repeatFromLastByteMs, uploads?.zooMs),
      1.2,
    ),
    atMost("The same graph by `model_sha256`, over a zoo model", ratio(uploads?.byHashMs, uploads?.zooMs), 1.2),
    atLeast(
      "32 clients: throughput over the peak (8 clients)",
      ratio(overload?.manyPerSecond, overload?.peakPerSecond),
      0.95,
    ),
    atLeast(
      "Twice the peak's rate offered: goodput over the peak",
      ratio(overload?.goodputPerSecond, overload?.peakPerSecond),
      0.95,
    ),
    atMost(
      "Twice the peak's rate offered: p99 of accepted requests over the time for a full queue",
      ratio(overload?.acceptedP99Ms, overload?.queueBoundMs),
      1.25,
    ),
    atMost("Event-loop delay p99 at 8 clients, ms", overload?.eventLoopDelayP99Ms, 10),
    atLeast("Throughput per core on all cores over one", perCore.length === 0 ? undefined : Math.min(...perCore), 0.9),
  ];
}

/** Whether a goal is met; undefined where it was not measured. */
export function isMet({ value, bound, atLeast }) {
  if (value === undefined) return undefined;
  return atLeast ? value >= bound : value <= bound;
}

/** Requests per second that the cores allow when nothing but the run, the decoding and the resizing costs anything. */
export function allowedPerSecond({ machine }, graph) {
  const floor = graph.floor(8);
  const native = graph("native-decode", 8);
  const cpuMs = sum(floor?.cpuMsPerRequest, native?.cpuMsPerRequest);
  return cpuMs === undefined ? undefined : (1000 * machine.cores) / cpuMs;
}

/** Reads the rows of one graph: by contender and clients, the best floor, and the service against another. */
export function lookUp(result, id) {
  const rows = (result.graphs.find((graph) => graph.id === id)?.rows ?? []).filter(({ image }) => image === IMAGE);
  const row = (contender, clientCount) =>
    rows.find((candidate) => candidate.contender === contender && candidate.clientCount === clientCount);
  return Object.assign(row, {
    floor: (clientCount) => bestFloor(rows, clientCount),
    throughput: (other, own = SERVICE) => ratio(row(own, 8)?.requestsPerSecond, row(other, 8)?.requestsPerSecond),
    latency: (other, own = SERVICE) => ratio(row(own, 1)?.medianMs, row(other, 1)?.medianMs),
  });
}

/** The floor with the lowest median for one client, with the highest throughput for more. */
export function bestFloor(rows, clientCount) {
  const floors = rows.filter((row) => row.contender.startsWith("floor") && row.clientCount === clientCount);
  const better = (one, other) =>
    clientCount === 1 ? one.medianMs < other.medianMs : one.requestsPerSecond > other.requestsPerSecond;
  return floors.reduce((best, floor) => (best === undefined || better(floor, best) ? floor : best), undefined);
}

function ratio(over, under) {
  return over === undefined || under === undefined ? undefined : over / under;
}

function sum(one, other) {
  return one === undefined || other === undefined ? undefined : one + other;
}
