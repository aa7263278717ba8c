/** docs/image.md, from what was measured. */
import { availableParallelism, cpus, loadavg } from "node:os";

/** Less is none of a part that the other form has. */
const BYTES_SHOWN_MIN = 500_000;

const mb = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(0);

/**
 * @param {object} measured
 * @param {readonly { what: string, bytes: number }[]} measured.weights
 * @param {readonly import("./tries.mjs").Try[]} measured.tries
 * @param {number} measured.buildSeconds
 * @param {{ name: string, runtime: string, bytesMax: number }} measured.form
 */
export function page({ weights, tries, buildSeconds, form }) {
  const isSlim = form.name === "slim";
  const processor = (cpus()[0]?.model ?? "unknown").replace(/ +\d.*$/, "");
  const rows = weights
    .filter(({ bytes }) => bytes >= BYTES_SHOWN_MIN)
    .map(({ what, bytes }) => `| ${what} | ${mb(bytes)} |`);
  const sum = weights.reduce((total, { bytes }) => total + bytes, 0);
  const base = isSlim
    ? "of the libraries of Debian alone, without a shell, and of npm's packages"
    : "made of\nDebian's packages and npm's";
  return `# The image${isSlim ? " with ONNX Runtime alone" : ""}, built and run

Written by \`node scripts/image.mjs${isSlim ? " --slim" : ""} --write\` on ${new Date().toISOString().slice(0, 10)}: the Dockerfile with \`RUNTIME=${form.runtime}\`, built by buildah on images ${base}, and run by runc as its own user with a read-only root, no capabilities, no new privileges
and 64 KiB of /dev/shm. ${availableParallelism()} cores (${processor}); load average ${(loadavg()[1] ?? 0).toFixed(1)} over the last five minutes, other work included.

The build took ${Math.round(buildSeconds)} s, every cache empty; to make the images that it begins with is not counted.

| part | MB |
|---|---:|
${rows.join("\n")}
| together (at most ${mb(form.bytesMax)}) | ${mb(sum)} |

| tried | seen |
|---|---|
${tries.map(({ what, seen, problem }) => `| ${what} | ${problem === null ? seen : `**failed**: ${problem}`} |`).join("\n")}
`;
}
