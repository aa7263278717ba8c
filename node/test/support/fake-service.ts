/** The app on a free port, with fakes behind it: what the routes do, without wasm and libtensorflow. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApp } from "../../src/app.js";
import { type Config, isLoopback, readConfig } from "../../src/config.js";
import { decided } from "../../src/decide.js";
import { AppError } from "../../src/errors.js";
import { boundConnections, type Connections } from "../../src/front/connections.js";
import type { Route } from "../../src/front/route.js";
import {
  type Decision,
  type Explanation,
  FRAME_KIND,
  type LabelsSpec,
  type Manifest,
  type ModelSpec,
} from "../../src/generated/contract.js";
import { createImageFetcher } from "../../src/images/fetch-image.js";
import { createImageStore } from "../../src/images/image-store.js";
import { readJson } from "../../src/images/read-json.js";
import { createPathReader } from "../../src/images/read-path.js";
import { folderBlobs } from "../../src/models/folder-blobs.js";
import { createRegistrar } from "../../src/models/registrar.js";
import { createModelRegistry } from "../../src/models/registry.js";
import { openModelStore } from "../../src/models/store.js";
import { createLogger } from "../../src/observe/logger.js";
import { openObserving } from "../../src/observe/observer.js";
import type {
  ApiKeys,
  Classifier,
  ClassifyOptions,
  ClassifyTarget,
  ExamplePhoto,
  ExplainQuestion,
  Feedback,
  FetchImage,
  FetchState,
  FirstLook,
  GivenImage,
  Held,
  JsonValue,
  KeptImage,
  ModelFetcher,
  Models,
  ModelZoo,
  PhotoLook,
  Readiness,
  ScoredAnswer,
  Stages,
  ZooModel,
} from "../../src/ports.js";
import type { TeachJobs } from "../../src/teach-jobs.js";
import { FakeEngine, fakeExport, frameOf, inferFrame, NO_CGROUP, scoresOf } from "./fake-engine.js";
import { COLOURS } from "./graph-def.js";

export const FAKE_GRAPH = Buffer.from("graph of the zoo");

const COLOUR_VALUES = new Map<string, readonly [number, number, number]>([
  ["red", [255, 0, 0]],
  ["green", [0, 255, 0]],
  ["blue", [0, 0, 255]],
]);

function answerOf(
  target: ClassifyTarget,
  scores: readonly number[],
  { topK, everyClass = false, picture, scores: isScored = false }: ClassifyOptions,
  sha256: string,
): ScoredAnswer {
  const labels = Buffer.from(target.labels ?? COLOURS)
    .toString("utf8")
    .trim()
    .split("\n");
  const top = scores
    .map((probability, index) => ({ label: labels[index] ?? "", index, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, everyClass ? scores.length : topK);
  const [best = { label: "", index: 0, probability: 0 }] = top;
  return {
    image: { width: 8, height: 8, format: "png" },
    ...best,
    band: "high",
    settings: { certain: true, by: "read" },
    top,
    input: { width: 8, height: 8, sha256, ...(picture ? { picture: "data:image/png;base64,AAAA" } : {}) },
    timings_ms: { decode: 1, resize: 1, queue: 1, run: 1, total: 4 },
    ...(isScored ? { scores: Float32Array.from(scores) } : {}),
  };
}

/** Takes the name of a colour for an image. */
export class FakeClassifier implements Classifier {
  readonly waitingCount = 0;
  readonly seen: ClassifyOptions[] = [];
  /** Waited for by each classification. */
  gate: Promise<void> = Promise.resolve();
  /** Photos that were made of images that are kept. */
  decodeCount = 0;

  async classify(
    target: ClassifyTarget,
    given: GivenImage,
    options: ClassifyOptions,
    told?: (stages: Stages) => void,
  ): Promise<ScoredAnswer> {
    this.seen.push(options);
    await this.gate;
    const image = await this.#bytesOf(given, target.party.signal);
    if (image.length === 0) throw new AppError("image_missing", "the image is empty");
    if (options.tensor !== undefined) {
      const kind = options.tensor.dtype === "uint8" ? FRAME_KIND.infer : FRAME_KIND.tensors;
      const reply = await target.exchange(frameOf(kind, 0, Buffer.concat([Buffer.of(1, 0, 0, 0), image])));
      if (reply[4] === FRAME_KIND.error) throw new AppError("field_invalid", "the tensor does not fit");
      return answerOf(target, scoresOf(reply), options, createHash("sha256").update(image).digest("hex"));
    }
    const text = Buffer.from(image).toString("latin1");
    if (text === "trap") throw new Error("unreachable executed at secret/path");
    const colour = COLOUR_VALUES.get(text);
    if (colour === undefined) throw new AppError("image_unsupported", `this is no image: ${text.slice(0, 40)}`);
    const scores = scoresOf(await target.exchange(inferFrame(colour)));
    told?.({ end: performance.now(), decode: 1, resize: 1, queue: 1, run: 1, interpret: 1 });
    return answerOf(target, scores, options, "0".repeat(64));
  }

  async decode(image: Uint8Array): Promise<FirstLook> {
    const text = Buffer.from(image).toString("latin1");
    if (!COLOUR_VALUES.has(text)) throw new AppError("image_unsupported", `this is no image: ${text}`);
    this.decodeCount += 1;
    const photo = { json: "{}", rgb: new Uint8Array(image) };
    return { bytes: new Uint8Array(image), image: { width: 8, height: 8, format: "png" }, photo, shrink: 1 };
  }

  async look(image: Uint8Array): Promise<PhotoLook> {
    return { look: createHash("sha256").update(image).digest().subarray(0, 19), width: 8, height: 8 };
  }

  async #bytesOf(image: GivenImage, signal: AbortSignal): Promise<Uint8Array> {
    if (image instanceof Uint8Array) return image;
    if ("withPhoto" in image) return await this.#photoOf(image, signal);
    return await image.withBytes(async (bytes, giveBack) => {
      giveBack?.(bytes);
      return bytes;
    });
  }

  async #photoOf(image: KeptImage, signal: AbortSignal): Promise<Uint8Array> {
    return await image.withPhoto(1, signal, async (known) => {
      const photo = known ?? (await this.decode(image.bytes)).photo;
      return { photo, value: photo.rgb };
    });
  }

  /** A map that is the same everywhere, after one exchange for each of four masks. */
  async explain(
    target: ClassifyTarget,
    image: Uint8Array | KeptImage,
    options: ClassifyOptions,
    question: ExplainQuestion,
    told?: (stages: Stages) => void,
  ) {
    const answer = await this.classify(target, image, options, told);
    for (let mask = 0; mask < 4; mask += 1) await target.exchange(inferFrame([0, 0, 0]));
    const row = Array.from({ length: question.detail }, () => 0.5);
    const { label, index, probability } = answer;
    const explanation: Explanation = {
      class: { label, index, probability },
      method: question.method,
      runs: 5,
      grid: row.map(() => row),
      region: { x: 0, y: 0, width: 8, height: 8 },
      ...(options.picture ? { picture: "data:image/png;base64,iVBORw0KGgo=" } : {}),
    };
    return { answer, explanation };
  }

  /** Finds that blue comes first, whatever the photos are; of several, that the last one's label may be wrong. */
  async decide({ labels }: ClassifyTarget, examples: readonly ExamplePhoto[]): Promise<Decision> {
    const known = Buffer.from(labels ?? COLOURS).toString("utf8");
    const unknown = examples.find(({ label }) => label !== null && !known.includes(label));
    if (unknown !== undefined) throw new AppError("field_invalid", `example_label=${unknown.label}: there is none`);
    const because = `with ${examples.length} labelled photos`;
    const order = { field: "input.channel_order", value: "BGR", source: "examples", confidence: 0.9 } as const;
    return {
      overrides: { channel_order: "BGR" },
      evidence: [{ ...order, because, alternatives: [] }],
      warnings: examples.length > 1 ? ["a label may be wrong"] : [],
      labels_log: -0.3,
    };
  }

  async describe({ spec, labels }: ClassifyTarget): Promise<ModelSpec> {
    return { ...spec, labels: { ...(await this.describeLabels(labels ?? COLOURS)), offset: 0 } };
  }

  async describeLabels(labels: Uint8Array): Promise<Pick<LabelsSpec, "count" | "format">> {
    if (labels.length === 0) throw new AppError("labels_invalid", "the label file is empty");
    return { count: Buffer.from(labels).toString("utf8").trim().split("\n").length, format: "plain" };
  }

  async readJson(bytes: Uint8Array): Promise<JsonValue> {
    return readJson(bytes);
  }

  async close(): Promise<void> {}
}

/** Fetches nothing: what it was asked for is half there. */
export class FakeFetcher implements ModelFetcher {
  readonly asked: { id: string; version: string | null; trustOnFirstUse: boolean }[] = [];
  readonly states = new Map<string, FetchState>();

  begin(id: string, version: string | null, trustOnFirstUse: boolean): FetchState {
    this.asked.push({ id, version, trustOnFirstUse });
    const state = { receivedBytes: 1, totalBytes: 2, problem: null };
    this.states.set(id, state);
    return state;
  }

  cancel(id: string): void {
    if (!this.states.delete(id)) throw new AppError("not_found", `Model ${id} is not being fetched.`);
  }

  stateOf(id: string): FetchState | null {
    return this.states.get(id) ?? null;
  }

  async close(): Promise<void> {}
}

export class FakeZoo implements ModelZoo {
  readonly defaultId: string | null;

  constructor(
    private readonly models: readonly ZooModel[] = [
      zooModel("colours", { default: true }),
      zooModel("listed", { present: false }),
      zooModel("damaged", { damage: "graph.pb: its SHA-256 is another" }),
    ],
  ) {
    this.defaultId = models.find(({ manifest }) => manifest.default)?.manifest.id ?? null;
  }

  async refresh(): Promise<void> {}

  list(): readonly ZooModel[] {
    return this.models;
  }

  find(id: string, version?: string): ZooModel | undefined {
    return this.models.find(({ manifest }) => manifest.id === id && (version ?? manifest.version) === manifest.version);
  }

  versionsOf(id: string): readonly string[] {
    return this.models.filter(({ manifest }) => manifest.id === id).map(({ manifest }) => manifest.version);
  }
}

export function zooModel(
  id: string,
  facts: { default?: boolean; present?: boolean; damage?: string; graph?: Uint8Array } = {},
): ZooModel {
  const graph = facts.graph ?? FAKE_GRAPH;
  const manifest: Manifest = {
    schema: 1,
    id,
    version: "1",
    title: `The ${id}`,
    description: "Tells colours apart.",
    licence: "Apache-2.0",
    default: facts.default ?? false,
    graph: { file: "graph.pb", bytes: null, sha256: null },
    labels: { file: "labels.txt", sha256: null },
    input: { width: 8, height: 8 },
    output: { kind: "softmax", classes: 3 },
  };
  const damaged = () => new AppError("engine_unavailable", `Model ${id} is damaged on the server.`);
  return {
    manifest,
    present: facts.present ?? true,
    damage: facts.damage ?? null,
    rejected: null,
    registered: false,
    program: null,
    readGraph: async () => {
      if (facts.damage !== undefined) throw damaged();
      return graph;
    },
    readLabels: async () => COLOURS,
    samples: id === "colours" ? ["red.png"] : [],
    readSample: async (name) => (name === "red.png" && id === "colours" ? Buffer.from("red") : null),
  };
}

export interface FakeService {
  readonly url: string;
  readonly routes: readonly Route[];
  readonly engine: FakeEngine;
  readonly classifier: FakeClassifier;
  readonly fetcher: FakeFetcher;
  readonly models: Models;
  readonly logLines: string[];
  readonly registeredModelsDir: string;
  readonly limits: Config;
  readonly connections: Connections;
  /** Opens the gRPC port and gives its address. */
  openGrpc(): Promise<string>;
  /** What requests hold now. */
  held(): Held;
  readiness: Readiness;
  close(): Promise<void>;
}

export async function startFakeService(
  config: Partial<Config> = {},
  apiKeys: ApiKeys | null = null,
  fetchImage: FetchImage = createImageFetcher({ hosts: [], bytesMax: 1, msMax: 1 }),
  feedback: Feedback | null = null,
  openJobs: (zoo: ModelZoo) => Promise<TeachJobs | null> = async () => null,
): Promise<FakeService> {
  const limits: Config = { ...readConfig({}, false), ...config };
  const engine = new FakeEngine();
  const classifier = new FakeClassifier();
  const registeredModelsDir = await mkdtemp(join(tmpdir(), "menagerie-registered-"));
  const store = await openModelStore({
    blobs: folderBlobs(registeredModelsDir),
    zoo: new FakeZoo(),
    modelsMax: limits.registeredModelsMax,
    bytesMax: limits.registeredBytesMax,
    report: () => {},
  });
  const observing = await openObserving({}, () => {});
  const models = createModelRegistry({
    engine,
    classifier,
    exportModel: fakeExport,
    zoo: store,
    modelsLoadedMax: limits.modelsLoadedMax,
    modelsMemoryBytesMax: limits.modelsMemoryBytesMax,
    uploadedGraphsBytesMax: limits.uploadedGraphsBytesMax,
    strangerLoadsMax: limits.strangerLoadsMax,
    retryCount: limits.engineRetries,
    threads: 0,
    sandboxRequired: limits.sandbox === "required",
    observer: observing.observer,
  });
  const logLines: string[] = [];
  const logger = createLogger("trace", { write: (line: string) => void logLines.push(line) });
  const service: { readiness: Readiness } = {
    readiness: {
      ready: true,
      live: true,
      reason: null,
      default_model: "colours",
      models_loaded: 0,
      held: { requests: 0, waiting: 0, bytes: 0, connections: 0 },
      images_kept: { count: 0, bytes: 0 },
      feedback: feedback?.status() ?? null,
      models_store: null,
      engine: {
        kind: "fake",
        ready: true,
        runtime: null,
        libtensorflow: null,
        kernels: null,
        sandbox: null,
        cgroup: NO_CGROUP,
        programs: [],
      },
    },
  };
  const fetcher = new FakeFetcher();
  const imageStore = createImageStore(limits);
  const jobs = await openJobs(store);
  const { listener, routes, held, openGrpc } = createApp({
    classifier,
    models,
    zoo: store,
    registrar: createRegistrar({
      models,
      classifier,
      store,
      decide: (...asked) => decided({ models, classifier }, ...asked),
      report: (error) => {
        throw error;
      },
    }),
    fetcher,
    feedback,
    jobs,
    peerCounts: null,
    logger,
    fetchImage,
    readImagePath: createPathReader({ dir: limits.imagesDir, bytesMax: limits.imageBytesMax }),
    imageStore,
    limits,
    webDir: fileURLToPath(new URL("../fixtures/web", import.meta.url)),
    trustProxy: limits.trustProxy,
    corsOrigins: limits.corsOrigins,
    // Tests that say nothing of it send what Host they like.
    isLocal: config.host !== undefined && isLoopback(config.host),
    apiKeys,
    anonymousRole: limits.anonymousRole,
    readiness: () => service.readiness,
    observer: observing.observer,
    onRest: () => false,
    metrics: async () =>
      observing.render({
        held: { ...held(), connections: 1 },
        imagesKept: imageStore.kept,
        modelsLoaded: models.loadedCount(),
        waiting: { permit: held().waiting, thread: 0, engine: 0 },
        feedback,
        teach: jobs?.status() ?? null,
        sandbox: engine.sandbox,
        runtime: engine.status().runtime,
        kernels: engine.status().kernels,
        memoryBytes: { service: process.memoryUsage.rss(), engines: await engine.memoryBytes() },
      }),
    metricsRole: limits.metricsRole,
  });
  const server = createServer(listener);
  const connections = boundConnections(server, limits.connectionsMax, limits.trustProxy !== "");
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const closing: (() => Promise<void>)[] = [];
  const { port } = server.address() as AddressInfo;
  return Object.assign(service, {
    url: `http://127.0.0.1:${port}`,
    routes,
    held,
    connections,
    async openGrpc() {
      const door = await openGrpc();
      const grpc = createNetServer((socket) => {
        if (!door.takes(socket)) socket.destroy();
        else if (connections.admit(socket)) door.serve(socket, () => connections.begin(socket));
      });
      grpc.listen(0, "127.0.0.1");
      await once(grpc, "listening");
      closing.push(async () => {
        grpc.close();
        await door.close();
      });
      return `127.0.0.1:${(grpc.address() as AddressInfo).port}`;
    },
    engine,
    classifier,
    fetcher,
    models,
    logLines,
    limits,
    registeredModelsDir,
    async close() {
      await jobs?.close();
      await rm(registeredModelsDir, { recursive: true, force: true });
      await Promise.all(closing.map((close) => close()));
      server.closeAllConnections();
      await feedback?.close();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** A form: strings are fields, bytes are files; a list repeats its name. */
export function form(
  parts: Readonly<Record<string, string | Uint8Array | readonly (string | Uint8Array)[]>>,
  fileName = "photo.png",
): FormData {
  const data = new FormData();
  for (const [name, part] of Object.entries(parts)) {
    const values = Array.isArray(part) ? part : [part];
    for (const value of values as (string | Uint8Array<ArrayBuffer>)[]) {
      if (typeof value === "string") data.append(name, value);
      else data.append(name, new Blob([value]), fileName);
    }
  }
  return data;
}
