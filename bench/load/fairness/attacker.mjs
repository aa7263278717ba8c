/** One attack as a process: `attacker.mjs NAME PORT GRPC_PORT ADDRESS IMAGES_DIR`, until its stdin closes. */
import { readdirSync, readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join, parse } from "node:path";
import { ROOT } from "../service.mjs";
import { ATTACKS } from "./attacks.mjs";

const [name, port, grpcPort, from, imagesDir] = process.argv.slice(2);
// An attacker has a machine of its own: what this one costs is not to be the service's.
setPriority(constants.priority.PRIORITY_LOW);

let over = false;
process.stdin.on("end", () => {
  over = true;
  // What is still on its way is let go.
  setTimeout(() => process.exit(0), 500);
});
process.stdin.resume();

const worst = Object.fromEntries(
  readdirSync(imagesDir).map((file) => [parse(file).name, readFileSync(join(imagesDir, file))]),
);
await ATTACKS[name].run({
  port: Number(port),
  grpcPort: Number(grpcPort),
  from,
  isOver: () => over,
  photo: readFileSync(join(ROOT, "models/samples/daisy-1.jpg")),
  worst,
});
