/** A model of the zoo whose files lie in one place: read, verified, said to be damaged. */
import { basename } from "node:path";
import { counted } from "../counted.js";
import { AppError, messageOf } from "../errors.js";
import { MANIFEST_SCHEMA, type Manifest, type Place } from "../generated/contract.js";
import type { Charge, ModelProgram, ZooModel } from "../ports.js";
import { sha256 } from "../sha256.js";
import { AwayError } from "./blobs.js";
import { checkProgram } from "./program.js";

/** What the model says of some photos: those are its samples too. */
export const GOLDEN_FILE = "golden.json";

/** Where a model's files are: a folder, or the blobs of registered models. Null stands for a file that is not there. */
export interface ModelFiles {
  get(name: string): Promise<Uint8Array | null>;
  sizeOf(name: string): Promise<number | null>;
}

/** A model whose files lie in one place, each verified whenever it is read. */
export class FileZooModel implements ZooModel {
  readonly #files: ModelFiles;
  /** Paths of the samples by their names. */
  readonly #samples: ReadonlyMap<string, string>;
  damage: string | null = null;
  rejected: string | null = null;
  /** While its graph is read: to hash one takes the main thread a copy of it, and many may ask at once. */
  #reading: Promise<Uint8Array> | null = null;

  private constructor(
    readonly manifest: Manifest,
    files: ModelFiles,
    readonly present: boolean,
    readonly registered: boolean,
    readonly program: ModelProgram | null,
    samples: readonly string[] = [],
  ) {
    this.#files = files;
    this.#samples = new Map(samples.map((path) => [basename(path), path]));
  }

  /** Looks whether the graph is there with its size; `verify` reads the files. */
  static async open(
    manifest: Manifest,
    files: ModelFiles,
    { registered = false, program = null }: { registered?: boolean; program?: ModelProgram | null } = {},
  ): Promise<FileZooModel> {
    const { file, bytes } = manifest.graph;
    const found = await files.sizeOf(file);
    const samples = registered ? [] : await readSamplePaths(files);
    const model = new FileZooModel(manifest, files, found !== null, registered, program, samples);
    if (found === null && manifest.source === undefined) model.damage = `${file} is missing`;
    if (found !== null && bytes !== null && found !== bytes)
      model.damage = `${file} has ${counted(found, "byte")} instead of ${bytes}`;
    return model;
  }

  async verify(): Promise<void> {
    if (!this.present || this.damage !== null) return;
    try {
      await Promise.all([this.readGraph(), this.readLabels(), checkProgram(this.program)]);
    } catch (error) {
      if (!(error instanceof AwayError)) this.damage = messageOf(error);
    }
  }

  /** Stands for a model of which nothing but the id can be read, and the version where that is the name of its folder. */
  static damaged(
    { id, version }: Place,
    files: ModelFiles,
    { damage, registered }: Pick<FileZooModel, "registered"> & { readonly damage: string },
  ): FileZooModel {
    const manifest: Manifest = {
      schema: MANIFEST_SCHEMA,
      id,
      version: version ?? "damaged",
      title: id,
      description: "",
      licence: "NOASSERTION",
      default: false,
      graph: { file: "damaged.graph", bytes: null, sha256: null },
      input: {},
      output: {},
    };
    const model = new FileZooModel(manifest, files, false, registered, null);
    model.damage = damage;
    return model;
  }

  async readGraph(charge?: Charge): Promise<Uint8Array> {
    await this.#charge(this.manifest.graph.file, charge);
    this.#reading ??= this.#readGraph().finally(() => {
      this.#reading = null;
    });
    return await this.#reading;
  }

  async #readGraph(): Promise<Uint8Array> {
    const { file, bytes, sha256: expected } = this.manifest.graph;
    const graph = await this.#read(file, expected);
    if (bytes !== null && graph.length !== bytes)
      throw this.#damaged(file, `${counted(graph.length, "byte")} instead of ${bytes}`);
    return graph;
  }

  async readLabels(charge?: Charge): Promise<Uint8Array | null> {
    const { labels } = this.manifest;
    if (labels === undefined) return null;
    await this.#charge(labels.file, charge);
    return await this.#read(labels.file, labels.sha256);
  }

  get samples(): readonly string[] {
    return [...this.#samples.keys()];
  }

  /** What it said of its samples, as `golden.json` keeps it; null where nothing is kept. */
  async readGolden(): Promise<string | null> {
    const golden = this.registered ? null : await this.#files.get(GOLDEN_FILE);
    return golden === null ? null : Buffer.from(golden).toString("utf8");
  }

  async readSample(name: string, charge?: Charge): Promise<Uint8Array | null> {
    const path = this.#samples.get(name);
    if (path === undefined) return null;
    await this.#charge(path, charge);
    return await this.#read(path, null);
  }

  /** A file that is not there is nothing; whoever reads it says so. */
  async #charge(file: string, charge: Charge | undefined): Promise<void> {
    charge?.((await this.#files.sizeOf(file)) ?? 0);
  }

  async #read(file: string, expected: string | null): Promise<Uint8Array> {
    const content = await this.#files.get(file).catch((error: unknown) => {
      if (error instanceof AwayError) throw error;
      throw this.#damaged(file, "it cannot be read", error);
    });
    if (content === null) throw this.#damaged(file, "it cannot be read");
    if (expected === null) return content;
    const found = await sha256(content);
    if (found !== expected) throw this.#damaged(file, `its SHA-256 is ${found} instead of ${expected}`);
    return content;
  }

  #damaged(file: string, how: string, cause?: unknown): AppError {
    const detail = `Model ${this.manifest.id} is damaged on the server: ${file}: ${how}.`;
    return new DamagedError("engine_unavailable", detail, { cause });
  }
}

/** The files of a model are not, or not any more, what its manifest says. */
export class DamagedError extends AppError {}

/** The photos of a file of golden answers, as it names them; none where it is not there, or says something else. */
async function readSamplePaths(files: ModelFiles): Promise<string[]> {
  const golden = await files.get(GOLDEN_FILE);
  try {
    const text = golden === null ? "{}" : Buffer.from(golden).toString("utf8");
    const { cases } = JSON.parse(text) as { cases?: readonly { image?: unknown }[] };
    return (cases ?? []).map(({ image }) => image).filter((image) => typeof image === "string");
  } catch {
    return [];
  }
}
