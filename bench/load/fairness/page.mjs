/** What `run.mjs` shows of its rows: a table, and docs/fairness.md. */
import { readConfig } from "../../../node/dist/config.js";

/** @typedef {import("./run.mjs").Row} Row */

/** Memory is given back in the two seconds after the last request, and once more after seven (`collect-garbage.ts`). */
export const GIVEN_BACK_MS = 2500;
/** V8 keeps the room for new objects until little has happened for a while. */
export const GIVEN_BACK_MS_MAX = 10_000;
const MIB = 2 ** 20;

export const mib = (bytes) => `${Math.round(bytes / MIB)} MiB`;

/**
 * Of one image in WebAssembly (docs/worst-images.md): for a pixel, for a byte of its file, for tables; and of an instance.
 * Beside it, for a pixel of a photo that is handed out to be kept.
 */
const IMAGE_BYTES = { pixel: 24, fileByte: 4, tables: 36 * MIB, most: 1024 * MIB, photoPixel: 3 };
/** A connection's buffers in Node, in bytes: 64 KiB that are read at once, and as much that is not written yet. */
const CONNECTION_BYTES = 128 * 1024;

/**
 * What the limits let the service take beyond what it has at rest, in bytes: bodies, photos in the making and answers;
 * graphs and images that are kept; what is known of jobs of teaching; the images of the threads that take heavy ones, and what the other thread keeps; connections.
 * @param {import("../../../node/dist/config.js").Config} config
 */
export function rssRoomOf(config) {
  const image = IMAGE_BYTES.pixel * config.imagePixelsMax + IMAGE_BYTES.fileByte * config.imageBytesMax;
  return (
    config.uploadsHeldBytesMax +
    config.uploadedGraphsBytesMax +
    config.imagesKeptBytesMax +
    config.teachMemoryBytesMax +
    Math.max(1, config.workerThreads - 1) *
      (Math.min(IMAGE_BYTES.most, image + IMAGE_BYTES.tables) + IMAGE_BYTES.photoPixel * config.imagePixelsMax) +
    config.workerMemoryBytesKeptMax +
    CONNECTION_BYTES * config.connectionsMax
  );
}

/** @param {import("./honest.mjs").Outcome} outcome */
export function shareWithin({ times }, ms) {
  return times.filter((time) => time <= ms).length / Math.max(1, times.length);
}

/** @param {readonly Row[]} rows */
export function renderTable(rows) {
  const ms = (value) => value.toFixed(1);
  return [
    "| attack | from | alone p50, p99 | beside p50, p99 | p99 ratio | within 2 p50 | answered | failed | RSS before, after | most |",
    "|---|---|---|---|---:|---:|---:|---|---|---:|",
    ...rows.map(({ title, isSameAddress, alone, beside, before, after, peakBytes }) =>
      [
        "",
        title,
        isSameAddress ? "the same address" : "another address",
        `${ms(alone.p50)}, ${ms(alone.p99)} ms`,
        `${ms(beside.p50)}, ${ms(beside.p99)} ms`,
        (beside.p99 / alone.p99).toFixed(1),
        `${Math.round(100 * shareWithin(beside, 2 * alone.p50))} %`,
        beside.times.length,
        Object.entries(beside.failed)
          .map(([code, count]) => `${count} \`${code}\``)
          .join(", ") || "0",
        `${Math.round(before.rssBytes / MIB)}, ${Math.round(after.rssBytes / MIB)} MiB`,
        `${Math.round(peakBytes / MIB)} MiB`,
        "",
      ]
        .join(" | ")
        .trim(),
    ),
  ].join("\n");
}

/** @param {import("./run.mjs").Measured} measured */
export function renderPage({ rows, seconds, serviceCoreCount, partCount, machine }, complaints) {
  const clients =
    serviceCoreCount === null
      ? `The attackers would be on other machines: they run where nothing else would (SCHED_IDLE), so that the rows tell of the service,
which runs as ever.`
      : `Clients and attackers run on other cores
than the service, as they would on other machines${partCount === 1 ? "" : `; ${partCount} such services were measured side by side`}.`;
  return `# Fair shares, measured

Written by \`node bench/load/fairness/run.mjs --write\`. One honest client asks the default model, a photo each 50 ms, first
alone and then beside the attack, ${seconds} seconds each. The service has its default settings.
${clients} "Within 2 p50" is the share of the answers beside the attack that
came within twice the p50 alone. RSS is that of the service without its engines, which stood all attacks once before, so
that its heap and its caches are those of a service in use; it is read ${GIVEN_BACK_MS / 1000} seconds after the last request, or up to ${GIVEN_BACK_MS_MAX / 1000} where it
is more than before, since some memory is given back only after a longer rest.

${renderTable(rows)}

What is asked of it: p99 at most 3 times that alone (10 from the same address), 95 of 100 within twice the p50, at most one
failure in a thousand. What did not hold in this run:

${complaints.map((complaint) => `- ${complaint}`).join("\n") || "- nothing"}

## Memory

With these settings the limits let the service take ${mib(rssRoomOf(readConfig({})))} beyond what it has at rest:

    UPLOADS_HELD_BYTES_MAX + UPLOADED_GRAPHS_BYTES_MAX + IMAGES_KEPT_BYTES_MAX + TEACH_MEMORY_BYTES_MAX
    + (WORKER_THREADS - 1) x (min(1 GiB, 24 x IMAGE_PIXELS_MAX + 4 x IMAGE_BYTES_MAX + 36 MiB) + 3 x IMAGE_PIXELS_MAX)
    + WORKER_MEMORY_BYTES_KEPT_MAX + 128 KiB x CONNECTIONS_MAX

The factors of an image are those of [worst-images.md](worst-images.md); one thread takes small images alone. Engines have
\`ENGINE_MEMORY_BYTES_MAX\` each and \`MODELS_MEMORY_BYTES_MAX\` together. Where memory is short, lower IMAGE_PIXELS_MAX first.

${machine.cpu}, ${serviceCoreCount === null ? `${machine.cores} cores, which the clients share` : `${serviceCoreCount} cores for the service`}; Node ${machine.node}; ${machine.date}, commit ${machine.commit}; load average at the end ${machine.loadAverage.toFixed(1)}.
`;
}
