/** The library: the same way from image to answer, without HTTP. */
import { pino } from "pino";
import { type Config, readConfig } from "./config.js";
import { decided } from "./decide.js";
import type { Answer, ModelSpec, SpecOverrides } from "./generated/contract.js";
import type { ClassifyOptions, ExamplePhoto, ModelChoice, ModelIdentity, OpenModel, UploadedFile } from "./ports.js";
import { onOwnBehalf } from "./service/own-behalf.js";
import { openService } from "./service/service.js";
import { sha256 } from "./sha256.js";

export type { Config } from "./config.js";
export { AppError } from "./errors.js";
export type {
  Answer,
  Band,
  Crop,
  ErrorCode,
  ModelSpec,
  SpecOverrides,
  TopEntry,
} from "./generated/contract.js";
export { MANIFEST_JSON_SCHEMA } from "./generated/contract-schema.js";
export type { ClassifyOptions, ExamplePhoto, ModelIdentity } from "./ports.js";

/** A frozen graph of the caller's own. */
export interface OwnModel {
  /** The bytes of the `.pb` file. */
  readonly graph: Uint8Array;
  /** The bytes of the label file; without them the classes are numbered. */
  readonly labels?: Uint8Array;
  /** What is known of it; the rest is detected. */
  readonly overrides?: SpecOverrides;
  /** Photos, best with their labels: they decide what neither `overrides` nor the graph say. */
  readonly examples?: readonly ExamplePhoto[];
}

export interface ClassifierOptions {
  /** A zoo id, `id@version`, or a graph with its labels; the zoo's default model when absent. */
  readonly model?: string | OwnModel;
  /** Settings that replace those of the environment. */
  readonly config?: Partial<Config>;
}

export interface ImageClassifier {
  readonly model: ModelIdentity;
  /** How the model is fed and read, with the evidence for each detected field. */
  readonly spec: ModelSpec;
  /** Classifies the bytes of a JPEG, PNG, WebP, GIF or BMP file. Rejects with an `AppError`. */
  classify(image: Uint8Array, options?: Partial<ClassifyOptions>): Promise<Answer>;
  /** Ends the engine and the threads; the process cannot exit before. */
  close(): Promise<void>;
}

const DEFAULTS: ClassifyOptions = { topK: 5, scoreThreshold: 0, picture: false };

/** Loads a model. Rejects with an `AppError` that says why it cannot be used. */
export async function createClassifier(options: ClassifierOptions = {}): Promise<ImageClassifier> {
  const config: Config = { ...readConfig(), engineSpares: 0, ...options.config };
  const service = await openService(config, pino({ level: "silent" }));
  try {
    const overrides = typeof options.model === "object" ? (options.model.overrides ?? {}) : {};
    const said = { overrides, labelOffset: overrides.label_offset ?? null };
    const choice = await choiceOf(options.model);
    const examples = typeof options.model === "object" ? (options.model.examples ?? []) : [];
    const photos = examples.map(({ label, bytes }) => ({ label, bytes: copyOf(bytes) }));
    const settings = await onOwnBehalf(config.classifyMsMax, (party) => decided(service, party, choice, said, photos));
    const use = <T>(work: (model: OpenModel) => Promise<T>) =>
      onOwnBehalf(config.classifyMsMax, (party) => service.models.use(choice, settings, party, work));
    const model = await use(async ({ identity, target }) => ({
      model: identity,
      spec: await service.classifier.describe(target),
    }));
    return {
      ...model,
      classify: (image, wanted) =>
        use(({ target }) => service.classifier.classify(target, copyOf(image), { ...DEFAULTS, ...wanted })),
      close: () => service.close(),
    };
  } catch (error) {
    await service.close();
    throw error;
  }
}

async function choiceOf(model: ClassifierOptions["model"]): Promise<ModelChoice> {
  if (typeof model === "object") {
    const labels = model.labels === undefined ? null : await file("labels", model.labels);
    const { bytes, ...graph } = await file("graph", model.graph);
    return { kind: "upload", graph: { ...graph, pieces: [bytes], byteLength: bytes.length }, labels };
  }
  const [id = null, version = null] = model?.split("@") ?? [];
  return { kind: "zoo", id, version };
}

async function file(name: string, given: Uint8Array): Promise<UploadedFile> {
  const bytes = copyOf(given);
  return { name, bytes, sha256: await sha256(bytes) };
}

/** What is kept, or handed to another thread, is never the caller's own. (`slice` of a Buffer is no copy.) */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
