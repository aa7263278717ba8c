/**
 * A folder that is one model rather than a zoo, as KServe's storage initialiser mounts it: a graph, with labels where
 * there are any, or what a model's folder of a zoo holds.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST_SCHEMA, type Manifest } from "../generated/contract.js";
import { namesIn } from "./folder-blobs.js";
import { parseManifest } from "./manifest.js";

const MANIFEST_FILE = "manifest.json";
const LABELS_FILE = "labels.txt";
const FALLBACK_ID = "model";

/** What a folder says of the one model that lies in it. */
export interface LoneModel {
  readonly id: string;
  /** Rejects where the model cannot be read, with what to do. */
  readManifest(): Promise<Manifest>;
}

/**
 * The model that lies in a folder itself; null where none does. It is the default, and everything that is not said is read
 * from the graph.
 * @param id its id; null: its manifest's, else `model`
 */
export async function findLoneModel(dir: string, id: string | null): Promise<LoneModel | null> {
  const names = await namesIn(dir);
  if (names.includes(MANIFEST_FILE)) return await readOwn(join(dir, MANIFEST_FILE), id);
  const graphs = names.filter((name) => name.endsWith(".pb"));
  if (graphs.length === 0) return null;
  const found = id ?? FALLBACK_ID;
  return { id: found, readManifest: async () => manifestOf(found, graphs, names) };
}

async function readOwn(path: string, id: string | null): Promise<LoneModel> {
  try {
    const json = JSON.parse(await readFile(path, "utf8")) as { id?: unknown };
    const manifest = parseManifest({ ...json, ...(id === null ? {} : { id }), default: true });
    return { id: manifest.id, readManifest: async () => manifest };
  } catch (error) {
    return { id: id ?? FALLBACK_ID, readManifest: () => Promise.reject(error) };
  }
}

function manifestOf(id: string, graphs: readonly string[], names: readonly string[]): Manifest {
  const [graph = "", ...others] = graphs;
  if (others.length > 0) {
    const list = graphs.toSorted().join(", ");
    throw new Error(`it holds several graphs (${list}): leave one, or give each a folder with a manifest.json`);
  }
  const labels = labelsAmong(names);
  return parseManifest({
    schema: MANIFEST_SCHEMA,
    id,
    version: "1",
    title: id,
    description: "",
    licence: "NOASSERTION",
    default: true,
    graph: { file: graph, bytes: null, sha256: null },
    ...(labels === undefined ? {} : { labels: { file: labels, sha256: null } }),
    input: {},
    output: {},
  });
}

function labelsAmong(names: readonly string[]): string | undefined {
  if (names.includes(LABELS_FILE)) return LABELS_FILE;
  const texts = names.filter((name) => name.endsWith(".txt"));
  if (texts.length > 1) {
    throw new Error(`it holds several texts (${texts.toSorted().join(", ")}): name the labels ${LABELS_FILE}`);
  }
  return texts[0];
}
