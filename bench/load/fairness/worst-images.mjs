/** The worst image that is known of each format, written by `wasm/examples/worst_images`. */
import { execFileSync } from "node:child_process";
import { buildEnvironment } from "../../../scripts/setup/tools.mjs";
import { ROOT } from "../service.mjs";

/**
 * Writes `jpeg.jpg`, `progressive.jpg`, `png.png` and so on into the folder.
 * @param {string} dir
 * @param {number} seconds how long worse ones are searched for, each format; 0 writes those that are known
 */
export async function makeWorstImages(dir, seconds) {
  const args = ["run", "--release", "--quiet", "--locked", "--package", "menagerie-wasm", "--example", "worst_images"];
  execFileSync("cargo", [...args, "--", dir, String(seconds)], {
    cwd: ROOT,
    env: buildEnvironment(),
    stdio: ["ignore", "inherit", "inherit"],
  });
}
