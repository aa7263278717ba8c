/** The 95 % interval of a share (Wilson 1927). */
export function wilson(right: number, n: number): [number, number] {
  const z = 1.959964;
  const p = right / n;
  const scale = 1 + z ** 2 / n;
  const middle = (p + z ** 2 / (2 * n)) / scale;
  const half = (z / scale) * Math.sqrt((p * (1 - p)) / n + (z / n) ** 2 / 4);
  return [middle - half, middle + half];
}
