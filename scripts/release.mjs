/**
 * `npm run release`: makes what a package registry would serve, into release/: the package of the service, and one a
 * platform with the engine. Words choose some of them: `service`, or names of platforms; without words it is the service
 * and this machine's. The engine of another platform is compiled with its linker. Beside them lies what they are made of.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { packNative } from "./release/native.mjs";
import { provenance, RELEASE_DIR } from "./release/pack.mjs";
import { isOwn, platformNamed } from "./release/platforms.mjs";
import { packService } from "./release/service.mjs";
import { billOfMaterials } from "./sbom.mjs";
import { crossBuild } from "./setup/builds.mjs";
import { ROOT_DIR } from "./setup/paths.mjs";
import { SERVICE } from "./setup/steps.mjs";
import { onPath, packageCommand } from "./setup/tools.mjs";
import { main, setUp } from "./setup.mjs";

const BILL = "menagerie.cdx.json";

await main(async () => {
  const words = process.argv.slice(2);
  const wanted = words.length > 0 ? words : ["service", platformNamed(undefined).name];
  const platforms = wanted.filter((word) => word !== "service").map(platformNamed);
  await setUp(SERVICE);
  for (const platform of platforms.filter((other) => !isOwn(other))) compileFor(platform);
  const made = [...(wanted.includes("service") ? [packService()] : []), ...platforms.map(packNative)];
  const bill = `${JSON.stringify(billOfMaterials(), null, 2)}\n`;
  writeFileSync(join(RELEASE_DIR, BILL), bill);
  const sums = made.map(({ file, sha256 }) => `${sha256}  ${basename(file)}`);
  sums.push(`${createHash("sha256").update(bill).digest("hex")}  ${BILL}`);
  writeFileSync(join(RELEASE_DIR, "SHA256SUMS"), `${sums.join("\n")}\n`);
  const { commit, isClean } = provenance();
  console.log(`Of commit ${commit}${isClean ? "" : ", with changes that are not committed"}:`);
  for (const { file, bytes } of made) console.log(`  release/${basename(file)}  ${(bytes / 1e6).toFixed(1)} MB`);
  console.log(`  release/${BILL}`);
});

/** @param {import("./release/platforms.mjs").Platform} platform */
function compileFor(platform) {
  const { name, triple, linker } = platform;
  if (linker && !onPath(linker))
    throw new Error(`the linker of ${name} is missing: ${packageCommand(`gcc-${linker.replace(/-gcc$/, "")}`)}`);
  const added = spawnSync("rustup", ["target", "add", triple], { cwd: ROOT_DIR, encoding: "utf8" });
  if (added.status !== 0) throw new Error(`Rust for ${triple} cannot be had: ${added.error?.message ?? added.stderr}`);
  const { program, args, env } = crossBuild(platform);
  const { status } = spawnSync(program, args, { cwd: ROOT_DIR, env, stdio: "inherit" });
  if (status !== 0) throw new Error(`the engine for ${name} cannot be compiled`);
}
