/** `npm run generate`: writes the files that are made from others, and names those that changed. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT_DIR } from "./setup/paths.mjs";
import { buildEnvironment } from "./setup/tools.mjs";
import { main, setUp } from "./setup.mjs";
import { withZooTable } from "./zoo-table.mjs";

const CONTRACT = [
  "node/src/generated/contract.ts",
  "node/src/generated/contract-schema.ts",
  "models/manifest.schema.json",
];

const API_TYPES = "node/src/generated/api.ts";

const ZOO_PAGE = "models/README.md";

/** Every file in the repository that a program wrote, whole or in part. */
export const GENERATED = [...CONTRACT, API_TYPES, ZOO_PAGE, "native/addon/index.js", "native/addon/index.d.ts"];

/**
 * The TypeScript types and constants of the contract, its JSON schemas, and that of `manifest.json`; the types of the
 * calls, which are made of those; the table of the zoo; the door of the addon is written by its build.
 */
export function generate() {
  const options = { cwd: ROOT_DIR, env: buildEnvironment() };
  const dir = mkdtempSync(join(tmpdir(), "menagerie-generate-"));
  try {
    const raw = CONTRACT.map((path) => join(dir, basename(path)));
    const generator = ["run", "--quiet", "--package", "menagerie-contract", "--features", "typescript"];
    execFileSync("cargo", [...generator, "--bin", "generate-contract", "--", ...raw], { ...options, stdio: "inherit" });
    const write = (/** @type {string} */ path, /** @type {Buffer} */ input) => {
      const formatter = ["format", `--stdin-file-path=${basename(path)}`];
      writeFileSync(join(ROOT_DIR, path), execFileSync("biome", formatter, { ...options, input }));
    };
    for (const [index, path] of CONTRACT.entries()) write(path, readFileSync(String(raw[index])));
    write(API_TYPES, execFileSync(process.execPath, [join(ROOT_DIR, "scripts/api-types.mjs")], options));
  } finally {
    rmSync(dir, { recursive: true });
  }
  const page = join(ROOT_DIR, ZOO_PAGE);
  writeFileSync(page, withZooTable(readFileSync(page, "utf8"), join(ROOT_DIR, "models")));
}

/** @returns {Map<string, string>} the generated files as they are */
export function readGenerated() {
  return new Map(GENERATED.map((path) => [path, readFileSync(join(ROOT_DIR, path), "utf8")]));
}

/**
 * @param {ReturnType<typeof readGenerated>} before
 * @returns {string[]}
 */
export function changedSince(before) {
  return GENERATED.filter((path) => readFileSync(join(ROOT_DIR, path), "utf8") !== before.get(path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const before = readGenerated();
    await setUp(["npm packages", "engine"]);
    generate();
    console.log(
      changedSince(before)
        .map((path) => `${path} changed`)
        .join("\n") || "Nothing changed.",
    );
  });
}
