/**
 * The types that rooms share inside node. Adapters implement them, routes use them; neither imports the other.
 */
import type { Answer, Crop, LabelsSpec, LoadRequest, Manifest, ModelSpec, Sandbox } from "./generated/contract.js";

/** A model that is loaded and answers. */
export interface LoadedModel {
  readonly spec: ModelSpec;
  /** Sends one infer frame and resolves with the reply frame (scores or error). Rejects with an `AppError` when the engine is gone. */
  exchange(frame: Uint8Array): Promise<Uint8Array>;
  /** Ends it; requests in flight are finished first. */
  close(): Promise<void>;
}

/** Runs frozen graphs. Implemented by the engine process, the addon and the test fake; one contract suite runs on all three. */
export interface InferenceEngine {
  /** Loads a graph. Rejects with an `AppError` that carries the engine's code. */
  load(graph: Uint8Array, request: LoadRequest): Promise<LoadedModel>;
  /** What `/readyz` reports. */
  status(): EngineStatus;
  /** Ends every model and every spare. */
  close(): Promise<void>;
}

export interface EngineStatus {
  readonly kind: "process" | "addon" | "fake";
  /** Whether a load would be served now. */
  readonly ready: boolean;
  readonly libtensorflow: string | null;
  readonly sandbox: Sandbox | null;
  readonly modelCount: number;
  readonly spareCount: number;
}

/** Everything that one classification needs besides the image. */
export interface ClassifyTarget {
  /** Identifies spec and labels in the workers' caches. */
  readonly key: string;
  readonly spec: ModelSpec;
  readonly labels: Uint8Array | null;
  readonly labelOffset: number | null;
  readonly exchange: LoadedModel["exchange"];
}

export interface ClassifyOptions {
  readonly topK: number;
  readonly scoreThreshold: number;
  readonly crop?: Crop;
  readonly picture: boolean;
}

/** Image bytes to answer: the WebAssembly function in worker threads. */
export interface Classifier {
  /** The image's bytes may be transferred: the caller must not use them afterwards. */
  classify(target: ClassifyTarget, image: Uint8Array, options: ClassifyOptions): Promise<Answer>;
  /** Reads a label file without a model. */
  describeLabels(labels: Uint8Array): Promise<Pick<LabelsSpec, "count" | "format">>;
  close(): Promise<void>;
}

/** A model of the zoo on disk. */
export interface ZooModel {
  readonly manifest: Manifest;
  /** Whether the graph file is there; otherwise it has to be fetched first. */
  readonly present: boolean;
  readGraph(): Promise<Uint8Array>;
  readLabels(): Promise<Uint8Array>;
}

/** The models that this service knows by id. */
export interface ModelZoo {
  list(): readonly ZooModel[];
  find(id: string, version?: string): ZooModel | undefined;
  readonly defaultId: string;
}
