/** docs/image.md, from what was measured. */
import { availableParallelism, cpus, loadavg } from "node:os";

const mb = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(0);

/**
 * @param {object} measured
 * @param {readonly { what: string, bytes: number }[]} measured.weights
 * @param {readonly import("./tries.mjs").Try[]} measured.tries
 * @param {number} measured.buildSeconds
 * @param {number} measured.bytesMax
 */
export function page({ weights, tries, buildSeconds, bytesMax }) {
  const processor = (cpus()[0]?.model ?? "unknown").replace(/ +\d.*$/, "");
  const rows = weights.map(({ what, bytes }) => `| ${what} | ${mb(bytes)} |`);
  const sum = weights.reduce((total, { bytes }) => total + bytes, 0);
  return `# The image, built and run

Written by \`node scripts/image.mjs --write\` on ${new Date().toISOString().slice(0, 10)}: the Dockerfile, built by buildah on images made of
Debian's packages and npm's, and run by runc as its own user with a read-only root, no capabilities, no new privileges
and 64 KiB of /dev/shm. ${availableParallelism()} cores (${processor}); load average ${(loadavg()[1] ?? 0).toFixed(1)} over the last five minutes, other work included.

The build took ${Math.round(buildSeconds)} s, every cache empty; to make the images that it begins with is not counted.

| part | MB |
|---|---:|
${rows.join("\n")}
| together (at most ${mb(bytesMax)}) | ${mb(sum)} |

| tried | seen |
|---|---|
${tries.map(({ what, seen, problem }) => `| ${what} | ${problem === null ? seen : `**failed**: ${problem}`} |`).join("\n")}
`;
}
