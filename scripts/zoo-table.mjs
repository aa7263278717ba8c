/** The table of models/README.md, made of the manifests. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const HEAD = [
  "| model | version | title | classes | pixels | top-1 | graph | licence |",
  "|---|---|---|---|---|---|---|---|",
];
const BEGIN = "<!-- table: npm run generate -->\n";
const END = "<!-- end of table -->";

/** @typedef {{ id: string, version: string, title: string, licence: string, graph: { bytes: number | null }, input: { width?: number, height?: number }, output: { classes?: number }, accuracy?: { top1: number, photos: number }, source?: object }} Manifest */

/**
 * @param {string} page the page as it is
 * @param {string} dir the zoo's folder
 * @returns {string} the page with the table of the models that are there now
 */
export function withZooTable(page, dir) {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`models/README.md has no ${BEGIN.trim()} … ${END}`);
  const listed = /** @type {{ models: Manifest[] }} */ (readJson(join(dir, "imagenet.json"))).models;
  const own = foldersOf(dir).map((folder) => ({
    folder,
    manifest: /** @type {Manifest} */ (readJson(join(dir, folder, "manifest.json"))),
  }));
  // What was pulled stands in the list.
  const kept = own.filter(({ manifest }) => manifest.source === undefined);
  const rows = [
    ...kept.map(({ manifest, folder }) => rowOf(manifest, folder)),
    ...listed.map((manifest) => rowOf(manifest, null)),
  ];
  return `${before}${BEGIN}${[...HEAD, ...rows, ""].join("\n")}${END}${after}`;
}

/**
 * @param {string} dir
 * @returns {string[]} the folders that hold a manifest, below the zoo's
 */
function foldersOf(dir) {
  const below = (/** @type {string} */ folder) =>
    readdirSync(join(dir, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name));
  const isModel = (/** @type {string} */ folder) => existsSync(join(dir, folder, "manifest.json"));
  return below("")
    .flatMap((folder) => (isModel(folder) ? [folder] : below(folder).filter(isModel)))
    .sort();
}

/**
 * @param {Manifest} manifest
 * @param {string | null} folder null where it is fetched
 */
function rowOf({ id, version, title, licence, graph, input, output, accuracy }, folder) {
  const known = (/** @type {unknown} */ value) => (value === undefined ? "detected" : String(value));
  const cells = [
    folder === null ? `\`${id}\` (\`pull\`)` : `[\`${id}\`](${folder}/MODEL.md)`,
    version,
    title,
    known(output.classes),
    `${known(input.width)} × ${known(input.height)}`,
    accuracy === undefined ? "" : `${(100 * accuracy.top1).toFixed(1)} % of ${accuracy.photos}`,
    graph.bytes === null ? "" : `${(graph.bytes / 1e6).toFixed(1)} MB`,
    licence,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}
