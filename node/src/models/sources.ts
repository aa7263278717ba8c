/** What a request asks for: a graph with its labels and settings, found but not loaded. */
import { LRUCache } from "lru-cache";
import { AppError } from "../errors.js";
import type { Confidence, LoadRequest } from "../generated/contract.js";
import type {
  Charge,
  Classifier,
  ModelChoice,
  ModelIdentity,
  ModelProgram,
  ModelSettings,
  ModelZoo,
  Party,
  Pieces,
  ZooModel,
} from "../ports.js";
import { UPLOADED_ID } from "../ports.js";
import { sha256 } from "../sha256.js";
import { manifestConfidence, manifestOverrides } from "./manifest.js";
import { type Upload, UploadCache } from "./upload-cache.js";

const VERSION_DIGITS = 12;
/** Label files whose number of labels is remembered. */
const LABEL_COUNTS_MAX = 256;

export interface Source {
  /** Graph, settings, labels, offset and confidence: the same key is the same model in every way. */
  readonly key: string;
  /** Graph and settings: what one engine holds. */
  readonly graphKey: string;
  readonly identity: ModelIdentity;
  /** Null where the graph came with a request. */
  readonly model: ZooModel | null;
  /** What serves it, where that is no graph. */
  readonly program: ModelProgram | null;
  /** Whether the graph is one that a client brought. */
  readonly stranger: boolean;
  readonly request: LoadRequest;
  /** Null where there are none: the classes are numbered. */
  readonly labels: Uint8Array | null;
  readonly labelOffset: number | null;
  /** Why settings were taken that its engine takes as they are given. */
  readonly decided: NonNullable<ModelSettings["decided"]>;
  /** How its probabilities are put in words; null as for a model that says nothing of that. */
  readonly confidence: Confidence | null;
  readGraph(charge?: Charge): Promise<Pieces>;
  /** To be called once the graph is seen to load: what a client brought is kept from then on. */
  keep(): void;
}

/** As `Models.groupOf`, of a model that was found; null is a graph that came with a request. */
export function groupOf(model: ZooModel | null): string {
  if (model === null) return UPLOADED_ID;
  return model.registered ? "registered" : model.manifest.id;
}

export interface SourcesOptions {
  readonly classifier: Classifier;
  readonly zoo: ModelZoo;
  readonly uploadedGraphsBytesMax: number;
  readonly threads: number;
}

/** What is read once of a model of the zoo. */
interface ZooFacts {
  readonly graphSha256: string;
  readonly labels: Uint8Array | null;
  readonly labelsSha256: string;
}

const NOTHING_DECIDED = { evidence: [], warnings: [] };

type UploadChoice = ModelChoice & { kind: "upload" | "uploaded" };

export class Sources {
  readonly #options: SourcesOptions;
  readonly #uploads: UploadCache;
  readonly #zooFacts = new WeakMap<ZooModel, ZooFacts>();
  /** Of models with the settings of their manifest alone. */
  readonly #plain = new WeakMap<ZooModel, Source>();
  /** By the SHA-256 of the label file. */
  readonly #labelCounts = new LRUCache<string, number>({ max: LABEL_COUNTS_MAX });

  constructor(options: SourcesOptions) {
    this.#options = options;
    this.#uploads = new UploadCache(options.uploadedGraphsBytesMax);
  }

  /** The model that a request names. @throws AppError `model_unknown` or `version_unknown`. */
  findModel(id: string | null, version: string | null): ZooModel {
    const { zoo } = this.#options;
    const wanted = id ?? zoo.defaultId;
    if (wanted === null) {
      throw new AppError("model_unknown", "This service has no default model; name one with `model`, or send a graph.");
    }
    const model = zoo.find(wanted, version ?? undefined);
    if (model !== undefined) return model;
    const versions = zoo.versionsOf(wanted);
    if (versions.length > 0) {
      const detail = `Model ${wanted} has no version ${quoted(version ?? "")}; it has: ${versions.join(", ")}.`;
      throw new AppError("version_unknown", detail);
    }
    const known = zoo.list().map(({ manifest }) => manifest.id);
    throw new AppError(
      "model_unknown",
      `There is no model ${quoted(wanted)}; known are: ${known.join(", ") || "none"}.`,
    );
  }

  /** SHA-256 of a model's graph, where it was read or is in the manifest. */
  graphSha256Of(model: ZooModel): string | null {
    return this.#zooFacts.get(model)?.graphSha256 ?? model.manifest.graph.sha256;
  }

  async ofModel(model: ZooModel, settings: ModelSettings, party: Party): Promise<Source> {
    const { manifest } = model;
    if (!model.present) {
      const why =
        model.damage === null
          ? "is listed and its graph was not fetched to this server yet"
          : `is damaged on the server: ${model.damage}`;
      throw new AppError("engine_unavailable", `Model ${manifest.id} ${why}.`);
    }
    const known = isPlain(settings) ? this.#plain.get(model) : undefined;
    if (known !== undefined) return known;
    const source = await this.#findModelSource(model, settings, party);
    if (isPlain(settings)) this.#plain.set(model, source);
    return source;
  }

  async #findModelSource(model: ZooModel, settings: ModelSettings, party: Party): Promise<Source> {
    const { manifest } = model;
    const { graphSha256, labels, labelsSha256 } = await this.#readFacts(model, party);
    const labelCount =
      manifest.output.classes ?? (labels === null ? undefined : await this.#countLabels(labels, labelsSha256, party));
    return sourceOf(labelsSha256, {
      identity: { id: manifest.id, version: manifest.version, sha256: graphSha256 },
      model,
      program: model.program,
      stranger: model.registered,
      request: {
        origin: model.registered ? "stranger" : "zoo",
        format: "auto",
        overrides: { ...manifestOverrides(manifest), ...settings.overrides },
        source: Object.keys(settings.overrides).length > 0 ? "request" : "manifest",
        ...(labelCount === undefined ? {} : { label_count: labelCount }),
        threads: this.#options.threads,
      },
      labels,
      labelOffset: settings.labelOffset ?? manifest.labels?.offset ?? null,
      decided: { evidence: manifest.evidence ?? [], warnings: [] },
      // What was measured is said of the model with its own settings.
      confidence: isPlain(settings) ? manifestConfidence(manifest) : null,
      readGraph: (charge) => readGraphOf(model, charge),
      keep: () => {},
    });
  }

  async ofUpload(choice: UploadChoice, settings: ModelSettings, party: Party): Promise<Source> {
    const upload = this.#findUpload(choice, party.caller);
    const { graph, labels } = upload;
    const counted = labels === null ? {} : { label_count: await this.#countLabels(labels.bytes, labels.sha256, party) };
    return sourceOf(labels?.sha256 ?? "", {
      identity: { id: UPLOADED_ID, version: graph.sha256.slice(0, VERSION_DIGITS), sha256: graph.sha256 },
      model: null,
      program: null,
      stranger: true,
      request: {
        origin: "stranger",
        format: "auto",
        overrides: settings.overrides,
        source: "request",
        ...counted,
        threads: this.#options.threads,
      },
      labels: labels?.bytes ?? null,
      labelOffset: settings.labelOffset,
      decided: settings.decided ?? NOTHING_DECIDED,
      confidence: null,
      readGraph: async () => graph.pieces,
      keep: () => {
        if (choice.kind === "upload") this.#uploads.put(party.caller, upload);
      },
    });
  }

  /** Its files are counted to the party while they are read. */
  async #readFacts(model: ZooModel, party: Party): Promise<ZooFacts> {
    const known = this.#zooFacts.get(model);
    if (known !== undefined) return known;
    const { manifest } = model;
    const held: (() => void)[] = [];
    const charge = (bytes: number) => void held.push(party.hold(bytes));
    try {
      const labels = await model.readLabels(charge);
      const facts: ZooFacts = {
        graphSha256: manifest.graph.sha256 ?? (await sha256(await model.readGraph(charge))),
        labels,
        labelsSha256: manifest.labels?.sha256 ?? (labels === null ? "" : await sha256(labels)),
      };
      this.#zooFacts.set(model, facts);
      return facts;
    } finally {
      for (const letGo of held) letGo();
    }
  }

  /** A graph that came before, with the labels that come now where there are any. */
  #findUpload(choice: UploadChoice, caller: string): Upload {
    if (choice.kind === "upload") return choice;
    const upload = this.#uploads.get(caller, choice.sha256);
    if (upload !== undefined) return { ...upload, labels: choice.labels ?? upload.labels };
    const detail = `No graph with SHA-256 ${choice.sha256} is kept here (any more); send it again as model_file.`;
    throw new AppError("model_unknown", detail);
  }

  /** The number of labels chooses between several class outputs. A worker thread reads each file once. */
  async #countLabels(labels: Uint8Array, labelsSha256: string, party: Party): Promise<number> {
    const known = this.#labelCounts.get(labelsSha256);
    if (known !== undefined) return known;
    const { count } = await this.#options.classifier.describeLabels(labels, party);
    this.#labelCounts.set(labelsSha256, count);
    return count;
  }
}

/** @throws AppError `labels_missing` for an offset of labels that are not there. */
function sourceOf(labelsSha256: string, parts: Omit<Source, "key" | "graphKey">): Source {
  const { identity, request, program, stranger, labels, labelOffset, decided, confidence } = parts;
  if (labels === null && labelOffset !== null) {
    const detail = `label_offset=${labelOffset} shifts labels, and the graph came without; send them as label_file.`;
    throw new AppError("labels_missing", detail);
  }
  const runs = program === null ? [request] : [request, program];
  const graphKey = `${stranger ? "stranger" : "zoo"}:${identity.sha256}:${runs.map((part) => JSON.stringify(part))}`;
  return {
    ...parts,
    graphKey,
    key: [graphKey, labelsSha256, labelOffset ?? "", JSON.stringify([decided, confidence])].join(":"),
  };
}

/** Whether a request leaves the model's settings as they are. */
function isPlain({ overrides, labelOffset }: ModelSettings): boolean {
  return labelOffset === null && Object.keys(overrides).length === 0;
}

/** Where the manifest names no graph, the program's own file stands for it: that is checked, and not sent to it. */
async function readGraphOf(model: ZooModel, charge?: Charge): Promise<Pieces> {
  const { engine, graph } = model.manifest;
  const content = await model.readGraph(charge);
  return graph.file === engine?.program ? [] : [content];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
