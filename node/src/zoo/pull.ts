/** Listed models, fetched into the zoo. */
import { join } from "node:path";
import { AppError } from "../errors.js";
import type { Manifest } from "../generated/contract.js";
import { writeDurably } from "../models/durable-file.js";
import { type FetchedFile, type FetchOptions, fetchModel } from "../models/fetch-model.js";
import { MANIFEST_FILE, openFileZoo } from "../models/file-zoo.js";

export interface Pulled {
  readonly id: string;
  readonly folder: string;
  readonly files: readonly FetchedFile[];
  /** The manifest that a SHA-256 was recorded in; null where all were known. */
  readonly recorded: string | null;
}

/**
 * Fetches the files of a listed model. Its folder has a manifest of its own then, which stands for the list's and holds
 * the SHA-256 that were not known.
 * @throws AppError `model_unknown`, and as `fetchModel`.
 */
export async function pullModel(dir: string, id: string, options: FetchOptions): Promise<Pulled> {
  const zoo = await openFileZoo(dir, () => {});
  const model = zoo.find(id);
  await zoo.close();
  if (model === undefined) {
    throw new AppError(
      "model_unknown",
      `There is no model ${id} in ${dir}; \`menagerie list\` shows those that there are.`,
    );
  }
  return await pullManifest(dir, model.manifest, options);
}

/** As `pullModel`, of a model whose manifest is known. @throws AppError as `fetchModel`. */
export async function pullManifest(dir: string, manifest: Manifest, options: FetchOptions): Promise<Pulled> {
  const { id } = manifest;
  const files = await fetchModel(manifest, dir, options);
  const folder = join(dir, id);
  const path = join(folder, MANIFEST_FILE);
  await writeDurably(path, `${JSON.stringify(withHashes(manifest, files), null, 2)}\n`);
  return { id, folder, files, recorded: files.every(({ verified }) => verified) ? null : path };
}

function withHashes(manifest: Manifest, files: readonly FetchedFile[]): Manifest {
  const of = (name: string) => files.find(({ file }) => file === name);
  const graph = of(manifest.graph.file);
  const { labels } = manifest;
  return {
    ...manifest,
    graph: { ...manifest.graph, bytes: graph?.bytes ?? null, sha256: graph?.sha256 ?? null },
    ...(labels !== undefined && { labels: { ...labels, sha256: of(labels.file)?.sha256 ?? labels.sha256 } }),
  };
}
