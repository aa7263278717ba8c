/** One suite for every engine: what holds for one holds for all, so they can stand in for each other. */
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FRAME_KIND, type LoadRequest } from "../src/generated/contract.js";
import type { InferenceEngine, LoadedModel, ModelIdentity, Pieces } from "../src/ports.js";
import { addonEngine, codec, processEngine, remoteEngine } from "./support/engines.js";
import { FakeEngine, frameOf, inferFrameOf, scoresOf } from "./support/fake-engine.js";
import { meanColourGraph } from "./support/graph-def.js";
import { party } from "./support/party.js";
import { runtimes } from "./support/paths.js";
import { makeColourZoo, type RunningServer, startServer } from "./support/server.js";

const RED = [255, 0, 0] as const;
const GREEN = [0, 255, 0] as const;
const BLUE = [0, 0, 255] as const;
/** Softmax of 1, 0, 0. */
const WINNER = Math.E / (Math.E + 2);
const OTHER = 1 / (Math.E + 2);

/** Frames of 786 kB: more than a pipe takes, so that each is written while the engine reads. */
const SIDE = 512;
/** Where values travel as text. */
const REMOTE_SIDE = 64;

const REQUEST: LoadRequest = {
  origin: "stranger",
  format: "auto",
  overrides: { mean: [0], std: [255] },
  source: "request",
  label_count: 3,
  threads: 1,
};

interface Contender {
  readonly name: string;
  readonly open: () => InferenceEngine | Promise<InferenceEngine>;
  readonly graph: Uint8Array;
  /** Of its pictures, where that is not `SIDE`. */
  readonly side?: number;
  /** For an engine that has the zoo's models alone. */
  readonly request?: LoadRequest;
}

/** A second service, which runs the tensors of the remote contenders. */
let second: RunningServer;
let zoo: string;
const IDENTITY: ModelIdentity = { id: "colours", version: "1", sha256: "" };
const REMOTE = ["v2+http", "v2+grpc", "tfs+http"] as const;

beforeAll(async () => {
  zoo = await makeColourZoo(REMOTE_SIDE);
  second = await startServer({ MODELS_DIR: zoo, GRPC_PORT: "0" });
});
afterAll(async () => {
  await second.stop();
  await rm(zoo, { recursive: true });
});

/** Of the second service, for `ENGINE`. */
function addressOf(speech: (typeof REMOTE)[number]): string {
  const grpc = /gRPC (\S+?)[ )]*$/.exec(second.announcement)?.[1] ?? "";
  return `${speech}://${speech === "v2+grpc" ? grpc : second.url.replace("http://", "")}`;
}

const CONTENDERS: readonly Contender[] = [
  { name: "fake", open: () => new FakeEngine(), graph: Buffer.from(`graph side=${SIDE}`) },
  ...runtimes().flatMap((runtime) => [
    { name: `process (${runtime})`, open: () => processEngine({}, runtime), graph: meanColourGraph(SIDE) },
    { name: `addon (${runtime})`, open: () => addonEngine(undefined, runtime), graph: meanColourGraph(SIDE) },
  ]),
  ...REMOTE.map((speech) => ({
    name: `remote (${speech})`,
    open: () => remoteEngine(addressOf(speech)),
    graph: meanColourGraph(REMOTE_SIDE),
    side: REMOTE_SIDE,
    request: { ...REQUEST, origin: "zoo" } as const,
  })),
];

describe.each(CONTENDERS)("the $name engine", ({ open, graph, side = SIDE, request = REQUEST }) => {
  let engine: InferenceEngine;
  let model: LoadedModel;
  const { decodeReply } = codec();
  const inferFrame = (...colours: Parameters<typeof inferFrameOf>[1][number][]) => inferFrameOf(side, colours);
  /** A tensors frame with the values that the pixels of an infer frame stand for. */
  const tensorsFrame = (...colours: Parameters<typeof inferFrame>) => {
    const [count, pixels] = [inferFrame(...colours).subarray(9, 13), inferFrame(...colours).subarray(13)];
    const values = Float32Array.from(pixels, (pixel) => pixel / 255);
    return frameOf(FRAME_KIND.tensors, 0, Buffer.concat([count, new Uint8Array(values.buffer)]));
  };
  const load = (pieces: Pieces) => engine.load(pieces, request, null, IDENTITY);

  beforeAll(async () => {
    engine = await open();
    model = await load([graph.subarray(0, 2), graph.subarray(2)]);
  });
  afterAll(async () => {
    await engine.close();
  });

  it("resolves the spec of a graph", () => {
    const { input, output, verdict } = model.spec;
    expect(input).toMatchObject({ tensor: "input", layout: "NHWC", width: side, height: side, channels: 3 });
    expect(input.mean).toEqual([0, 0, 0]);
    expect(input.std).toEqual([255, 255, 255]);
    expect(output).toMatchObject({ tensor: "probabilities", kind: "softmax", classes: 3 });
    expect(verdict.allowed).toBe(true);
  });

  it("answers the scores of an image", async () => {
    const scores = scoresOf(await model.exchange(inferFrame(GREEN), party()));
    for (const [index, score] of [OTHER, WINNER, OTHER].entries()) expect(scores[index]).toBeCloseTo(score, 5);
  });

  it("answers several images of one frame in their order", async () => {
    const scores = scoresOf(await model.exchange(inferFrame(BLUE, RED), party()));
    expect(scores).toHaveLength(6);
    expect(scores[2]).toBeCloseTo(WINNER, 5);
    expect(scores[3]).toBeCloseTo(WINNER, 5);
  });

  it("answers what the graph is fed as it answers the pixels that this is made of", async () => {
    expect(model.tensors).toBe(true);
    const pixels = scoresOf(await model.exchange(inferFrame(BLUE, GREEN), party()));
    expect(scoresOf(await model.exchange(tensorsFrame(BLUE, GREEN), party()))).toEqual(pixels);
  });

  it("answers values that do not fit with a field_invalid frame, and goes on", async () => {
    const frame = tensorsFrame(RED);
    const short = frame.slice(0, frame.length - 4);
    new DataView(short.buffer).setUint32(0, short.length - 4, true);
    const reply = decodeReply(await model.exchange(short, party()));
    expect(reply.kind === "error" && reply.problem.code).toBe("field_invalid");
    expect((await model.exchange(tensorsFrame(RED), party()))[4]).toBe(FRAME_KIND.scores);
  });

  it("answers requests at once, each with its own scores", async () => {
    const colours = Array.from({ length: 24 }, (_, index) => [RED, GREEN, BLUE][index % 3] ?? RED);
    const replies = await Promise.all(colours.map((colour) => model.exchange(inferFrame(colour), party())));
    for (const [index, reply] of replies.entries()) {
      expect(scoresOf(reply)[index % 3], `request ${index}`).toBeCloseTo(WINNER, 5);
    }
  });

  it("tells a party that gives up its reason, and answers the others", async () => {
    const giveUp = new AbortController();
    const impatient = party("impatient", giveUp.signal);
    const given = Promise.allSettled(Array.from({ length: 8 }, () => model.exchange(inferFrame(RED), impatient)));
    const patient = model.exchange(inferFrame(BLUE), party());
    giveUp.abort(new Error("it took too long"));
    for (const { status, ...outcome } of await given) {
      expect([status, outcome]).toEqual(["rejected", { reason: giveUp.signal.reason }]);
    }
    expect(scoresOf(await patient)[2]).toBeCloseTo(WINNER, 5);
  });

  it("takes a frame's memory for the next one as soon as it was answered", async () => {
    const frame = inferFrame(RED);
    for (let count = 0; count < 12; count += 1) {
      const colour = [RED, GREEN, BLUE][count % 3] ?? RED;
      frame.set(inferFrame(colour));
      expect(scoresOf(await model.exchange(frame, party()))[count % 3], `frame ${count}`).toBeCloseTo(WINNER, 5);
    }
  });

  it("answers pixels that do not fit with a field_invalid frame, and goes on", async () => {
    const frame = inferFrame(RED);
    const short = frame.slice(0, frame.length - 1);
    new DataView(short.buffer).setUint32(0, short.length - 4, true);
    const reply = decodeReply(await model.exchange(short, party()));
    expect(reply.kind === "error" && reply.problem.code).toBe("field_invalid");
    expect((await model.exchange(inferFrame(RED), party()))[4]).toBe(FRAME_KIND.scores);
  });

  it("refuses bytes that are no graph with graph_invalid, and other models do not notice", async () => {
    await expect(load([Buffer.from("no graph at all")])).rejects.toMatchObject({
      code: "graph_invalid",
    });
    expect((await model.exchange(inferFrame(RED), party()))[4]).toBe(FRAME_KIND.scores);
  });

  it("says that it is ready, and how many models it holds", () => {
    expect(engine.status()).toMatchObject({ ready: true, modelCount: 1 });
  });

  it("finishes what is in flight when a model is closed, and refuses what comes after", async () => {
    const brief = await load([graph]);
    const inFlight = Promise.all(Array.from({ length: 6 }, () => brief.exchange(inferFrame(RED), party())));
    await brief.close();
    expect((await inFlight).map((reply) => reply[4])).toEqual(Array(6).fill(FRAME_KIND.scores));
    expect(brief.alive).toBe(false);
    await expect(brief.exchange(inferFrame(RED), party())).rejects.toMatchObject({ code: "engine_failed" });
    expect(model.alive).toBe(true);
  });
});

it("the addon refuses graphs that are not trusted, since it confines nothing", async () => {
  const engine = await addonEngine(async () => false);
  await expect(engine.load([meanColourGraph()], REQUEST)).rejects.toMatchObject({ code: "forbidden" });
});
