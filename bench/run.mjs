/**
 * `npm run bench`: installs what is missing, drives every contender in turn with the same photos and graphs, and writes
 * RESULTS.md, result.json and chart.svg. With everything installed it takes about ten minutes, with --full more than half
 * an hour. It needs a C compiler and Python 3.11 to 3.13 beside what the service is built with.
 *
 *   --full                       more rounds, and every photo at every number of clients
 *   --graph v1,v2,FILE           graphs: MobileNetV1 0.25@224, MobileNetV2 1.4@224, or a file
 *   --clients 1,2,8,32           closed loops, by number of clients
 *   --rounds N --seconds S       turns of each contender, and how long one turn lasts
 *   --only ID,ID                 contenders, the floor excepted
 *   --parts load,decode,…        parts to measure: load, decode, pixels, uploads, overload, cores
 *   --dry                        print the tables, write no files
 *
 * Each contender is one file in contenders/; see contenders/README.md.
 */
import { readdir, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { main } from "../scripts/setup.mjs";
import { renderChart } from "./chart.mjs";
import { install, MADE, readCheckImage, readImages } from "./install.mjs";
import { LineProcess } from "./line-process.mjs";
import { describeMachine } from "./machine.mjs";
import { driveSlice, measureClosed, measureFixedRate, measureMemory } from "./measure.mjs";
import { renderPage, renderTables } from "./report.mjs";

const CHECK_REQUESTS = 8;
/** Compilers that work at run time take some thousand calls of a function before they spend much on it. */
const WARM_UP_MS = 3000;
const IMAGE = "517x606";
const CLIENTS_LOADED = 8;
/** Share of the service's peak at which the open loop asks. */
const FIXED_RATE_SHARE = 0.5;
const PARTS = ["load", "decode", "pixels", "uploads", "overload", "cores"];

const { values: flags } = parseArgs({
  options: {
    full: { type: "boolean", default: false },
    graph: { type: "string", default: "v1,v2" },
    clients: { type: "string", default: "1,2,8,32" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    only: { type: "string" },
    parts: { type: "string", default: PARTS.join(",") },
    dry: { type: "boolean", default: false },
  },
});
const rounds = Number(flags.rounds ?? (flags.full ? 8 : 3));
const sliceMs = 1000 * Number(flags.seconds ?? (flags.full ? 3 : 1.5));
const parts = flags.parts.split(",");

await main(async () => {
  const unknown = parts.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new Error(`there is no part ${unknown}; there are ${PARTS.join(", ")}`);
  await install();
  const result = await measureAll();
  console.log(renderTables(result));
  if (flags.dry) return;
  await writeFile(new URL("result.json", import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(new URL("RESULTS.md", import.meta.url), renderPage(result));
  await writeFile(new URL("chart.svg", import.meta.url), renderChart(result));
  process.stderr.write("written: bench/RESULTS.md, bench/result.json, bench/chart.svg\n");
});

async function measureAll() {
  // They import what install() has built.
  const { openWorkload } = await import("./workload.mjs");
  const machine = describeMachine();
  const images = await readImages();
  const result = { machine, full: flags.full, rounds, sliceMs, graphs: [] };
  let workload;
  for (const id of flags.graph.split(",")) {
    await workload?.remove();
    workload = await openWorkload(id);
    process.stderr.write(`${workload.title}\n`);
    const load = parts.includes("load") ? await measureLoad(workload, images) : undefined;
    result.graphs.push({ id: workload.id, title: workload.title, ...workload.facts, ...load });
  }
  try {
    // The rest is measured on the last graph, the largest.
    Object.assign(result, await measureParts(workload, images));
  } finally {
    await workload.remove();
  }
  return result;
}

async function measureParts(workload, images) {
  const image = images[IMAGE];
  /** @type {[string, () => Promise<unknown>][]} */
  const measures = [
    ["decode", async () => (await import("./parts/decode.mjs")).measureDecoding(workload.spec.input, images)],
    ["pixels", async () => (await import("./parts/pixels.mjs")).measurePixels(workload, images, 10 * rounds)],
    ["uploads", async () => (await import("./parts/uploads.mjs")).measureUploads(workload, image, flags.full ? 7 : 3)],
    [
      "overload",
      async () => (await import("./parts/overload.mjs")).measureOverload(workload, image, 4 * rounds, sliceMs),
    ],
    ["cores", async () => (await import("./parts/cores.mjs")).measureCores(workload, image, 2 * sliceMs)],
  ];
  const measured = {};
  for (const [part, measure] of measures) {
    if (!parts.includes(part)) continue;
    process.stderr.write(`${part}\n`);
    measured[part] = await measure();
  }
  return measured;
}

async function measureLoad(workload, images) {
  const { startFloors, startOnnxFloor } = await import("./floor.mjs");
  const contenders = await readContenders(flags.only?.split(","));
  const checkImage = await readCheckImage();
  const floor = await startFloors(workload, checkImage);
  const onnxFloor = startOnnxFloor(workload);
  const decoder = new LineProcess(MADE.drivePixelsPath, [JSON.stringify(workload.spec.input)]);
  const running = [];
  try {
    for (const { id, title, clientsMax, start } of contenders) {
      process.stderr.write(`  starting ${id}\n`);
      running.push({ id, title, clientsMax, ...(await start(workload)) });
    }
    await checkAnswers(running, floor.index, checkImage);
    for (const contestant of running) await driveSlice(contestant, images[IMAGE], CLIENTS_LOADED, WARM_UP_MS);
    const rows = [];
    const names = [IMAGE, ...Object.keys(images).filter((name) => name !== IMAGE)];
    for (const imageName of names) {
      const image = images[imageName];
      const driven = (clientCount, sliceMs) => decoder.ask(`${clientCount} ${sliceMs} ${MADE.imagePath(imageName)}`);
      const native = {
        id: "native-decode",
        title: "Native decode and resize alone",
        pids: [decoder.pid],
        drive: driven,
      };
      const isMain = imageName === IMAGE;
      const contestants = [...(isMain ? [...floor.floors, onnxFloor] : []), native, ...running];
      const counts = isMain || flags.full ? flags.clients.split(",").map(Number) : [CLIENTS_LOADED];
      for (const clientCount of counts) {
        const plan = { imageName, image, clientCount, rounds: isMain || flags.full ? rounds : 1, sliceMs };
        rows.push(...(await measureClosed(contestants, plan)));
      }
    }
    const image = images[IMAGE];
    const own = rows.filter((row) => row.contender === "service-process" && row.image === IMAGE);
    const ratePerSecond = FIXED_RATE_SHARE * Math.max(0, ...own.map((row) => row.requestsPerSecond));
    const fixedRate =
      ratePerSecond > 0 ? await measureFixedRate(running, { imageName: IMAGE, image, ratePerSecond }) : [];
    const memoryBytes = await measureMemory(running, { image, clientCount: CLIENTS_LOADED, sliceMs });
    return { rows, fixedRate, memoryBytes };
  } finally {
    await Promise.allSettled([floor, onnxFloor, decoder, ...running].map((contestant) => contestant.stop()));
  }
}

async function readContenders(only) {
  const folder = new URL("contenders/", import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith(".mjs")).sort();
  const all = await Promise.all(files.map((file) => import(new URL(file, folder).href)));
  for (const id of only ?? []) {
    if (!all.some((contender) => contender.id === id)) {
      throw new Error(`there is no contender ${id}; there are ${all.map((contender) => contender.id).join(", ")}`);
    }
  }
  return all.filter((contender) => only === undefined || only.includes(contender.id));
}

/** Contenders that do not name the same class cannot be compared. */
async function checkAnswers(contestants, floorIndex, image) {
  const answers = [{ id: "floor", index: floorIndex }];
  for (const { id, ask, clientsMax = CHECK_REQUESTS } of contestants) {
    const asked = Array.from({ length: Math.min(CHECK_REQUESTS, clientsMax) }, () => ask(image));
    for (const index of await Promise.all(asked)) answers.push({ id, index });
  }
  if (new Set(answers.map(({ index }) => index)).size > 1) {
    const list = answers.map(({ id, index }) => `${id}: ${index}`).join(", ");
    throw new Error(`the contenders name different classes, so their times say nothing (${list})`);
  }
}
