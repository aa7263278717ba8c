/**
 * The gRPC port: Open Inference Protocol, TensorFlow Serving, health and reflection, behind one gate. It listens nowhere:
 * connections are given to it.
 */
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  setLogger,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { protoPath as HEALTH_PROTO, HealthImplementation } from "grpc-health-check";
import type { Logger } from "pino";
import { asAppError } from "../../front/problems.js";
import type { Messages } from "../../grpc-messages.js";
import type { Readiness } from "../../ports.js";
import { http2ServerOf } from "./call-parts.js";
import { completeDescriptors } from "./descriptors.js";
import { FramesInTurns, type FrameTurns } from "./frames-in-turns.js";
import { createGate, type GateDeps, type GrpcLimits, type Served } from "./gate.js";
import type { Access, GrpcMethod } from "./method.js";
import { statusOf } from "./statuses.js";

export interface GrpcDoorDeps extends Omit<GateDeps, "accessOf" | "connectionOf" | "limits">, FrameTurns {
  readonly messages: Messages;
  readonly methods: readonly GrpcMethod[];
  readonly readiness: () => Readiness;
  readonly limits: GrpcLimits & {
    readonly grpcCallsPerConnectionMax: number;
    readonly keepAliveMsMax: number;
    readonly headersMsMax: number;
  };
}

export interface GrpcDoor {
  /** Whether a connection may come from where this one does. To be asked before it is counted. */
  takes(socket: Socket): boolean;
  /** Serves a connection; `begin` is called for each call that works, and what it answers when that has ended. */
  serve(socket: Socket, begin: () => () => void): void;
  /** Takes no new calls, and resolves once those that are at work have ended, and all connections are closed. */
  close(): Promise<void>;
}

/** How long a connection that was ended here waits for its client to end it too. */
const LINGER_MS = 2000;
/** How often it is looked whether the service is ready, for clients that watch. */
const HEALTH_CHECK_MS = 1000;
/** Memory that the library may take for the headers and answers of one connection, in MB. */
const SESSION_MEGABYTES_MAX = 32;
const HEALTH_ACCESS: Access = { access: "probe" };
/** It keeps a place while it goes on. */
const REFLECTION_ACCESS: Access = { access: "anyone", works: true };

export function createGrpcDoor({ messages, methods, readiness, limits, ...deps }: GrpcDoorDeps): GrpcDoor {
  setLogger(libraryLog(deps.logger));
  const accesses = new Map<string, Access>(methods.map((method) => [`/${method.path}`, method]));
  const connections = new WeakMap<Http2Session, Served>();
  const connectionOf = ({ session }: ServerHttp2Stream) => {
    const served = session && connections.get(session);
    if (served === undefined) throw new Error("a call came on no connection");
    return served;
  };
  const gate = createGate({
    ...deps,
    limits,
    accessOf: (path) => accesses.get(path) ?? (path.startsWith("/grpc.health.") ? HEALTH_ACCESS : REFLECTION_ACCESS),
    connectionOf,
  });
  const server = new Server({
    interceptors: [gate.intercept],
    "grpc.max_receive_message_length": limits.grpcMessageBytesMax,
    "grpc.max_concurrent_streams": limits.grpcCallsPerConnectionMax,
    "grpc.max_connection_idle_ms": limits.keepAliveMsMax,
    // A connection that broke the protocol is read no more, and that its client has gone shows in nothing else.
    "grpc.keepalive_time_ms": limits.keepAliveMsMax,
    "grpc.keepalive_timeout_ms": Math.min(limits.keepAliveMsMax, limits.headersMsMax),
    "grpc-node.max_session_memory": SESSION_MEGABYTES_MAX,
    "grpc.enable_channelz": 0,
  });

  for (const method of methods) {
    const { decode, encode } = messages.find(method.path);
    const name = method.path.split("/")[1] ?? "";
    const answer = async (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
      const entered = gate.callOf(call.metadata);
      try {
        const bytes = encode(await method.answer(decode(call.request), entered));
        entered.visit?.chargeAnswer(bytes.length);
        respond(null, bytes);
      } catch (error) {
        const problem = asAppError(error);
        entered.note(problem);
        respond(statusOf(problem));
      }
    };
    server.addService(
      {
        [name]: {
          path: `/${method.path}`,
          requestStream: false,
          responseStream: false,
          // Messages are decoded where an error can be told as any other is.
          requestSerialize: asItIs,
          requestDeserialize: asItIs,
          responseSerialize: asItIs,
          responseDeserialize: asItIs,
        },
      },
      { [name]: answer },
    );
  }

  const services = [...new Set(methods.map(({ path }) => path.split("/")[0] ?? ""))];
  const stopHealth = serveHealth(server, ["", ...services], readiness);
  new ReflectionService(
    { ...completeDescriptors(messages.definition()), ...loadSync(HEALTH_PROTO) },
    { services: [...services, "grpc.health.v1.Health"] },
  ).addToServer(server);

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  let isClosing = false;
  let arriving: Served | null = null;
  const http2Server = http2ServerOf(server);
  http2Server.on("session", (session) => {
    if (arriving !== null) connections.set(session, arriving);
  });
  const [take] = http2Server.listeners("stream") as ((
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ) => void)[];
  http2Server
    .removeAllListeners("stream")
    .on(
      "stream",
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: readonly string[]) => {
        // What came with its own end, or its connection's, the library would answer all the same, and throw where nobody catches.
        if (stream.destroyed || stream.closed) {
          stream.on("error", () => {});
          return;
        }
        connectionOf(stream).watched.call(stream, rawHeaders);
        take?.(stream, headers);
      },
    );
  return {
    takes: deps.waste.takes,
    serve(socket, begin) {
      sockets.add(socket.once("close", () => sockets.delete(socket)));
      // A client that does not end its own side would keep it half open.
      socket.once("finish", () => setTimeout(() => socket.destroy(), LINGER_MS).unref());
      // Of one that ends while it waits.
      socket.on("error", () => {});
      const { remoteAddress } = socket;
      const { name: caller } = deps.callerOf({ headers: {}, socket });
      const share = deps.turnShares.of(caller);
      const openSession = () => {
        if (isClosing) socket.destroy();
        if (socket.destroyed) return;
        const began = performance.now();
        const frames = new FramesInTurns(socket, caller, deps);
        arriving = { remoteAddress, watched: deps.waste.watch(frames), begin };
        injector.injectConnection(frames);
        arriving = null;
        share.spend(performance.now() - began);
      };
      // Hundreds of connections that come at once are accepted in one turn of the event loop.
      if (share.isLeft()) openSession();
      else void deps.turns.wait({ caller, request: socket }, share.isLeft).then(openSession);
    },
    async close() {
      isClosing = true;
      stopHealth();
      gate.endIdle();
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await Promise.all(Array.from(sockets, (socket) => new Promise((resolve) => socket.once("close", resolve))));
    },
  };
}

/** Tells whether the service is ready, by the standard protocol; it is not once what this answers is called. */
function serveHealth(server: Server, names: readonly string[], readiness: () => Readiness): () => void {
  const health = new HealthImplementation();
  let told: boolean | null = null;
  let isOver = false;
  const tell = () => {
    const isReady = !isOver && readiness().ready;
    if (isReady === told) return;
    told = isReady;
    for (const name of names) health.setStatus(name, isReady ? "SERVING" : "NOT_SERVING");
  };
  tell();
  // For those who watch; whoever checks is told how it is now.
  const timer = setInterval(tell, HEALTH_CHECK_MS).unref();
  const addService = (
    service: ServiceDefinition,
    { check, ...others }: Record<string, handleUnaryCall<unknown, unknown>>,
  ) =>
    server.addService(service, {
      ...others,
      check: (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => {
        tell();
        check?.(call, callback);
      },
    });
  health.addToServer(Object.create(server, { addService: { value: addService } }));
  return () => {
    clearInterval(timer);
    isOver = true;
    tell();
  };
}

/** The library's own lines have text of clients in them; they go where that is escaped. */
function libraryLog(logger: Logger): Partial<Console> {
  const log = (...words: unknown[]) => logger.debug({ grpc: words.join(" ") }, "gRPC");
  return { error: log, info: log, debug: log };
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}
