/** Servers that run tensors and do not behave: what they answer is not believed, and costs no more than its limits. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { remoteAddressOf } from "../src/engines/remote/address.js";
import { openRemoteServer } from "../src/engines/remote/open.js";
import type { RemoteEngineOptions } from "../src/engines/remote/remote.js";
import type { LoadRequest } from "../src/generated/contract.js";
import type { InferenceEngine, LoadedModel, ModelIdentity } from "../src/ports.js";
import { codec, remoteEngine } from "./support/engines.js";
import { inferFrame, scoresOf } from "./support/fake-engine.js";
import {
  type FakeRemote,
  grpcScores,
  SCORES,
  sendRaw,
  startFakeGrpcRemote,
  startFakeRemote,
  v2Answer,
} from "./support/fake-remote.js";
import { meanColourGraph } from "./support/graph-def.js";
import { party } from "./support/party.js";

const COLOURS: ModelIdentity = { id: "colours", version: "1", sha256: "" };
const REQUEST: LoadRequest = {
  origin: "zoo",
  format: "auto",
  overrides: { mean: [0], std: [255] },
  source: "manifest",
  label_count: 3,
  threads: 1,
};
const HTTP = ["v2+http", "tfs+http"] as const;
const RED = [255, 0, 0] as const;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function startRemote(changes: Partial<FakeRemote> = {}): Promise<FakeRemote> {
  const remote = Object.assign(await startFakeRemote(), changes);
  closing.push(() => remote.close());
  return remote;
}

async function openEngine(address: string, overrides: Partial<RemoteEngineOptions> = {}): Promise<InferenceEngine> {
  const engine = await remoteEngine(address, { threadCount: 1, ...overrides });
  closing.push(() => engine.close());
  return engine;
}

function load(engine: InferenceEngine, changes: Partial<LoadRequest> = {}, identity = COLOURS): Promise<LoadedModel> {
  return engine.load([meanColourGraph()], { ...REQUEST, ...changes }, null, identity);
}

/** A loaded model whose next runs are answered by `run`. */
async function loaded(
  speech: (typeof HTTP)[number],
  run: FakeRemote["run"],
  overrides: Partial<RemoteEngineOptions> = {},
): Promise<{ model: LoadedModel; engine: InferenceEngine; remote: FakeRemote }> {
  const remote = await startRemote();
  const engine = await openEngine(`${speech}://${remote.host}`, overrides);
  const model = await load(engine);
  remote.run = run;
  return { model, engine, remote };
}

/** As `loaded`, of one server and one engine for all tests: threads take their time to start. */
const shared = new Map<string, Promise<{ remote: FakeRemote; engine: InferenceEngine }>>();
afterAll(async () => {
  for (const opened of shared.values()) {
    const { remote, engine } = await opened;
    await engine.close();
    await remote.close();
  }
});

async function loadedFromShared(speech: (typeof HTTP)[number], run: FakeRemote["run"]): Promise<LoadedModel> {
  const opened =
    shared.get(speech) ??
    startFakeRemote().then(async (remote) => ({
      remote,
      engine: await remoteEngine(`${speech}://${remote.host}`, { threadCount: 1 }),
    }));
  shared.set(speech, opened);
  const { remote, engine } = await opened;
  remote.run = null;
  const model = await load(engine);
  remote.run = run;
  return model;
}

/** Code and message of a run that gives no scores, whether it is refused by a frame or rejects. */
async function failureOf(model: LoadedModel): Promise<string> {
  const { decodeReply } = codec();
  try {
    const reply = decodeReply(await model.exchange(inferFrame(RED), party()));
    return reply.kind === "error" ? `${reply.problem.code}: ${reply.problem.message}` : reply.kind;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code}: ${message}`;
  }
}

const sendJson = (value: unknown) => (response: ServerResponse) => response.end(JSON.stringify(value));
const sendText = (text: string) => (response: ServerResponse) => response.end(text);
const rows = (...scores: unknown[]) => ({ outputs: [scores] });

describe("a remote server's answer", () => {
  it.each<[string, (typeof HTTP)[number], FakeRemote["run"], RegExp]>([
    ["is not a number", "v2+http", (response) => sendRaw(response, [[0, Number.NaN, 1]]), /NaN as value 1/],
    ["is not finite", "v2+http", (response) => sendRaw(response, [[0, Infinity, 1]]), /Infinity as value 1/],
    [
      "has too few values",
      "v2+http",
      (response) => sendRaw(response, [[0, 1]]),
      /8 bytes, and 3 values of FP32 take 12/,
    ],
    ["has too many values", "v2+http", (response) => sendRaw(response, [[0, 1, 0, 0]]), /16 bytes, and 3 values/],
    ["has texts", "v2+http", (response) => sendRaw(response, [[0, 1, 0]], { datatype: "BYTES" }), /datatype BYTES/],
    [
      "is of another output",
      "v2+http",
      (response) => sendRaw(response, [[0, 1, 0]], { name: "other" }),
      /not what its own head says/,
    ],
    [
      "has a head that promises more",
      "v2+http",
      (response) => sendRaw(response, [[0, 1, 0]], { parameters: { binary_data_size: 4_000_000_000 } }),
      /not what its own head says/,
    ],
    [
      "has a head that is longer than all of it",
      "v2+http",
      (response) => response.setHeader("Inference-Header-Content-Length", 99).end("{}"),
      /not what its own head says/,
    ],
    ["is JSON with too few values", "v2+http", sendJson(v2Answer([[1, 0]])), /answered 2 values, not 3/],
    ["is JSON with too many values", "v2+http", sendJson(v2Answer([[1, 0, 0, 0]])), /more values than the 3/],
    ["is JSON with texts", "v2+http", sendJson(v2Answer([["a", "b", "c"]])), /no numbers/],
    ["is JSON with nulls", "tfs+http", sendJson(rows(1, null, 0)), /no numbers/],
    ["is JSON with no outputs", "tfs+http", sendJson({ error: "sorry" }), /no numbers/],
    ["is JSON with NaN in it", "tfs+http", sendText('{"outputs":[[NaN,0,1]]}'), /no JSON/],
    ["is JSON that overflows a float32", "tfs+http", sendText('{"outputs":[[1e300,0,1]]}'), /Infinity as value 0/],
    [
      "is JSON of very deep lists",
      "tfs+http",
      sendText(`{"outputs":${"[".repeat(9000)}${"]".repeat(9000)}}`),
      /no numbers/,
    ],
    ["is no JSON", "tfs+http", sendText("<html>"), /no JSON/],
    ["is empty", "v2+http", sendText(""), /no JSON/],
    ["never ends", "v2+http", endless, /more than \d+ bytes; it is not read/],
    ["says that it is a redirect", "v2+http", (response) => response.writeHead(302, { location: "/v2" }).end(), /302/],
    ["says that it failed", "tfs+http", (response) => response.writeHead(500).end("secret"), /answered with 500\.$/],
    ["is cut off", "v2+http", cutOff, /ended its answer in the middle/],
    ["does not come", "tfs+http", (response) => response.socket?.destroy(), /ended the connection before it answered/],
  ])("that %s (%s) is engine_failed", async (_what, speech, run, told) => {
    const failure = await failureOf(await loadedFromShared(speech, run));
    expect(failure).toMatch(/^engine_failed: /);
    expect(failure).toMatch(told);
  });

  it.each(HTTP)("that comes late (%s) is engine_timeout, and its connection is ended", async (speech) => {
    const { model, remote } = await loaded(speech, () => sleep(20_000), { runMsMax: 100 });
    expect(await failureOf(model)).toMatch(/^engine_timeout: The remote server did not answer within 100 ms\.$/);
    await expect.poll(() => remote.runs.now).toBe(0);
  });

  it("that it takes no more is engine_unavailable until the time that it says, and the model stays loaded", async () => {
    const busy = (response: ServerResponse) => response.writeHead(503, { "retry-after": "7" }).end();
    const { model, remote } = await loaded("v2+http", busy);
    await expect(model.exchange(inferFrame(RED), party())).rejects.toMatchObject({
      code: "engine_unavailable",
      retryAfterSeconds: 7,
    });
    expect(model.alive).toBe(true);
    remote.run = null;
    expect(scoresOf(await model.exchange(inferFrame(RED), party()))).toEqual(SCORES);
  });
});

describe("a remote server that has another model by now", () => {
  it.each<[string, (typeof HTTP)[number], FakeRemote["run"]]>([
    ["other classes", "v2+http", (response) => sendRaw(response, [[0, 1, 0, 0, 0]])],
    ["other classes", "tfs+http", sendJson(rows(0, 1, 0, 0, 0))],
    ["another output", "v2+http", (response) => sendRaw(response, [[0, 1, 0]], { name: "other" })],
  ])("of %s (%s) is asked anew what it has after the first answer that does not fit", async (_what, speech, run) => {
    const { model, engine, remote } = await loaded(speech, run);
    remote.outputs = [{ name: "probabilities", datatype: "FP32", shape: [-1, 5] }];
    expect(await failureOf(model)).toMatch(/^engine_failed/);
    expect(model.alive).toBe(false);
    await expect(load(engine)).rejects.toThrow(/\[-1, 3\].*\[-1, 5\]/);
  });
});

describe("a remote server that is gone", () => {
  it("is asked anew what it has when it is back", async () => {
    const { model, engine, remote } = await loaded("v2+http", cutOff);
    expect(await failureOf(model)).toMatch(/^engine_failed/);
    expect(model.alive).toBe(false);
    expect(engine.status().modelCount).toBe(0);
    remote.run = null;
    remote.outputs = [{ name: "probabilities", datatype: "FP32", shape: [-1, 5] }];
    await expect(load(engine)).rejects.toMatchObject({
      code: "engine_unavailable",
      message: expect.stringMatching(/\[-1, 3\].*\[-1, 5\]/),
    });
  });

  it.each([...HTTP, "v2+grpc"])(
    "is engine_unavailable (%s), and the engine says why it is not ready",
    async (speech) => {
      const remote = await startRemote();
      await remote.close();
      const engine = await openEngine(`${speech}://${remote.host}`);
      await expect(load(engine)).rejects.toMatchObject({ code: "engine_unavailable", retryAfterSeconds: 1 });
      expect(engine.status()).toMatchObject({ ready: false, problem: expect.stringMatching(/cannot be reached/) });
      expect(engine.status().problem).not.toContain(remote.host);
    },
  );

  it("is not ready while it says so itself, and ready again", async () => {
    const told: (string | null)[] = [];
    const { engine, remote } = await loaded("v2+http", null, { log: (problem) => told.push(problem) });
    expect(engine.status()).toMatchObject({ ready: true, problem: null, runtime: { name: "fake", version: "7" } });
    remote.ready = false;
    await expect.poll(() => engine.status().ready).toBe(false);
    remote.ready = true;
    await expect.poll(() => engine.status().ready).toBe(true);
    expect(told).toEqual([null, "the remote server is not ready (503)", null]);
  });

  it("may end a connection that rests: the next run takes another one", async () => {
    const { model, remote } = await loaded("v2+http", null);
    for (let count = 0; count < 5; count += 1) {
      remote.endIdle();
      expect(scoresOf(await model.exchange(inferFrame(RED), party()))).toEqual(SCORES);
    }
  });
});

describe("a model of a remote server", () => {
  it.each<[string, Partial<FakeRemote>, RegExp]>([
    [
      "takes pictures of another size",
      { input: { name: "input", datatype: "FP32", shape: [-1, 16, 16, 3] } },
      /"input" FP32 \[-1, 8, 8, 3\], and the one there "input" FP32 \[-1, 16, 16, 3\]/,
    ],
    ["takes bytes", { input: { name: "input", datatype: "UINT8", shape: [-1, 8, 8, 3] } }, /FP32 .* UINT8/],
    ["has its channels first", { input: { name: "x", datatype: "FP32", shape: [-1, 3, 8, 8] } }, /\[-1, 3, 8, 8\]/],
    [
      "has other classes",
      { outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 1001] }] },
      /"probabilities" FP32 \[-1, 3\], and the one there "probabilities" FP32 \[-1, 1001\]/,
    ],
    [
      "has two inputs of other names",
      { inputs: ["a", "b"].map((name) => ({ name, datatype: "FP32", shape: [-1, 8, 8, 3] })) },
      /the one there "a" FP32 .*, "b" FP32/,
    ],
    [
      "runs more images at once than anybody has",
      { input: { name: "input", datatype: "FP32", shape: [1_000_000, 8, 8, 3] } },
      /runs 1000000 images at once, and 1 to 64 can be given/,
    ],
    ["answers a grey picture with other values", { run: sendJson(v2Answer([[1, 0]])) }, /answered 2 values, not 3/],
  ])("that %s is refused when it is loaded, by a sentence that names both", async (_what, changes, told) => {
    const remote = await startRemote(changes);
    const engine = await openEngine(`v2+http://${remote.host}`);
    await expect(load(engine)).rejects.toMatchObject({
      code: "engine_unavailable",
      message: expect.stringMatching(told),
    });
    // What a request sets is the request's fault.
    const asked = load(engine, { source: "request" });
    const code = remote.run === null ? "field_invalid" : "engine_unavailable";
    await expect(asked).rejects.toMatchObject({ code });
  });

  it("may call its input and its output otherwise", async () => {
    const remote = await startRemote({
      input: { name: "serving_default_x:0", datatype: "FP32", shape: [-1, -1, -1, 3] },
      outputs: [
        { name: "label", datatype: "BYTES", shape: [-1] },
        { name: "StatefulPartitionedCall:0", datatype: "FP32", shape: [-1, 3] },
      ],
      run: (response) => sendRaw(response, [SCORES], { name: "StatefulPartitionedCall:0" }),
    });
    const model = await load(await openEngine(`v2+http://${remote.host}`));
    expect(scoresOf(await model.exchange(inferFrame(RED), party()))).toEqual(SCORES);
    expect(remote.seen.at(-1)?.body.toString()).toContain('"inputs":[{"name":"serving_default_x:0"');
  });

  it("that is fixed at a batch is given that many images", async () => {
    const remote = await startRemote({ input: { name: "input", datatype: "FP32", shape: [4, 8, 8, 3] } });
    const model = await load(await openEngine(`v2+http://${remote.host}`));
    expect(model.imagesMax).toBe(4);
    expect(scoresOf(await model.exchange(inferFrame(RED, RED), party()))).toEqual([...SCORES, ...SCORES]);
    expect(remote.seen.at(-1)?.body.toString()).toContain('"shape":[4,8,8,3]');
  });

  it("is found by its own name and version, or by those that were set", async () => {
    const remote = await startRemote({ versions: ["1", "2"] });
    const line = { id: "flowers", version: null, remote: { name: "colours", version: "9" } };
    const engine = await openEngine(`v2+http://${remote.host}`, { names: [line] });
    const runPath = () => remote.seen.at(-1)?.path;
    await load(engine);
    expect(runPath()).toBe("/v2/models/colours/versions/1/infer");
    await load(engine, {}, { ...COLOURS, version: "3" });
    expect(runPath()).toBe("/v2/models/colours/infer");
    await load(engine, {}, { ...COLOURS, id: "flowers" });
    expect(runPath()).toBe("/v2/models/colours/versions/9/infer");
    await expect(load(engine, {}, { ...COLOURS, id: "../repository" })).rejects.toThrow("does not have the model");
    expect(runPath()).toBe("/v2/models/..%2Frepository");
  });

  it("of a client is none: it is refused, and the server hears nothing of it", async () => {
    const remote = await startRemote();
    const engine = await openEngine(`v2+http://${remote.host}`);
    await expect.poll(() => engine.status().ready).toBe(true);
    const before = remote.seen.length;
    await expect(load(engine, { origin: "stranger" })).rejects.toMatchObject({ code: "forbidden" });
    const program = { model: "colours", path: "/bin/false", arguments: [], folder: "/", isOneShot: false };
    await expect(engine.load([], REQUEST, program, COLOURS)).rejects.toMatchObject({ code: "engine_unavailable" });
    expect(remote.seen.slice(before).filter(({ path }) => path.includes("models"))).toEqual([]);
  });

  it.each([
    ["v2+http", ["binary_tensor_data"], "application/octet-stream"],
    ["v2+http", [], "application/json"],
    ["tfs+http", [], "application/json"],
  ] as const)("of %s with %j gets its tensor as %s", async (speech, extensions, type) => {
    const remote = await startRemote({ extensions: [...extensions] });
    const model = await load(await openEngine(`${speech}://${remote.host}`));
    expect(scoresOf(await model.exchange(inferFrame(RED), party()))).toEqual(SCORES);
    expect(remote.seen.at(-1)?.headers["content-type"]).toBe(type);
  });

  it("gets as many runs at once as are set, over connections that are kept", async () => {
    const remote = await startRemote();
    const engine = await openEngine(`v2+http://${remote.host}`, {
      requestsMax: 2,
      server: await serverOf(`v2+http://${remote.host}`, 2),
    });
    const model = await load(engine);
    remote.run = async (response) => {
      await sleep(20);
      sendRaw(response, [SCORES]);
    };
    await Promise.all(Array.from({ length: 12 }, () => model.exchange(inferFrame(RED), party())));
    expect(remote.runs.most).toBe(2);
  });
});

describe("the token of a remote server", () => {
  it("is sent with each request, and refused by its code where it is wrong", async () => {
    const dir = await mkdtemp(join(tmpdir(), "menagerie-token-"));
    closing.push(() => rm(dir, { recursive: true }));
    const file = join(dir, "token");
    await writeFile(file, "abc.def\n");
    const remote = await startRemote();
    const engine = await openEngine(`v2+http://${remote.host}`, {
      server: await serverOf(`v2+http://${remote.host}`, 1, file),
    });
    const model = await load(engine);
    expect(remote.seen.map(({ headers }) => headers.authorization)).toEqual(remote.seen.map(() => "Bearer abc.def"));
    remote.run = (response) => response.writeHead(401).end();
    expect(await failureOf(model)).toMatch(/^engine_unavailable: .*REMOTE_TOKEN_FILE/);
  });

  it("has to stand in its file on one line", async () => {
    const dir = await mkdtemp(join(tmpdir(), "menagerie-token-"));
    closing.push(() => rm(dir, { recursive: true }));
    await writeFile(join(dir, "token"), "abc\r\nx-evil: 1");
    await expect(serverOf("v2+http://127.0.0.1", 1, join(dir, "token"))).rejects.toMatchObject({
      code: "field_invalid",
    });
    await expect(serverOf("v2+http://127.0.0.1", 1, join(dir, "none"))).rejects.toMatchObject({
      code: "field_invalid",
    });
  });
});

describe("a remote server over gRPC", () => {
  it.each<[string, Awaited<ReturnType<typeof startFakeGrpcRemote>>["run"], RegExp]>([
    ["what is no message", () => Buffer.from([0xff, 0xff, 0xff]), /^engine_failed: .*cannot be read/],
    ["no outputs", () => Buffer.alloc(0), /^engine_failed: .*no such output/],
    ["NaN", () => grpcScores([0, Number.NaN, 1]), /^engine_failed: .*NaN as value 1/],
    ["too few values", () => grpcScores([0, 1]), /^engine_failed: .*8 bytes, and 3 values/],
    ["texts", () => grpcScores([0, 1, 0], "BYTES"), /^engine_failed: .*datatype BYTES/],
    ["a message that is too long", () => grpcScores(Array(6_000_000).fill(0)), /^engine_failed: .*it is not read/],
    ["more values than were asked for", () => grpcScores(Array(60_000).fill(0)), /^engine_failed: .*it is not read/],
    ["nothing", () => null, /^engine_timeout: .*within 300 ms/],
    ["that it takes no more", () => ({ code: status.RESOURCE_EXHAUSTED, details: "full" }), /^engine_unavailable: /],
    ["that it is gone", () => ({ code: status.UNAVAILABLE, details: "gone" }), /^engine_unavailable: /],
    ["that it failed", () => ({ code: status.INTERNAL, details: "secret" }), /^engine_failed: .*with INTERNAL\.$/],
  ])("that answers %s has its code", async (_what, run, told) => {
    const remote = await startFakeGrpcRemote();
    closing.push(() => remote.close());
    const model = await load(await openEngine(`v2+grpc://${remote.host}`, { runMsMax: run() === null ? 300 : 60_000 }));
    expect(scoresOf(await model.exchange(inferFrame(RED), party()))).toEqual(SCORES);
    remote.run = run;
    expect(await failureOf(model)).toMatch(told);
  });

  it("is not ready while it says so itself", async () => {
    const remote = await startFakeGrpcRemote();
    closing.push(() => remote.close());
    remote.ready = false;
    const engine = await openEngine(`v2+grpc://${remote.host}`);
    await expect(load(engine)).rejects.toMatchObject({
      code: "engine_unavailable",
      message: expect.stringMatching(/not ready/),
    });
  });
});

async function serverOf(address: string, requestsMax: number, tokenFile: string | null = null) {
  const parsed = remoteAddressOf(address);
  if (parsed === null) throw new Error(`${address} is no address`);
  return await openRemoteServer(parsed, requestsMax, tokenFile);
}

/** More than anybody reads; where nobody does it ends. */
async function endless(response: ServerResponse): Promise<void> {
  const chunk = Buffer.alloc(65_536, " ");
  while (!response.destroyed) {
    if (!response.write(chunk))
      await Promise.race([new Promise((resolve) => response.once("drain", resolve)), sleep(50)]);
  }
}

function cutOff(response: ServerResponse): void {
  response.writeHead(200, { "content-length": "1000" });
  response.write("{");
  setTimeout(() => response.socket?.destroy(), 20);
}
