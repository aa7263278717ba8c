/** The model that a new class layer is put on: its features as models that an engine serves, and the graph with the layer. */
import { type Evidence, MANIFEST_SCHEMA, type Manifest, type ModelSpec } from "../generated/contract.js";
import { FileZooModel } from "../models/file-zoo-model.js";
import { manifestOverrides, parseManifest } from "../models/manifest.js";
import { sha256 } from "../sha256.js";
import { loadWasm, type TrainedHead } from "../wasm-module.js";
import type { Workbench } from "../zoo/workbench.js";
import { refusing } from "./refusing.js";

const GRAPH_FILE = "graph.pb";
/** The image and the features of graphs that are made here (`native/graph/src/rewrite/retrain.rs`). */
const [INPUT, FEATURES] = ["input", "features"];

/** What was found of the features. */
export interface FeaturesFound {
  readonly tensor: string;
  readonly size: number;
  readonly evidence: readonly Evidence[];
}

export interface Base {
  readonly manifest: Manifest;
  readonly found: FeaturesFound;
  /** How its features are fed. */
  readonly input: Manifest["input"];
  /** Answers features in place of scores. */
  readonly features: FileZooModel;
  /** The same of the mirror image; null where photos have none. */
  readonly mirrored: FileZooModel | null;
  /** The graph with a head on the features. */
  withHead(head: TrainedHead): Uint8Array;
}

/**
 * Cuts a model off behind its features: those of the tensor `named`, else of its manifest, else those in front of its class layer.
 * @throws AppError as loading it does, and where it has no features.
 */
export async function openBase(workbench: Workbench, model: FileZooModel, named: string | null): Promise<Base> {
  const { manifest } = model;
  const [{ input: spec }, graph] = await Promise.all([workbench.describe(model), model.readGraph()]);
  const overridesJson = JSON.stringify(manifestOverrides(manifest));
  const tensor = named ?? manifest.features?.tensor ?? null;
  const cut = (isMirrored: boolean) =>
    refusing(() => loadWasm().featuresGraph(graph, overridesJson, isMirrored, tensor));
  const plain = cut(false);
  const found = JSON.parse(plain.featuresJson) as FeaturesFound & { readonly has_mirror: boolean };
  const input = inputOf(spec);
  const served = (name: string, bytes: Uint8Array) => featuresModel(manifest, name, input, found.size, bytes);
  return {
    manifest,
    found,
    input,
    features: await served("features", plain.graph),
    mirrored: found.has_mirror ? await served("mirrored", cut(true).graph) : null,
    withHead: ({ hiddenWeights, hiddenBiases, weights, biases }) =>
      refusing(() =>
        loadWasm().taughtGraph(graph, overridesJson, hiddenWeights, hiddenBiases, weights, biases, tensor),
      ),
  };
}

/** As a manifest has it; what the base's leaves out is as it was found. */
function inputOf(input: ModelSpec["input"]): Manifest["input"] {
  const { dtype, layout, width, height, channels, channel_order, mean, std, resize, crop_fraction, resize_filter } =
    input;
  return {
    ...{ tensor: INPUT, dtype, layout, width, height, channels, channel_order, mean, std, resize },
    ...(resize === "center-crop" && { crop_fraction }),
    resize_filter,
  };
}

async function featuresModel(
  { id, version, licence }: Manifest,
  name: string,
  input: Manifest["input"],
  size: number,
  graph: Uint8Array,
): Promise<FileZooModel> {
  const manifest = parseManifest({
    schema: MANIFEST_SCHEMA,
    ...{ id: `${id}-${name}`, version, title: `${id}, ${name}`, description: "", licence },
    graph: { file: GRAPH_FILE, bytes: graph.length, sha256: await sha256(graph) },
    input,
    output: { tensor: FEATURES, kind: "logits", classes: size },
  });
  return await FileZooModel.open(manifest, {
    get: async (file) => (file === GRAPH_FILE ? graph : null),
    sizeOf: async (file) => (file === GRAPH_FILE ? graph.length : null),
  });
}
