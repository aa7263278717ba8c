/**
 * From latencies to the numbers on the page.
 */

/** The value below which the share `rank` (0–1) of the sorted values lies, by the nearest-rank method. */
export function percentile(sorted, rank) {
  return sorted[Math.max(0, Math.ceil(rank * sorted.length) - 1)];
}

/**
 * Takes all slices of one contender together.
 * @param {{latenciesMs: number[], wallMs: number, cpuSeconds: number}[]} slices
 */
export function summarise(slices) {
  const sorted = slices.flatMap(({ latenciesMs }) => latenciesMs).sort((one, other) => one - other);
  const wallSeconds = sum(slices.map(({ wallMs }) => wallMs)) / 1000;
  return {
    requestCount: sorted.length,
    medianMs: percentile(sorted, 0.5),
    p90Ms: percentile(sorted, 0.9),
    p99Ms: percentile(sorted, 0.99),
    requestsPerSecond: sorted.length / wallSeconds,
    cpuMsPerRequest: (1000 * sum(slices.map(({ cpuSeconds }) => cpuSeconds))) / sorted.length,
  };
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
