/**
 * Builds the page into node/web/dist: one script and its worker, one style sheet, one document, one icon, and the
 * WebAssembly that the worker reads graphs with; beside each its compressed form. Run it with `--watch`, which leaves
 * those out, while working on the page.
 */
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { build, context } from "esbuild";

const here = new URL(".", import.meta.url);
const dist = new URL("dist/", here);

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
for (const file of ["index.html", "favicon.svg"]) {
  await copyFile(new URL(file, here), new URL(file, dist));
}

for (const file of ["menagerie_wasm.js", "menagerie_wasm_bg.wasm"]) {
  await copyFile(new URL(`../../wasm/pkg-web/${file}`, here), new URL(file, dist));
}

const options = {
  absWorkingDir: fileURLToPath(here),
  entryPoints: ["src/main.tsx", "src/classify/own/graph-reader.ts", "style.css"],
  outdir: "dist",
  entryNames: "[name]",
  jsx: "automatic",
  jsxImportSource: "preact",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
  logLevel: "warning",
};

if (process.argv.includes("--watch")) {
  await (await context(options)).watch();
} else {
  await build(options);
  for (const file of await readdir(dist)) {
    const compressed = await promisify(gzip)(await readFile(new URL(file, dist)), {
      level: constants.Z_BEST_COMPRESSION,
    });
    await writeFile(new URL(`${file}.gz`, dist), compressed);
  }
}
