/**
 * Builds the page into node/web/dist: its script, the parts of it that come when they are wanted, its workers, one style sheet, one document, one icon, and the
 * WebAssembly that they read graphs and photos with; the viewer of `/openapi.json`, which is Swagger UI as it comes; the
 * clients for programs, which the service hands out; beside each its compressed form, which stands alone for large files.
 * Run it with `--watch`, which compresses nothing, while working on the page.
 */
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import { build, context } from "esbuild";

const here = new URL(".", import.meta.url);
const dist = new URL("dist/", here);

/** Larger files would weigh most of the package; `front/serve-page.ts` unpacks them for whoever takes no gzip. */
const PLAIN_BYTES_MAX = 1_000_000;

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
for (const file of ["index.html", "docs.html", "favicon.svg"]) {
  await copyFile(new URL(file, here), new URL(file, dist));
}

for (const file of ["menagerie_wasm.js", "menagerie_wasm_bg.wasm"]) {
  await copyFile(new URL(`../../wasm/pkg-web/${file}`, here), new URL(file, dist));
}

const runtime = dirname(fileURLToPath(import.meta.resolve("onnxruntime-web/wasm")));
const RUNTIME_FILE = "ort-wasm-simd-threaded.wasm";
await copyFile(join(runtime, RUNTIME_FILE), new URL(RUNTIME_FILE, dist));

await copyFile(new URL("../clients/menagerie_client.py", here), new URL("menagerie_client.py", dist));

const viewer = dirname(fileURLToPath(import.meta.resolve("swagger-ui-dist/package.json")));
await mkdir(new URL("docs-viewer/", dist));
for (const file of ["swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"]) {
  await copyFile(join(viewer, file), new URL(`docs-viewer/${file}`, dist));
}
await copyFile(new URL("docs-viewer.js", here), new URL("docs-viewer/start.js", dist));

const options = {
  absWorkingDir: fileURLToPath(here),
  entryPoints: {
    "graph-reader": "src/classify/own/graph-reader.ts",
    "model-runner": "src/classify/here/model-runner.ts",
    "pixel-maker": "src/classify/light/pixel-maker.ts",
    style: "style.css",
    "menagerie-client": "../src/client/index.ts",
  },
  outdir: "dist",
  jsx: "automatic",
  jsxImportSource: "preact",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
  logLevel: "warning",
};

const { entryPoints: _, ...shared } = options;
const page = { ...shared, entryPoints: { main: "src/main.tsx" }, splitting: true, metafile: true };

if (process.argv.includes("--watch")) {
  for (const each of [options, page]) await (await context(each)).watch();
} else {
  await build(options);
  await preloadParts((await build(page)).metafile);
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const compressed = await promisify(gzip)(await readFile(file), {
      level: constants.Z_BEST_COMPRESSION,
    });
    await writeFile(`${file}.gz`, compressed);
    if ((await stat(file)).size > PLAIN_BYTES_MAX) await rm(file);
  }
}

/**
 * Names in the document the parts that the script begins with, so that they come together with it.
 * @param {import("esbuild").Metafile} metafile
 */
async function preloadParts({ outputs }) {
  const parts = (outputs["dist/main.js"]?.imports ?? []).filter(({ kind }) => kind === "import-statement");
  const links = parts.map(({ path }) => `<link rel="modulepreload" href="${path.replace("dist/", "")}">\n`);
  const file = new URL("index.html", dist);
  const document = await readFile(file, "utf8");
  await writeFile(file, document.replace("<script ", `${links.join("")}<script `));
}
