/**
 * The types that rooms share inside node. Adapters implement them, routes use them; neither imports the other.
 */
import type {
  Agreement,
  Answer,
  Band,
  ClientTensor,
  Confidence,
  Crop,
  Decision,
  ErrorCode,
  ExplainMethod,
  Explanation,
  ExportForm,
  ImageFacts,
  LabelsSpec,
  LoadRequest,
  Manifest,
  ModelSpec,
  Runtime,
  Sandbox,
  SpecOverrides,
} from "./generated/contract.js";

/** On whose behalf work is done, and until when. */
export interface Party {
  /** Who asks: a key, else an address. */
  readonly caller: string;
  /** The request that the work belongs to. */
  readonly request: object;
  /** Ends all waiting: its reason is the `AppError` that the request is answered with. */
  readonly signal: AbortSignal;
  /**
   * Counts memory that the work takes, until the function that it answers is called.
   * @throws AppError `overloaded` where the caller's share does not allow it.
   */
  hold(bytes: number): () => void;
}

/** Where the time of one image with one model went, in ms. */
export interface Stages {
  /** When its answer was there, on the clock of `performance.now`. */
  readonly end: number;
  /** Bytes to upright RGB photo. */
  readonly decode: number;
  /** Photo to pixels. */
  readonly resize: number;
  /** Waiting: for a thread, for the model's engine, and in it. */
  readonly queue: number;
  /** The session run. */
  readonly run: number;
  /** Scores to labels. */
  readonly interpret: number;
}

/** What came of one image with one model. */
export interface Outcome {
  /** As `Models.groupOf` names it. */
  readonly model: string;
  /** As answers name it; null where it was not found. */
  readonly modelId: string | null;
  readonly code: ErrorCode | "ok";
  /** Null where there is no answer. */
  readonly stages: Stages | null;
}

/** Is told what comes of one request. It never throws. */
export interface Watch {
  /** What is asked of others on the request's behalf carries these, so that traces go on there. */
  readonly traceHeaders: Readonly<Record<string, string>>;
  answered(outcome: Outcome): void;
}

/** A request, or a call of another protocol, that has ended. */
export interface RequestFacts {
  /** Of the table of routes, not the client's; `other` for all that is in no table. */
  readonly method: string;
  readonly route: string;
  /** `client_gone` where nobody took the answer. */
  readonly code: ErrorCode | "ok" | "client_gone";
  /** HTTP's, or what its code stands for. */
  readonly status: number;
  /** On the clock of `performance.now`. */
  readonly began: number;
  readonly ms: number;
  readonly outcomes: readonly Outcome[];
}

/** One request as traces see it. */
export interface RequestTrace {
  /** Of the trace that it belongs to, 32 hex digits; null where it belongs to none. */
  readonly id: string | null;
  readonly headers: Watch["traceHeaders"];
}

/** Headers that say which trace a request belongs to (W3C Trace Context). */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** Is told what happens, for metrics and traces. It answers nothing that matters and never throws. */
export interface Observer {
  /** A request has come, with these headers. */
  begin(headers: TraceHeaders): RequestTrace;
  /** It has ended. */
  end(trace: RequestTrace, request: RequestFacts): void;
  /** A model was loaded, or could not be, after it had been asleep or for the first time. */
  loaded(load: { model: string; code: ErrorCode | "ok"; ms: number; wasAsleep: boolean }): void;
  /** A loaded model was ended, to make room for another one or for its memory. */
  slept(model: string, reason: "room" | "memory"): void;
  /** An engine is given images. */
  ran(imageCount: number): void;
  /** An engine process ended that nobody had asked to; another one takes its place. */
  engineLost(): void;
}

/** What is told to nobody. */
export const UNOBSERVED: Observer = {
  begin: () => ({ id: null, headers: {} }),
  end() {},
  loaded() {},
  slept() {},
  ran() {},
  engineLost() {},
};

/** Whose answers they are, and how they are named, where they are remembered. */
export interface Asker {
  readonly requestId: string;
  /** The name of its key; null without one. */
  readonly key: string | null;
}

/**
 * What a visit takes its permit for: one run of a model at most, `many`, or the work of graphs that clients brought. Each
 * leaves permits to the others of the same caller.
 */
export type WorkKind = "one" | "many" | "strangers";

/** A request, or a call of another protocol, from its first byte to the end of its connection (`front/admission.ts`). */
export interface Visit extends Party {
  /** Null where its answers have no name that its asker knows. */
  readonly asker: Asker | null;
  /** Counts bytes of the body until the work has settled. @throws AppError `overloaded`. */
  charge(bytes: number): void;
  /** Counts bytes of the answer until the connection has ended. @throws AppError `overloaded`. */
  chargeAnswer(bytes: number): void;
  /**
   * The client's own deadline, in ms from when the visit came: past it the visit is answered `engine_timeout`. It shortens
   * the service's, never lengthens it; a later call replaces it.
   */
  answerWithin(ms: number): void;
  /**
   * Waits for a permit and does the work of this visit, once. Rejects at its deadline and when the client has left; the
   * permit is held until the work has settled all the same. Each kind of work has shares of its own.
   */
  run<T>(work: () => Promise<T>, kind?: WorkKind): Promise<T>;
  /** The connection has ended. */
  leave(): void;
  /** Absent where nobody watches. */
  readonly watch?: Watch | undefined;
}

/** What runs a model. */
export interface ModelRuntime extends Runtime {
  /** Why it is this one, or what is unsure of it, where the service chooses for each graph. */
  readonly reason?: string;
}

/** What came of comparing a model with the answers that are kept of it. */
export interface GoldenComparison {
  /** Photos that could be compared; 0 where none is kept. */
  readonly photoCount: number;
  /** In words; null where no answer differs. */
  readonly difference: string | null;
}

/** A model that is loaded and answers. */
export interface LoadedModel {
  readonly spec: ModelSpec;
  /** Null where nobody says. */
  readonly runtime: ModelRuntime | null;
  /** Most images that one infer frame may hold. */
  readonly imagesMax: number;
  /** Whether it takes frames of tensors beside those of pixels. */
  readonly tensors: boolean;
  /** Whether it still answers: false once its engine is gone. */
  readonly alive: boolean;
  /**
   * Sends one infer or tensors frame, in its party's turn, and resolves with the reply frame (scores or error). Rejects with an
   * `EngineError` when the engine is gone, and at once with the reason of the party's signal. The frame is written to
   * (its request id), and may be read until this resolves; it is the caller's again then, and only then.
   */
  exchange(frame: Uint8Array, party: Party): Promise<Uint8Array>;
  /** Bytes of memory that it holds and shares with no other process; estimated from the graph where the system does not say. */
  memoryBytes(): Promise<number>;
  /** Ends it; requests in flight are finished first. */
  close(): Promise<void>;
}

/** Bytes in the pieces in which they came: joined they would take their memory once more, and time. */
export type Pieces = readonly Uint8Array[];

/** A program of the operator's that serves a model in place of a graph. */
export interface ModelProgram {
  /** Id of the model. */
  readonly model: string;
  /** The executable. */
  readonly path: string;
  readonly arguments: readonly string[];
  /** The model's folder, in which it is started. */
  readonly folder: string;
  /** Whether it is started for each image, and speaks no frames. */
  readonly isOneShot: boolean;
}

/** A program that is loaded. */
export interface ProgramStatus {
  readonly model: string;
  /** Name and version, as it says itself. */
  readonly engine: string;
  readonly sandbox: Sandbox;
}

/** Runs frozen graphs. Implemented by the engine process, the addon, a remote server and the test fake; one contract suite runs on all of them. */
export interface InferenceEngine {
  /**
   * Loads a graph, once: whoever asks decides whether to try again. Rejects with an `AppError` that carries the engine's
   * code, an `EngineError` where a process was lost; its `stage` says whether that had been given the graph. Where there
   * is a program, it is started and given the graph. `identity` is what the model is called, for an engine that has it already.
   */
  load(
    graph: Pieces,
    request: LoadRequest,
    program?: ModelProgram | null,
    identity?: ModelIdentity,
  ): Promise<LoadedModel>;
  /** What `/readyz` reports. */
  status(): EngineStatus;
  /** Memory of all its processes that they share with no other one; 0 where it has none. */
  memoryBytes(): Promise<number>;
  /** Ends every model and every spare. */
  close(): Promise<void>;
}

/** Whether each engine process has a cgroup that bounds its memory, and why not. */
export interface CgroupStatus {
  readonly held: boolean;
  readonly reason: string | null;
}

export interface EngineStatus {
  readonly kind: "process" | "addon" | "remote" | "fake";
  /** Whether a load would be served now. */
  readonly ready: boolean;
  /** Why nothing is served, not even by what is loaded; null where that is not so. */
  readonly problem: string | null;
  /** Null until an engine has said hello, as are the next two. */
  readonly runtime: Runtime | null;
  /** What computes layers, such as `oneDNN` or `Eigen`. */
  readonly kernels: string | null;
  readonly sandbox: Sandbox | null;
  readonly cgroup: CgroupStatus;
  readonly programs: readonly ProgramStatus[];
  readonly modelCount: number;
  readonly spareCount: number;
  /** Frames that wait for their turn. */
  readonly waitingCount: number;
}

/** Everything that one classification needs besides the image. */
export interface ClassifyTarget {
  /** Identifies spec, labels and confidence in the workers' caches. */
  readonly key: string;
  readonly spec: ModelSpec;
  readonly labels: Uint8Array | null;
  readonly labelOffset: number | null;
  /** How probabilities are put in words; null as for a model that says nothing of that. */
  readonly confidence: Confidence | null;
  /** Most images that one infer frame may hold. */
  readonly imagesMax: number;
  /** Whether its engine takes frames of tensors beside those of pixels. */
  readonly tensors: boolean;
  /** Whether the graph is one that a client brought. */
  readonly stranger: boolean;
  /** On whose behalf it is used. */
  readonly party: Party;
  /** Sends one infer frame; as `LoadedModel.exchange`, on behalf of the party. */
  exchange(frame: Uint8Array): Promise<Uint8Array>;
}

export interface ClassifyOptions {
  readonly topK: number;
  readonly scoreThreshold: number;
  readonly crop?: Crop;
  readonly picture: boolean;
  /** Whether `top` has every class, whatever `topK` and `scoreThreshold` say. */
  readonly everyClass?: boolean;
  /** Whether the answer has what the graph gave, beside what was made of it. */
  readonly scores?: boolean;
  /** What the bytes are, where they are a tensor that a client made in place of an image. */
  readonly tensor?: ClientTensor;
}

/**
 * An answer, with the values of the graph's output where they were asked for: one float32 for each class as the graph gave
 * it, before softmax and temperature, or the class number alone (`index`).
 */
export type ScoredAnswer = Answer & { readonly scores?: Float32Array };

/** What a map of an answer is asked for. */
export interface ExplainQuestion {
  /** The class by its number or its label; null for the best one. */
  readonly class: string | null;
  readonly method: ExplainMethod;
  /** Cells along a side. */
  readonly detail: number;
  /** Random masks; null for as many as `detail` asks for. */
  readonly masks: number | null;
}

/** Shorter texts of base64 stay texts in a `JsonValue`. */
export const BASE64_CHARACTERS_MIN = 1024;

/** JSON with what may be large as typed arrays: arrays of numbers, and long texts of base64. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | NumberArray
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** An array of numbers, or a nested one of the same length everywhere: its values in the order of its axes. */
export interface NumberArray {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** A photo that was decoded, for later use. */
export interface DecodedPhoto {
  /** What Rust's `Photo` is beside its pixels, as JSON. */
  readonly json: string;
  /** Its pixels, maybe fewer than its file has; empty once their memory was given away. */
  readonly rgb: Uint8Array<ArrayBuffer>;
}

/** An image that is kept for its sender's later requests, with what was decoded of it. */
export interface KeptImage {
  /** As its sender named it. */
  readonly name: string;
  /** The file; never given away. */
  readonly bytes: Uint8Array;
  /** What `DecodedPhoto.json` is of any photo of it. */
  readonly photoJson: string;
  /**
   * Work with the photo that was decoded for a `shrink` of Rust's `shrink_of`; null where there is none. One at a time has
   * it, and it may be given away: what the work puts in its place is kept where there is room. Rejects with the signal's
   * reason where that fires before its turn.
   */
  withPhoto<T>(
    shrink: number,
    signal: AbortSignal,
    work: (photo: DecodedPhoto | null) => Promise<{ photo: DecodedPhoto | null; value: T }>,
  ): Promise<T>;
}

/** The bytes of an image that several models are asked about: one call at a time has them, and gives them back. */
export interface SharedImage {
  readonly byteLength: number;
  /** The last call keeps them. Rejects as the call did that lost them, where one did. */
  withBytes<T>(work: (bytes: Uint8Array, giveBack?: (bytes: Uint8Array) => void) => Promise<T>): Promise<T>;
}

/** An image to classify: its bytes, which may be transferred, so that the caller must not use them afterwards. */
export type GivenImage = Uint8Array | SharedImage | KeptImage;

/** A photo as it is decoded for most models. */
export interface FirstLook {
  /** The file, in memory of its own length. */
  readonly bytes: Uint8Array;
  readonly image: ImageFacts;
  readonly photo: DecodedPhoto;
  /** What it was decoded for, as `KeptImage.withPhoto` has it. */
  readonly shrink: number;
}

/** What an image store holds now, of all callers. */
export interface ImagesKept {
  readonly count: number;
  /** Of files and of what was decoded of them. */
  readonly bytes: number;
}

/** Images that are kept for a while, each for its sender alone. */
export interface ImageStore {
  readonly kept: ImagesKept;
  /**
   * Keeps an image, and makes room among what the same caller keeps, of what it used longest ago.
   * @throws AppError `overloaded` where the caller's share does not allow it.
   */
  keep(caller: string, name: string, look: FirstLook): { id: string };
  /** @throws AppError `image_unknown`, as `remove`. */
  find(caller: string, id: string): KeptImage;
  remove(caller: string, id: string): void;
}

/** What a photo looks like from afar, for `splitPhotos` of the WebAssembly module, and the size of the upright photo in pixels. */
export interface PhotoLook {
  readonly look: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Image bytes to answer: the WebAssembly function in worker threads. */
export interface Classifier {
  /** Calls that wait for a thread. */
  readonly waitingCount: number;
  /**
   * Rejects with `field_invalid` for a tensor that does not fit the model, or has values that are not finite. `told` hears
   * where the time of an answer went.
   */
  classify(
    target: ClassifyTarget,
    image: GivenImage,
    options: ClassifyOptions,
    told?: (stages: Stages) => void,
  ): Promise<ScoredAnswer>;
  /** Decodes an image for later use; its bytes may be transferred. */
  decode(image: Uint8Array, party: Party): Promise<FirstLook>;
  /** As `classify`, of an image, with what the answer hangs on: the engine is asked again and again, in one exchange after the other. */
  explain(
    target: ClassifyTarget,
    image: Uint8Array | KeptImage,
    options: ClassifyOptions,
    question: ExplainQuestion,
    told?: (stages: Stages) => void,
  ): Promise<{ answer: Answer; explanation: Explanation }>;
  /**
   * What photos, most of them labelled, say of the settings that the target's graph leaves open: it is asked again and again,
   * in one exchange after the other. Their bytes may be transferred. Rejects with `field_invalid` for a label that the model
   * has not, and for an engine that takes no tensors.
   */
  decide(target: ClassifyTarget, examples: readonly ExamplePhoto[]): Promise<Decision>;
  /** What a photo looks like from afar; its bytes may be transferred. */
  look(image: Uint8Array, party: Party): Promise<PhotoLook>;
  /** The target's spec with its labels filled in. Rejects when the labels do not fit. */
  describe(target: ClassifyTarget): Promise<ModelSpec>;
  /** Reads a label file without a model. */
  describeLabels(labels: Uint8Array, party: Party): Promise<Pick<LabelsSpec, "count" | "format">>;
  /**
   * Reads a message of a client, in a thread where it is large; its bytes may be transferred, and its typed arrays are
   * charged to the visit. Rejects with `field_invalid` where it is no JSON, or costs more than a message has to.
   */
  readJson(bytes: Uint8Array, visit: Visit): Promise<JsonValue>;
  close(): Promise<void>;
}

/** Is told the bytes of a file before they are read; what it throws, the read rejects with. */
export type Charge = (bytes: number) => void;

/** A model of the zoo on disk. Whoever reads its files for a client charges them to it. */
export interface ZooModel {
  readonly manifest: Manifest;
  /** Whether the graph file is there; otherwise it has to be fetched first. */
  readonly present: boolean;
  /** What is wrong with its files; null when nothing is. */
  readonly damage: string | null;
  /** Why what its folder holds now is not served in its place; null where it is served. */
  readonly rejected: string | null;
  /** Whether a client brought it: its graph is a stranger's. */
  readonly registered: boolean;
  /** What serves it; null where that is a graph. */
  readonly program: ModelProgram | null;
  /**
   * The graph, which others may have too: nobody changes it or gives it away. Rejects with an `AppError` when the file is
   * missing or not the one of the manifest.
   */
  readGraph(charge?: Charge): Promise<Uint8Array>;
  /** Null where it has none: the classes are numbered. */
  readLabels(charge?: Charge): Promise<Uint8Array | null>;
  /** File names of photos to try it with. */
  readonly samples: readonly string[];
  /** Null where none of its samples has this name. */
  readSample(name: string, charge?: Charge): Promise<Uint8Array | null>;
}

/** The models that this service knows by id. */
export interface ModelZoo {
  /** The served version of each model. */
  list(): readonly ZooModel[];
  /** The served version when none is named. */
  find(id: string, version?: string): ZooModel | undefined;
  /** In the order in which they came. */
  versionsOf(id: string): readonly string[];
  /** The model of requests that name none; null when the zoo has no such model. */
  readonly defaultId: string | null;
  /** Takes over what changed among its files. */
  refresh(): Promise<void>;
}

/** The model that a request asks for. */
export type ModelChoice =
  | { readonly kind: "candidate"; readonly model: ZooModel }
  | { readonly kind: "zoo"; readonly id: string | null; readonly version: string | null }
  | { readonly kind: "upload"; readonly graph: UploadedGraph; readonly labels: UploadedFile | null }
  | { readonly kind: "uploaded"; readonly sha256: string; readonly labels: UploadedFile | null };

/**
 * The bytes of the image at an address, which is asked with `headers` too. Rejects with an `AppError`: `url_forbidden`, `url_unreachable` or
 * `upload_too_large`; with the reason of `signal` where that fires first.
 */
export type FetchImage = (
  url: string,
  asked?: { readonly headers?: Readonly<Record<string, string>> | undefined; readonly signal?: AbortSignal },
) => Promise<Uint8Array>;

/**
 * The bytes of the image at a path below the operator's folder. Rejects with an `AppError`: `field_invalid`,
 * `image_unknown` or `upload_too_large`.
 */
export type ReadImagePath = (path: string) => Promise<Uint8Array>;

/** A file that came with a request. */
export interface UploadedFile {
  /** As the client named it: never a path, never unescaped HTML. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Where an image is that did not come with its request. */
export type ImageReference = { readonly url: string } | { readonly id: string } | { readonly path: string };

/** An image, or where it is. */
export type ImageSource = UploadedFile | ImageReference;

/**
 * A tensor that a client made, in place of an image: one image's, without the axis of the batch. `uint8` are pixels of the
 * model's size, `float32` (little-endian) is what the graph is fed.
 */
export interface TensorSource {
  /** How the answer names it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly tensor: ClientTensor;
}

/** A graph that came with a request. */
export interface UploadedGraph extends Omit<UploadedFile, "bytes"> {
  readonly pieces: Pieces;
  readonly byteLength: number;
}

/** A photo by which settings are decided. */
export interface ExamplePhoto {
  /** What it shows; null where nobody says. */
  readonly label: string | null;
  readonly bytes: Uint8Array;
}

/** What the request says of the model's settings. */
export interface ModelSettings {
  readonly overrides: SpecOverrides;
  readonly labelOffset: number | null;
  /** Of overrides that labelled photos decided, why; absent where the request itself says them all. */
  readonly decided?: Pick<Decision, "evidence" | "warnings">;
}

/** A model as its manifest or its graph has it. */
export const NO_SETTINGS: ModelSettings = { overrides: {}, labelOffset: null };

/** Id that answers give to graphs that came with a request. */
export const UPLOADED_ID = "uploaded";

/** How answers name a model. */
export interface ModelIdentity {
  readonly id: string;
  readonly version: string;
  readonly sha256: string;
  /** What runs it, where that is known. */
  readonly runtime?: ModelRuntime;
}

/** A model ready to classify. */
export interface OpenModel {
  readonly identity: ModelIdentity;
  readonly target: ClassifyTarget;
}

/** A model of the zoo with its state now. */
export interface ModelListing {
  readonly model: ZooModel;
  readonly versions: readonly string[];
  readonly isDefault: boolean;
  readonly state: "available" | "loading" | "failed" | "not fetched" | "unloaded";
  /** Whether an engine holds it now. */
  readonly loaded: boolean;
  /** Memory of its engine; null where none holds it. */
  readonly memoryBytes: number | null;
  readonly problem: string | null;
}

/** What a model is written as, for other programs. */
export interface ExportChoice {
  readonly form: ExportForm;
  /** Whether the file takes pixels and gives probabilities. */
  readonly preprocess: boolean;
}

/** Endings of the files' names. */
export const EXPORT_ENDINGS: Readonly<Record<ExportForm, string>> = {
  onnx: ".onnx",
  frozen: ".frozen.pb",
  savedmodel: ".savedmodel.zip",
};

/** A model to write, with the settings that it is served with. */
export interface ExportSubject {
  readonly graph: Pieces;
  readonly request: LoadRequest;
  readonly labels: Uint8Array | null;
  readonly labelOffset: number | null;
  /** As `Calibration.temperature`; 1 where it was not measured. */
  readonly temperature: number;
}

/**
 * Writes a model as a file, in a process of its own that ends with it. Rejects with an `AppError` that carries the code of
 * what is wrong with the graph, and at once with the reason of the party's signal.
 */
export type ExportModel = (subject: ExportSubject, choice: ExportChoice, party: Party) => Promise<Pieces>;

/** Every model that this service can answer with: the zoo's and the uploaded ones, loaded when first asked for. */
export interface Models {
  /**
   * Loads the model where needed and does `work` with it; the files of a removed model are kept until that has settled.
   * Rejects with an `AppError`.
   */
  use<T>(
    choice: ModelChoice,
    settings: ModelSettings,
    party: Party,
    work: (model: OpenModel) => Promise<T>,
  ): Promise<T>;
  /** The file of a model of the zoo for other programs; it is not loaded. Rejects with an `AppError`. */
  export(model: ZooModel, choice: ExportChoice, party: Party): Promise<Pieces>;
  /** Whether the graph is one that a client brought, with this request or before. */
  isStrangers(choice: ModelChoice): boolean;
  /** The model for whoever counts: the id of one of the zoo's, else `registered`, `uploaded` or `unknown`. */
  groupOf(choice: ModelChoice): string;
  list(): ModelListing[];
  /** Memory of the engine that holds this model; null where none does. */
  memoryBytesOf(model: ZooModel): number | null;
  /** Loads the served version of a model where it is not loaded, and takes back what `unload` said. Rejects with an `AppError`. */
  load(id: string, party: Party): Promise<void>;
  /**
   * Takes every version of a model that is there now out of service until `load`; requests that use it are finished, then
   * its engines end. A restart forgets it. @throws AppError `model_unknown`.
   */
  unload(id: string): void;
  /** Ends the engines of a model that was removed, once no request uses it. */
  retire(model: ZooModel): Promise<void>;
  /** Models that an engine holds now. */
  loadedCount(): number;
  close(): Promise<void>;
}

/** What a key may do; each role may do what those before it may. */
export const ROLES = ["infer", "models", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Whom a key belongs to. */
export interface KeyHolder {
  readonly role: Role;
  readonly name: string;
}

/** The API keys that this service knows. */
export interface ApiKeys {
  find(key: string): KeyHolder | undefined;
}

/** A model that a client wants to be kept. */
export interface Registration {
  /** Null where the manifest says it. */
  readonly id: string | null;
  readonly version: string | null;
  readonly graph: UploadedGraph;
  readonly labels: UploadedFile | null;
  readonly settings: ModelSettings;
  /** They decide what neither the settings nor the manifest say. */
  readonly examples: readonly ExamplePhoto[];
  /** A whole manifest or a part of one, as JSON text. */
  readonly manifest: string | null;
}

/** Models that clients keep here. Each method rejects with an `AppError`. */
export interface Registrar {
  /**
   * Loads the model, checks that its labels fit, and keeps it. `added` is whether it was not here before; `leavesRoom`, whether the
   * caller leaves as much room to others as it has.
   */
  register(
    registration: Registration,
    party: Party,
    leavesRoom: boolean,
  ): Promise<{ identity: ModelIdentity; spec: ModelSpec; confidence: Confidence | null; added: boolean }>;
  /** Removes a version, or every one; requests that use it are finished. */
  remove(id: string, version: string | null): Promise<void>;
  /** Chooses the version for requests that name none. */
  serve(id: string, version: string): Promise<void>;
}

/** How far the files of a listed model are on their way. */
export interface FetchState {
  readonly receivedBytes: number;
  /** Null while that is not known. */
  readonly totalBytes: number | null;
  /** Why they do not come any more; null while they come. */
  readonly problem: string | null;
}

/** Fetches models that the operator listed, from where the list says. */
export interface ModelFetcher {
  /**
   * Begins to fetch a model's files, or goes on where they are on their way. The model answers once they are there.
   * @throws AppError `model_unknown`, `version_unknown`, `model_exists` where they are here, `field_invalid` where nothing
   * says where they are, `forbidden` where nothing can be verified and that is not to be trusted.
   */
  begin(id: string, version: string | null, trustOnFirstUse: boolean): FetchState;
  /** Ends it; the next one goes on from what came. @throws AppError `not_found` where nothing is on its way. */
  cancel(id: string): void;
  /** Null where nothing is on its way, and nothing failed since. */
  stateOf(id: string): FetchState | null;
  /** Ends all; nothing is written to the zoo after it. */
  close(): Promise<void>;
}

/** What keeps the store of feedback from doing what it is asked. */
export const STORE_PROBLEMS = ["full", "locked", "unreachable", "damaged", "failed"] as const;
export type StoreProblem = (typeof STORE_PROBLEMS)[number];

/** What `/readyz` says of the store of feedback. */
export interface FeedbackStatus {
  readonly store: "sqlite" | "postgresql";
  /** Null while it does what it is asked. */
  readonly problem: StoreProblem | null;
  /** Answers that are to be written. */
  readonly waiting: number;
  /** Answers since the start that were not remembered. */
  readonly dropped: number;
  /** Images since the start that were to be kept and are not. */
  readonly images_dropped: number;
}

/** Of `n`, those that were right. */
export interface RightOf {
  readonly right: number;
  readonly n: number;
}

/** How often a model was right by what its askers said, as clients see it. */
export interface AccuracyReport extends Agreement {
  /** Answers that are remembered, of which something was said or not. */
  readonly answers: number;
  /** Of the answers from which none of the best five was left out. */
  readonly top5: RightOf;
  /** Highest first. */
  readonly bands: readonly ({ readonly band: Band } & RightOf)[];
  /** By the day on which they were answered, in UTC; the first one first. */
  readonly days: readonly ({ readonly day: string } & RightOf)[];
}

/** What is remembered of one question, between its images and its answers. */
export interface Recollection {
  /**
   * Copies an image, where images are kept and all of it is looked at. Its bytes may be given away once this resolves; what is
   * copied after the end is not remembered.
   */
  image(place: number, bytes: Uint8Array): Promise<void>;
  /** Remembers the answers in the order of the results; null stands for an item that failed. */
  end(answers: readonly (RememberedAnswer | null)[]): void;
}

export type RememberedAnswer = Answer & {
  readonly model: ModelIdentity;
  /** The place that its image was copied with. */
  readonly imagePlace: number;
};

/** Who asked, and who it is to shares. */
export interface CallingAsker extends Asker {
  readonly caller: string;
}

/** What answers were given, and what was right. Nothing of it delays an answer or fails it. */
export interface Feedback {
  begin(
    visit: Pick<Visit, "caller" | "asker">,
    question: { settings: ModelSettings; options: ClassifyOptions },
  ): Recollection;
  /**
   * Says what an answer, item `item` of a request's results, should have been; what was said of it before is gone.
   * @throws AppError `request_unknown` where this asker has no such answer, `overloaded` while the store cannot say.
   */
  label(asker: CallingAsker, item: number, label: string): Promise<{ readonly answered: string }>;
  /** Removes the answers of a request: its asker's, or anyone's where `isAnyones`. @throws AppError as `label`. */
  forget(asker: CallingAsker, isAnyones: boolean): Promise<void>;
  /** @throws AppError `overloaded` while the store cannot say. */
  accuracyOf(id: string, version: string): Promise<AccuracyReport>;
  /** Resolves once all that was answered and said is in the store, for others to read. @throws AppError as `accuracyOf`. */
  settle(): Promise<void>;
  status(): FeedbackStatus;
  /** What was said of answers since the start. */
  agreement(): { readonly right: number; readonly wrong: number };
  /** Writes what waits, as long as that takes no more than a few seconds. */
  close(): Promise<void>;
}

/** Requests that replicas count together. */
export interface PeerCounts {
  /** So many requests of a caller are counted here, in a window that ends in `leftMs`. */
  tell(caller: string, hits: number, leftMs: number): void;
  /** Of a caller that was told of, what other replicas count, as of about a second ago. */
  others(caller: string): number;
  close(): Promise<void>;
}

/** What the visits hold together. */
export interface Held {
  /** Requests that are worked on. */
  readonly requests: number;
  /** Requests that wait, or whose body comes. */
  readonly waiting: number;
  /** Of bodies, photos in the making and answers. */
  readonly bytes: number;
}

/** Jobs of teaching. */
export interface TeachStatus {
  readonly waiting: number;
  readonly running: number;
  /** Bytes on disk. */
  readonly bytes: number;
  /** Runs that have ended since the start, by the state of their job. */
  readonly ended: Readonly<Record<"done" | "failed" | "cancelled" | "interrupted", number>>;
}

/** What `/metrics` says of this moment. */
export interface Moment {
  /** Null where nothing is taught. */
  readonly teach: TeachStatus | null;
  readonly held: Readiness["held"];
  readonly imagesKept: ImagesKept;
  readonly modelsLoaded: number;
  /** What waits, by what it waits for. */
  readonly waiting: { readonly permit: number; readonly thread: number; readonly engine: number };
  /** Null where nothing is remembered. */
  readonly feedback: Pick<Feedback, "agreement" | "status"> | null;
  /** Null until an engine has said hello, as are the next two. */
  readonly sandbox: Sandbox | null;
  readonly runtime: Runtime | null;
  readonly kernels: string | null;
  readonly memoryBytes: { readonly service: number; readonly engines: number };
}

/** How registered models are shared. */
export interface ModelsStoreStatus {
  /** Why what others change is not seen now; null where it is. */
  readonly problem: string | null;
  /** Seconds since the store last said what it holds; null where it did not since the start. */
  readonly heard_seconds_ago: number | null;
}

/** What `/readyz` answers. */
export interface Readiness {
  readonly ready: boolean;
  readonly live: boolean;
  /** Why not, where it is not. */
  readonly reason: string | null;
  readonly default_model: string | null;
  readonly models_loaded: number;
  /** What requests hold now. */
  readonly held: Held & { readonly connections: number };
  /** What clients keep beside their requests; it stays when those are answered. */
  readonly images_kept: ImagesKept;
  /** Null where nothing is remembered. */
  readonly feedback: FeedbackStatus | null;
  /** Null where registered models are this service's alone. */
  readonly models_store: ModelsStoreStatus | null;
  readonly engine: {
    readonly kind: EngineStatus["kind"];
    readonly ready: boolean;
    readonly runtime: Runtime | null;
    /** Version of the runtime where that is libtensorflow. */
    readonly libtensorflow: string | null;
    readonly kernels: string | null;
    readonly sandbox: Sandbox | null;
    readonly cgroup: CgroupStatus;
    /** Programs that are loaded, each with what confines it. */
    readonly programs: readonly ProgramStatus[];
  };
}
