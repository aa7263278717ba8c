/** One attack as a process: `attacker.mjs NAME PORT GRPC_PORT ADDRESS IMAGES_DIR`, until its stdin closes. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join, parse } from "node:path";
import { ROOT } from "../service.mjs";
import { ATTACKS } from "./attacks.mjs";

const [name, port, grpcPort, from, imagesDir] = process.argv.slice(2);
stepAside();

let over = false;
process.stdin.on("end", () => {
  over = true;
  // What is still on its way is let go.
  setTimeout(() => process.exit(0), 500);
});
process.stdin.resume();

const FLOWERS = /^(daisy|dandelion|roses|sunflowers|tulips)/;
const samplesDir = join(ROOT, "models/samples");
const samples = readdirSync(samplesDir)
  .filter((file) => file.endsWith(".jpg"))
  .map((file) => ({ label: FLOWERS.test(file) ? "flower" : "waste", content: readFileSync(join(samplesDir, file)) }));
const worst = Object.fromEntries(
  readdirSync(imagesDir).map((file) => [parse(file).name, readFileSync(join(imagesDir, file))]),
);
await ATTACKS[name].run({
  port: Number(port),
  grpcPort: Number(grpcPort),
  from,
  isOver: () => over,
  photo: readFileSync(join(samplesDir, "daisy-1.jpg")),
  samples,
  worst,
});

/**
 * An attacker has a machine of its own: what this one costs is not to be the service's. So it runs where nothing else
 * would (SCHED_IDLE, sched(7)), or at the lowest priority where there is no such thing.
 */
function stepAside() {
  try {
    execFileSync("chrt", ["--all-tasks", "--idle", "--pid", "0", String(process.pid)], { stdio: "ignore" });
  } catch {
    setPriority(constants.priority.PRIORITY_LOW);
  }
}
