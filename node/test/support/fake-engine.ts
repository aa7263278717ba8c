/**
 * An engine that is no engine: it answers with the mean colour of the pixels, as `meanColourGraph` does with a softmax.
 * Any bytes that start with "graph" are a graph to it, for images of 8 pixels a side where they do not go on with
 * "side=" and another number.
 */
import { createHash } from "node:crypto";
import { Lanes } from "../../src/engines/lanes.js";
import { AppError, EngineError } from "../../src/errors.js";
import {
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  type LoadRequest,
  type ModelSpec,
  type Problem,
  type Sandbox,
} from "../../src/generated/contract.js";
import type {
  CgroupStatus,
  EngineStatus,
  ExportModel,
  InferenceEngine,
  LoadedModel,
  ModelRuntime,
  Party,
  Pieces,
} from "../../src/ports.js";

/** Writes down what it is asked for. */
export const fakeExport: ExportModel = async ({ graph, temperature }, { form, preprocess }) => [
  Buffer.from(`${preprocess ? "pixels " : ""}${form} ${temperature} of `),
  ...graph,
];

export const NO_CGROUP: CgroupStatus = { held: false, reason: "it is a fake" };
const SIDE = 8;
const CLASS_COUNT = 3;
const LANES = 2;

export class FakeEngine implements InferenceEngine {
  loadCount = 0;
  memoryBytesEach = 100;
  sandbox: Sandbox | null = null;
  readonly requests: LoadRequest[] = [];
  readonly graphs: Buffer[] = [];
  /** In how many pieces each graph came. */
  readonly pieceCounts: number[] = [];
  readonly models: FakeModel[] = [];
  /** Waited for by each load. */
  loadGate: Promise<void> = Promise.resolve();
  /** Exchanges left before the engine of a model dies. */
  diesAfter = Number.POSITIVE_INFINITY;

  async load(pieces: Pieces, request: LoadRequest): Promise<LoadedModel> {
    const graph = Buffer.concat(pieces);
    this.loadCount += 1;
    this.requests.push(request);
    this.graphs.push(graph);
    this.pieceCounts.push(pieces.length);
    await this.loadGate;
    if (!graph.toString("latin1").startsWith("graph")) {
      throw new AppError("graph_invalid", "this is not a graph");
    }
    const model = new FakeModel(specOf(graph, request), this);
    this.models.push(model);
    return model;
  }

  status(): EngineStatus {
    const modelCount = this.models.filter((model) => model.alive).length;
    const facts = { kind: "fake", ready: true, problem: null, runtime: null, kernels: null, spareCount: 0 } as const;
    return { ...facts, sandbox: this.sandbox, cgroup: NO_CGROUP, programs: [], modelCount, waitingCount: 0 };
  }

  async memoryBytes(): Promise<number> {
    return this.models.filter((model) => model.alive).length * this.memoryBytesEach;
  }

  async close(): Promise<void> {
    await Promise.all(this.models.map((model) => model.close()));
  }
}

export class FakeModel implements LoadedModel {
  alive = true;
  readonly imagesMax = 64;
  tensors = true;
  runtime: ModelRuntime | null = null;
  readonly #lanes = new Lanes(LANES, async (frame) => this.#answer(frame));

  constructor(
    readonly spec: ModelSpec,
    private readonly engine: FakeEngine,
  ) {}

  exchange(frame: Uint8Array, party: Party): Promise<Uint8Array> {
    return this.#lanes.exchange(frame, party);
  }

  async memoryBytes(): Promise<number> {
    return this.engine.memoryBytesEach;
  }

  async close(): Promise<void> {
    this.alive = false;
    await this.#lanes.close();
  }

  #answer(frame: Uint8Array): Uint8Array {
    if (this.engine.diesAfter <= 0) {
      this.alive = false;
      this.engine.diesAfter = Number.POSITIVE_INFINITY;
      throw new EngineError("engine_failed", "running", "The engine ended before it answered.");
    }
    this.engine.diesAfter -= 1;
    return answerFrame(frame, this.spec.input.width);
  }
}

function answerFrame(frame: Uint8Array, side: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset);
  const imageCount = view.getUint32(FRAME_HEADER_BYTES, true);
  const content = frame.subarray(FRAME_HEADER_BYTES + 4);
  const pixels =
    frame[4] === FRAME_KIND.tensors ? new Float32Array(content.slice().buffer).map((value) => value * 255) : content;
  const imageBytes = side * side * CLASS_COUNT;
  const requestId = view.getUint32(5, true);
  if (pixels.length !== imageCount * imageBytes || imageCount === 0) {
    const problem: Problem = { code: "field_invalid", message: `${pixels.length} bytes of pixels do not fit` };
    return frameOf(FRAME_KIND.error, requestId, Buffer.from(JSON.stringify(problem)));
  }
  const scores = Array.from({ length: imageCount }, (_, image) =>
    softmax(meanColour(pixels.subarray(image * imageBytes, (image + 1) * imageBytes))),
  );
  const head = new Uint32Array([imageCount, CLASS_COUNT, 0, 0]);
  return frameOf(
    FRAME_KIND.scores,
    requestId,
    Buffer.concat([Buffer.from(head.buffer), Buffer.from(new Float32Array(scores.flat()).buffer)]),
  );
}

/** A frame as it stands on the wire. */
export function frameOf(kind: number, requestId: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - 4, true);
  view.setUint8(4, kind);
  view.setUint32(5, requestId, true);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** An infer frame with images of one colour each, of 8 pixels a side. */
export function inferFrame(...colours: Colour[]): Uint8Array {
  return inferFrameOf(SIDE, colours);
}

export function inferFrameOf(side: number, colours: readonly Colour[]): Uint8Array {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(colours.length);
  const images = colours.map((colour) => Buffer.alloc(side * side * CLASS_COUNT, Buffer.from(colour)));
  return frameOf(FRAME_KIND.infer, 0, Buffer.concat([count, ...images]));
}

type Colour = readonly [number, number, number];

/** The scores of a scores frame, image by image. */
export function scoresOf(frame: Uint8Array): number[] {
  const values = frame.slice(FRAME_HEADER_BYTES + 16);
  return [...new Float32Array(values.buffer)];
}

function meanColour(pixels: Uint8Array | Float32Array): number[] {
  const sums = [0, 0, 0];
  pixels.forEach((value, index) => {
    sums[index % 3] = (sums[index % 3] ?? 0) + value / 255;
  });
  return sums.map((sum) => sum / (pixels.length / CLASS_COUNT));
}

function softmax(values: readonly number[]): number[] {
  const powers = values.map(Math.exp);
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function specOf(graph: Buffer, { overrides, source }: LoadRequest): ModelSpec {
  const order = overrides.channel_order;
  const side = Number(/^graph side=(\d+)/.exec(graph.toString("latin1"))?.[1] ?? SIDE);
  const zero = { parameters: 0, multiply_adds: 0, memory_bytes_estimate: 0 };
  return {
    input: {
      tensor: "input",
      dtype: "float32",
      layout: "NHWC",
      width: side,
      height: side,
      channels: 3,
      channel_order: order ?? "RGB",
      mean: [0, 0, 0],
      std: [255, 255, 255],
      resize: "stretch",
      crop_fraction: 1,
      resize_filter: "antialias",
    },
    output: { tensor: "probabilities", kind: "softmax", classes: CLASS_COUNT, heads: [] },
    graph: {
      sha256: createHash("sha256").update(graph).digest("hex"),
      bytes: graph.length,
      nodes: 4,
      ...zero,
      ops: {},
    },
    evidence:
      order === undefined
        ? []
        : [{ field: "input.channel_order", value: order, source, because: "set", confidence: 1, alternatives: [] }],
    verdict: { allowed: true, forbidden: [] },
    warnings: graph.includes("unsure") ? ["input.mean is only 60 % sure"] : [],
  };
}
