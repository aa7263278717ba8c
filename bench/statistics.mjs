/**
 * From latencies to the numbers on the page.
 */

/** The value below which the share `rank` (0–1) of the sorted values lies, by the nearest-rank method. */
export function percentile(sorted, rank) {
  return sorted[Math.max(0, Math.ceil(rank * sorted.length) - 1)];
}

/** The middle value. */
export function median(values) {
  return percentile(
    [...values].sort((one, other) => one - other),
    0.5,
  );
}

/**
 * Takes all slices of one contender together.
 * @param {{latenciesMs: number[], wallMs: number, cpuSeconds: number, askingSeconds: number}[]} slices `cpuSeconds` is
 *   what the contender spent, `askingSeconds` what the program that asks it did
 */
export function summarise(slices) {
  const sorted = slices.flatMap(({ latenciesMs }) => latenciesMs).sort((one, other) => one - other);
  const wallSeconds = sum(slices.map(({ wallMs }) => wallMs)) / 1000;
  const perRequest = (seconds) => (1000 * sum(seconds)) / sorted.length;
  return {
    requestCount: sorted.length,
    medianMs: percentile(sorted, 0.5),
    p90Ms: percentile(sorted, 0.9),
    p99Ms: percentile(sorted, 0.99),
    requestsPerSecond: sorted.length / wallSeconds,
    cpuMsPerRequest: perRequest(slices.map(({ cpuSeconds }) => cpuSeconds)),
    askingMsPerRequest: perRequest(slices.map(({ askingSeconds }) => askingSeconds)),
  };
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
