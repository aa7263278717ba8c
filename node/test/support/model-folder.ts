/** A model's folder that lacks nothing, for tests that take something away. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { COLOURS, meanColourGraph } from "./graph-def.js";
import { solidPng } from "./png.js";

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

export const CARD = ["Accuracy", "Data", "Limits", "Not for"].map((name) => `## ${name}\n\nIt is said.\n`).join("\n");

/** What the colour model answers for a photo of one colour: the softmax of 1, 0 and 0. */
const [FIRST, OTHER] = [Math.E / (Math.E + 2), 1 / (Math.E + 2)];

export type Json = Record<string, unknown>;

export interface FolderFiles {
  manifest: Json & { graph: Json; labels: Json; input: Json; output: Json };
  golden: Json & { cases: { image: string; top: Json[]; input_sha256: string | null }[] };
  files: Record<string, Uint8Array | string>;
}

/** The files of a model that tells red, green and blue apart. */
export function colourFolder(id: string): FolderFiles {
  const graph = meanColourGraph();
  const labels = COLOURS.toString().trim().split("\n");
  return {
    manifest: {
      schema: 1,
      id,
      version: "1",
      title: "Colours",
      description: "Tells red, green and blue apart.",
      licence: "Apache-2.0",
      graph: { file: "graph.pb", bytes: graph.length, sha256: sha256(graph) },
      labels: { file: "labels.txt", sha256: sha256(COLOURS) },
      input: { tensor: "input", dtype: "float32", width: 8, height: 8, channels: 3, mean: [0], std: [255] },
      output: { tensor: "probabilities", kind: "softmax", classes: 3 },
    },
    golden: {
      tolerance: 0.02,
      cases: [
        {
          image: "red.png",
          top: labels.map((label, index) => ({ label, index, probability: index === 0 ? FIRST : OTHER })),
          input_sha256: null,
        },
      ],
    },
    files: {
      "graph.pb": graph,
      "labels.txt": COLOURS,
      "red.png": solidPng(64, 48, [255, 0, 0]),
      "MODEL.md": CARD,
      LICENSE: "Apache License",
    },
  };
}

/** Puts other files in place of the two, with their SHA-256 in the manifest. */
export function replaceFiles(
  { manifest, files }: FolderFiles,
  { graph, labels }: { graph?: Uint8Array | string; labels?: string },
): void {
  if (graph !== undefined) {
    files["graph.pb"] = graph;
    Object.assign(manifest.graph, { bytes: graph.length, sha256: sha256(graph) });
  }
  if (labels !== undefined) {
    files["labels.txt"] = labels;
    Object.assign(manifest.labels, { sha256: sha256(labels) });
  }
}

export async function writeFolder(
  zoo: string,
  folder: string,
  { manifest, golden, files }: FolderFiles,
): Promise<void> {
  const dir = join(zoo, folder);
  await mkdir(dir, { recursive: true });
  const all = { "manifest.json": JSON.stringify(manifest), "golden.json": JSON.stringify(golden), ...files };
  for (const [name, content] of Object.entries(all)) await writeFile(join(dir, name), content);
}
