/**
 * A server of the Open Inference Protocol and of TensorFlow Serving's REST that has one model, `colours`, which takes pictures
 * of 8 pixels a side and always gives the same three scores; it does what a test wants where that is something else.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { loadMessages } from "../../src/grpc-messages.js";

export const SCORES: readonly number[] = [0.125, 0.75, 0.125];

export interface Seen {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface FakeRemote {
  /** With its port. */
  readonly host: string;
  /** What it was asked for, in the order in which that came. */
  readonly seen: Seen[];
  /** Runs that are at work now, and the most that were. */
  readonly runs: { now: number; most: number };
  ready: boolean;
  extensions: string[];
  versions: string[];
  input: object;
  inputs: object[] | null;
  outputs: object[];
  /** Answers a run in place of the scores. */
  run: ((response: ServerResponse, seen: Seen) => unknown) | null;
  /** Ends the connections that are at rest. */
  endIdle(): void;
  close(): Promise<void>;
}

export async function startFakeRemote(): Promise<FakeRemote> {
  const sockets = new Set<Socket>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const seen = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) };
    remote.seen.push(seen);
    if (/\/infer$|:predict$/.test(seen.path)) await answerRun(remote, response, seen);
    else answerFacts(remote, response, seen);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const remote: FakeRemote = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    runs: { now: 0, most: 0 },
    ready: true,
    extensions: ["binary_tensor_data"],
    versions: ["1"],
    input: { name: "input", datatype: "FP32", shape: [-1, 8, 8, 3] },
    inputs: null,
    outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 3] }],
    run: null,
    endIdle: () => server.closeIdleConnections(),
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, "close");
    },
  };
  return remote;
}

function answerFacts(remote: FakeRemote, response: ServerResponse, { path }: Seen): void {
  const [status, value] = factsOf(remote, path);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

/** The status of the answer, and its JSON. */
function factsOf(remote: FakeRemote, path: string): [number, object] {
  if (path === "/v2/health/ready") return [remote.ready ? 200 : 503, { ready: remote.ready }];
  if (path === "/v2") return [200, { name: "fake", version: "7", extensions: remote.extensions }];
  if (path === "/v1/models") return [remote.ready ? 400 : 503, { error: "no such call" }];
  if (!/^\/v[12]\/models\/colours(\/|$)/.test(path)) return [404, { error: "no such model" }];
  const { versions, outputs } = remote;
  const inputs = remote.inputs ?? [remote.input];
  if (path.endsWith("/metadata")) return [200, tfsMetadata(inputs, outputs)];
  if (path.startsWith("/v2/")) return [200, { name: "colours", platform: "fake", versions, inputs, outputs }];
  return [200, { model_version_status: versions.map((version) => ({ version, state: "AVAILABLE" })) }];
}

function tfsMetadata(inputs: readonly object[], outputs: readonly object[]): object {
  const dtypes: Readonly<Record<string, string>> = { FP32: "DT_FLOAT", UINT8: "DT_UINT8" };
  const tensors = (list: readonly object[]) =>
    Object.fromEntries(
      (list as { name: string; datatype: string; shape: number[] }[]).map(({ name, datatype, shape }) => {
        const dim = shape.map((size) => ({ size: String(size), name: "" }));
        return [name, { dtype: dtypes[datatype] ?? datatype, tensor_shape: { dim, unknown_rank: false }, name }];
      }),
    );
  const signature = { inputs: tensors(inputs), outputs: tensors(outputs), method_name: "tensorflow/serving/predict" };
  return { metadata: { signature_def: { signature_def: { serving_default: signature } } } };
}

async function answerRun(remote: FakeRemote, response: ServerResponse, seen: Seen): Promise<void> {
  remote.runs.now += 1;
  remote.runs.most = Math.max(remote.runs.most, remote.runs.now);
  let isOver = false;
  const over = () => {
    if (!isOver) remote.runs.now -= 1;
    isOver = true;
  };
  response.once("close", over);
  // The client may ask again before this side hears that its answer is out.
  response.once("prefinish", over);
  if (remote.run !== null) await remote.run(response, seen);
  else if (seen.path.endsWith(":predict")) response.end(JSON.stringify({ outputs: scoresOf(tfsImages(seen.body)) }));
  else if (seen.headers["inference-header-content-length"] !== undefined) sendRaw(response, scoresOf(v2Images(seen)));
  else response.end(JSON.stringify(v2Answer(scoresOf(v2Images(seen)))));
}

const scoresOf = (images: number) => Array.from({ length: images }, () => SCORES);

function tfsImages(body: Buffer): number {
  return (JSON.parse(body.toString()) as { inputs: Record<string, unknown[]> }).inputs["input"]?.length ?? 0;
}

function v2Images({ headers, body }: Seen): number {
  const length = headers["inference-header-content-length"];
  const json = body.toString("utf8", 0, length === undefined ? body.length : Number(length));
  return (JSON.parse(json) as { inputs: { shape: number[] }[] }).inputs[0]?.shape[0] ?? 0;
}

/** An answer of the Open Inference Protocol as JSON. */
export function v2Answer(scores: readonly unknown[]): object {
  return { outputs: [{ name: "probabilities", datatype: "FP32", shape: [scores.length, 3], data: scores.flat() }] };
}

/** An answer of the Open Inference Protocol with its values as they are; `changes` are of its one output. */
export function sendRaw(response: ServerResponse, scores: readonly (readonly number[])[], changes: object = {}): void {
  const raw = Buffer.from(Float32Array.from(scores.flat()).buffer);
  const output = { name: "probabilities", datatype: "FP32", shape: [scores.length, 3] };
  const json = JSON.stringify({ outputs: [{ ...output, parameters: { binary_data_size: raw.length }, ...changes }] });
  response.setHeader("Inference-Header-Content-Length", Buffer.byteLength(json));
  response.end(Buffer.concat([Buffer.from(json), raw]));
}

export interface FakeGrpcRemote {
  readonly host: string;
  ready: boolean;
  /** The answer to a run as bytes, or the status that it fails with; null is never answered. */
  run: () => Buffer | { code: number; details: string } | null;
  /** Values of `authorization`. */
  readonly tokens: string[];
  close(): void;
}

const SERVICE = "inference.GRPCInferenceService";

/** The same model over gRPC. */
export async function startFakeGrpcRemote(): Promise<FakeGrpcRemote> {
  const messages = loadMessages();
  const server = new Server({ "grpc.max_send_message_length": -1 });
  const asItIs = (bytes: Buffer) => bytes;
  const answers: Record<string, () => ReturnType<FakeGrpcRemote["run"]>> = {
    ServerReady: () => encoded("ServerReady", { ready: remote.ready }),
    ServerMetadata: () => encoded("ServerMetadata", { name: "fake", version: "7", extensions: [] }),
    ModelMetadata: () =>
      encoded("ModelMetadata", {
        name: "colours",
        versions: ["1"],
        inputs: [{ name: "input", datatype: "FP32", shape: [-1, 8, 8, 3] }],
        outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 3] }],
      }),
    ModelInfer: () => remote.run(),
  };
  const encoded = (name: string, answer: object) => messages.find(`${SERVICE}/${name}`).encode(answer);
  for (const [name, answer] of Object.entries(answers)) {
    const method = { path: `/${SERVICE}/${name}`, requestStream: false, responseStream: false } as const;
    const forms = { requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs };
    server.addService(
      { [name]: { ...method, ...forms, responseDeserialize: asItIs } },
      {
        [name]: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
          remote.tokens.push(...call.metadata.get("authorization").map(String));
          const answered = answer();
          if (Buffer.isBuffer(answered)) respond(null, answered);
          else if (answered !== null) respond(answered);
        },
      },
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const remote: FakeGrpcRemote = {
    host: `127.0.0.1:${port}`,
    ready: true,
    run: () => grpcScores(SCORES),
    tokens: [],
    close: () => server.forceShutdown(),
  };
  return remote;
}

/** The answer to a run over gRPC. */
export function grpcScores(scores: readonly number[], datatype = "FP32"): Buffer {
  return loadMessages()
    .find(`${SERVICE}/ModelInfer`)
    .encode({
      outputs: [{ name: "probabilities", datatype, shape: [1, 3] }],
      raw_output_contents: [new Uint8Array(Float32Array.from(scores).buffer)],
    });
}
