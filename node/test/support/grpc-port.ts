/** The gRPC port with its gate, before a stand-in for models that is let go by the test. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Client } from "@grpc/grpc-js";
import { expect } from "vitest";
import { type Config, readConfig } from "../../src/config.js";
import { type Admission, createAdmission } from "../../src/front/admission.js";
import { createCallerOf } from "../../src/front/caller.js";
import { boundConnections, type Connections } from "../../src/front/connections.js";
import { createRates } from "../../src/front/limit-rate.js";
import { createReadingTurns, type TakeTurn } from "../../src/front/reading-turns.js";
import { TurnShares } from "../../src/front/turn-shares.js";
import { loadMessages } from "../../src/grpc-messages.js";
import { createLogger } from "../../src/observe/logger.js";
import { type ApiKeys, type RequestFacts, UNOBSERVED } from "../../src/ports.js";
import { createGrpcDoor, type GrpcDoor } from "../../src/protocols/grpc/door.js";
import type { FrameTurns } from "../../src/protocols/grpc/frames-in-turns.js";
import type { GrpcMethod } from "../../src/protocols/grpc/method.js";
import { boundWaste, type Waste } from "../../src/protocols/grpc/waste.js";
import { type Answered, type Asking, ask, openClient } from "./grpc.js";

export const INFER = "inference.GRPCInferenceService/ModelInfer";
export const LOAD = "inference.GRPCInferenceService/RepositoryModelLoad";
export const LIVE = "inference.GRPCInferenceService/ServerLive";
export const MESSAGE_BYTES_MAX = 1_000_000;

export interface Port {
  readonly address: string;
  readonly client: Client;
  readonly door: GrpcDoor;
  readonly admission: Admission;
  readonly connections: Connections;
  readonly logLines: string[];
  /** Signals of the visits that are at work. */
  readonly signals: AbortSignal[];
  readonly seen: unknown[];
  /** What the observer was told. */
  readonly ended: RequestFacts[];
  infer(asking?: Asking, request?: object): Promise<Answered>;
  /** Lets what works end. */
  release(): void;
}

const closing: (() => unknown)[] = [];

/** To be done when the test has ended. */
export function atEnd(close: () => unknown): void {
  closing.push(close);
}

/** Closes what was opened, the last one first. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).toReversed()) await close();
}

export async function startPort(
  config: Partial<Config> = {},
  {
    keys = null,
    fails = null,
    waste = boundWaste(false),
    takeTurn,
    frameTurns,
  }: { keys?: ApiKeys | null; fails?: unknown; waste?: Waste; takeTurn?: TakeTurn; frameTurns?: FrameTurns } = {},
): Promise<Port> {
  const limits: Config = { ...readConfig({}, false), grpcMessageBytesMax: MESSAGE_BYTES_MAX, ...config };
  const admission = createAdmission(limits);
  const callerOf = createCallerOf(keys, () => false);
  const turns = createReadingTurns();
  const logLines: string[] = [];
  const ended: RequestFacts[] = [];
  const [signals, seen]: [AbortSignal[], unknown[]] = [[], []];
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const methods: GrpcMethod[] = [
    { path: LIVE, access: "probe", answer: () => ({ live: true }) },
    { path: LOAD, access: "models", answer: () => ({}) },
    {
      path: INFER,
      access: "infer",
      works: true,
      answer: (request, { visit }) => {
        seen.push(request);
        if (fails !== null) throw fails;
        if (visit === null) throw new Error("it works");
        signals.push(visit.signal);
        return visit.run(async () => {
          await gate;
          return { model_name: "stand-in" };
        });
      },
    },
  ];
  const door = createGrpcDoor({
    messages: loadMessages(),
    methods,
    admission,
    callerOf,
    rates: createRates(callerOf, limits),
    anonymousRole: limits.anonymousRole,
    waste,
    limits,
    takeTurn: takeTurn ?? turns.take,
    ...(frameTurns ?? { turns, turnShares: new TurnShares() }),
    logger: createLogger("trace", { write: (line: string) => void logLines.push(line) }),
    observer: { ...UNOBSERVED, end: (_trace, request) => void ended.push(request) },
    readiness: () => ({ ready: true }) as ReturnType<Parameters<typeof createGrpcDoor>[0]["readiness"]>,
  });
  const connections = boundConnections(createHttpServer(), limits.connectionsMax, false);
  const server = createServer((socket) => {
    if (!door.takes(socket)) socket.destroy();
    else if (connections.admit(socket)) door.serve(socket, () => connections.begin(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = openClient(address);
  atEnd(async () => {
    release();
    client.close();
    server.close();
    await door.close();
  });
  return {
    address,
    client,
    door,
    admission,
    connections,
    logLines,
    signals,
    seen,
    ended,
    infer: (asking: Asking = {}, request: object = { model_name: "stand-in" }) => ask(client, INFER, request, asking),
    release: () => release(),
  };
}

const FREE = { requests: 0, waiting: 0, bytes: 0 };
export const expectFree = ({ admission }: Port) => expect.poll(() => admission.held()).toEqual(FREE);

/** A call written by hand. */
export function open(
  port: Port,
  path = INFER,
  headers: Record<string, string> = {},
): { session: ClientHttp2Session; stream: ClientHttp2Stream } {
  const session = connectHttp2(`http://${port.address}`);
  session.on("error", () => {});
  atEnd(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": `/${path}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => {});
  stream.resume();
  return { session, stream };
}

/** A connection on which nothing is said, and which its client never ends. */
export function openSilent(port: Port): Socket {
  const socket = connect({ port: Number(port.address.split(":")[1]), host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {}).resume();
  atEnd(() => socket.destroy());
  return socket;
}

/** The head of a message of so many bytes. */
export function headOf(bytes: number, flag = 0): Buffer {
  const head = Buffer.alloc(5, flag);
  head.writeUInt32BE(bytes, 1);
  return head;
}

export async function trailersOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  let found: Record<string, unknown> = {};
  stream.on("response", (headers) => {
    found = { ...found, ...headers };
  });
  stream.on("trailers", (headers) => {
    found = { ...found, ...headers };
  });
  await once(stream, "close");
  return found;
}
