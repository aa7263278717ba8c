/** What every call of the gRPC port passes: whose it is, rates, roles, admission, bytes, deadlines; before a stand-in for models. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type Client, status as statusNames } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { type Config, readConfig } from "../src/config.js";
import { AppError, HTTP_STATUS } from "../src/errors.js";
import { type Admission, createAdmission } from "../src/front/admission.js";
import { createCallerOf } from "../src/front/caller.js";
import { boundConnections, type Connections } from "../src/front/connections.js";
import { createRates } from "../src/front/limit-rate.js";
import type { ErrorCode } from "../src/generated/contract.js";
import { createLogger } from "../src/observe/logger.js";
import type { ApiKeys } from "../src/ports.js";
import { createGrpcDoor, type GrpcDoor } from "../src/protocols/grpc/door.js";
import { loadMessages } from "../src/protocols/grpc/messages.js";
import type { GrpcMethod } from "../src/protocols/grpc/method.js";
import { CODE_KEY, GRPC_STATUS } from "../src/protocols/grpc/statuses.js";
import { type Answered, type Asking, ask, askBytes, openClient } from "./support/grpc.js";

const KEYS: ApiKeys = {
  find: (key) => (key === "one" || key === "boss" ? { role: key === "one" ? "infer" : "admin", name: key } : undefined),
};
const INFER = "inference.GRPCInferenceService/ModelInfer";
const LOAD = "inference.GRPCInferenceService/RepositoryModelLoad";
const LIVE = "inference.GRPCInferenceService/ServerLive";
const MESSAGE_BYTES_MAX = 1_000_000;

interface Port {
  readonly address: string;
  readonly client: Client;
  readonly door: GrpcDoor;
  readonly admission: Admission;
  readonly connections: Connections;
  readonly logLines: string[];
  /** Signals of the visits that are at work. */
  readonly signals: AbortSignal[];
  readonly seen: unknown[];
  isReady: boolean;
  infer(asking?: Asking, request?: object): Promise<Answered>;
  /** Lets what works end. */
  release(): void;
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function start(
  config: Partial<Config> = {},
  { keys = null, fails = null }: { keys?: ApiKeys | null; fails?: unknown } = {},
): Promise<Port> {
  const limits: Config = { ...readConfig({}, false), grpcMessageBytesMax: MESSAGE_BYTES_MAX, ...config };
  const admission = createAdmission(limits);
  const callerOf = createCallerOf(keys, () => false);
  const logLines: string[] = [];
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
  const port = { isReady: true };
  const door = createGrpcDoor({
    messages: loadMessages(),
    methods,
    admission,
    callerOf,
    rates: createRates(callerOf, limits),
    anonymousRole: limits.anonymousRole,
    limits,
    logger: createLogger("trace", { write: (line: string) => void logLines.push(line) }),
    readiness: () => ({ ready: port.isReady }) as ReturnType<Parameters<typeof createGrpcDoor>[0]["readiness"]>,
  });
  const connections = boundConnections(createHttpServer(), limits.connectionsMax, false);
  const server = createServer((socket) => {
    if (connections.admit(socket)) door.serve(socket, () => connections.begin(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = openClient(address);
  closing.push(async () => {
    release();
    client.close();
    server.close();
    await door.close();
  });
  return Object.assign(port, {
    address,
    client,
    door,
    admission,
    connections,
    logLines,
    signals,
    seen,
    infer: (asking: Asking = {}, request: object = { model_name: "stand-in" }) => ask(client, INFER, request, asking),
    release: () => release(),
  });
}

const FREE = { requests: 0, waiting: 0, bytes: 0 };
const expectFree = ({ admission }: Port) => expect.poll(() => admission.held()).toEqual(FREE);

/** A call written by hand. */
function open(
  port: Port,
  path = INFER,
  headers: Record<string, string> = {},
): { session: ClientHttp2Session; stream: ClientHttp2Stream } {
  const session = connectHttp2(`http://${port.address}`);
  session.on("error", () => {});
  closing.push(() => session.destroy());
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
function openSilent(port: Port): Socket {
  const socket = connect({ port: Number(port.address.split(":")[1]), host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {}).resume();
  closing.push(() => socket.destroy());
  return socket;
}

/** The head of a message of so many bytes. */
function headOf(bytes: number, flag = 0): Buffer {
  const head = Buffer.alloc(5, flag);
  head.writeUInt32BE(bytes, 1);
  return head;
}

async function trailersOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
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

describe("a call", () => {
  it("is named as its client names it, else anew, in both metadata and in one line of the log", async () => {
    const port = await start();
    port.release();
    const { trailers } = await port.infer({ metadata: { "x-request-id": "mine-1" } });
    expect(trailers).toMatchObject({ "x-request-id": "mine-1" });
    const other = await port.infer({ metadata: { "x-request-id": "no good\x7f".replace("\x7f", "") } });
    expect(other.trailers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    const lines = port.logLines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([
      { request_id: "mine-1", method: "gRPC", path: `/${INFER}`, status: "OK" },
      { request_id: other.trailers["x-request-id"] },
    ]);
  });

  it.each(Object.keys(HTTP_STATUS) as ErrorCode[])(
    "that fails with %s has its status, the code and the request's id",
    async (code) => {
      const error = new AppError(code, `It is ${code}.`, code === "overloaded" ? { retryAfterSeconds: 7 } : {});
      const port = await start({}, { fails: error });
      const { status, details, trailers } = await port.infer();
      expect(status).toBe(statusNames[GRPC_STATUS[code]]);
      expect(status).not.toBe("OK");
      expect(details).toBe(`It is ${code}.`);
      expect(trailers[CODE_KEY]).toBe(code);
      expect(trailers["x-request-id"]).toMatch(/./);
      expect(trailers["retry-after"]).toBe(code === "overloaded" ? "7" : undefined);
      await expectFree(port);
    },
  );

  it("that meets a bug is internal, and its message stays in the log", async () => {
    const port = await start({}, { fails: new TypeError("secret/path") });
    const { status, details, trailers } = await port.infer();
    expect([status, trailers[CODE_KEY]]).toEqual(["INTERNAL", "internal"]);
    expect(details).not.toContain("secret");
    expect(port.logLines.join("")).toContain("secret/path");
    await expectFree(port);
  });

  it("is told of text that no header can carry as far as one can", async () => {
    const port = await start({}, { fails: new AppError("field_invalid", `\u{1F600}\ud800\r\n%${"é".repeat(5000)}`) });
    const { status, details } = await port.infer();
    expect(status).toBe("INVALID_ARGUMENT");
    expect(details).toMatch(/^\u{1F600}\ufffd {2}%é+$/u);
    expect(details.length).toBeLessThan(700);
  });

  it("of a method that is not there is UNIMPLEMENTED", async () => {
    const port = await start();
    const { stream } = open(port, "inference.GRPCInferenceService/Nothing%20é");
    stream.end();
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "12" });
  });
});

describe("whose a call is", () => {
  it.each([
    [{}, "UNAUTHENTICATED", "unauthorized"],
    [{ authorization: "Bearer wrong" }, "UNAUTHENTICATED", "unauthorized"],
    [{ authorization: "Bearer one" }, "PERMISSION_DENIED", "forbidden"],
    [{ "x-api-key": "boss" }, "OK", undefined],
  ])("decides what it may do: %o", async (metadata, status, code) => {
    const port = await start({ anonymousRole: "none" }, { keys: KEYS });
    const loaded = await ask(port.client, LOAD, { model_name: "colours" }, { metadata });
    expect([loaded.status, loaded.trailers[CODE_KEY]]).toEqual([status, code]);
  });

  it("is not asked of probes", async () => {
    const port = await start({ anonymousRole: "none", requestsPerWindowMax: 1 }, { keys: KEYS });
    for (let count = 0; count < 3; count += 1) {
      expect((await ask(port.client, LIVE, {})).answer).toEqual({ live: true });
      expect((await ask(port.client, "grpc.health.v1.Health/Check", { service: "" })).status).toBe("OK");
    }
  });

  it("is decided before a byte of its message is read", async () => {
    const port = await start({ anonymousRole: "none" }, { keys: KEYS });
    const { stream } = open(port);
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "16", [CODE_KEY]: "unauthorized" });
    await expectFree(port);
  });

  it("counts for the rate, which HTTP counts too", async () => {
    const port = await start({ requestsPerWindowMax: 2, rateWindowMs: 60_000 });
    port.release();
    expect([(await port.infer()).status, (await port.infer()).status]).toEqual(["OK", "OK"]);
    const { status, trailers } = await port.infer();
    expect([status, trailers[CODE_KEY]]).toEqual(["RESOURCE_EXHAUSTED", "rate_limited"]);
    expect(Number(trailers["retry-after"])).toBeGreaterThan(0);
    await expectFree(port);
  });
});

describe("admission", () => {
  it("refuses a call past its caller's places, and others are answered", async () => {
    const port = await start({ requestsMax: 2, requestsQueuedMax: 2 });
    const first = [port.infer(), port.infer()];
    await expect.poll(() => port.admission.held().requests).toBe(1);
    await expect.poll(() => port.admission.held().waiting).toBe(1);
    const { status, trailers } = await port.infer();
    expect([status, trailers[CODE_KEY], trailers["retry-after"]]).toEqual(["UNAVAILABLE", "overloaded", "1"]);
    port.release();
    expect((await Promise.all(first)).map((answered) => answered.status)).toEqual(["OK", "OK"]);
    await expectFree(port);
  });

  it("a client's deadline ends its call and gives back what it held", async () => {
    const port = await start();
    const { status } = await port.infer({ options: { deadline: Date.now() + 200 } });
    expect(status).toBe("DEADLINE_EXCEEDED");
    await expect.poll(() => port.signals.map(({ aborted }) => aborted)).toEqual([true]);
    port.release();
    await expectFree(port);
  });

  it("the service itself ends a call whose deadline has passed", async () => {
    const port = await start();
    const { stream } = open(port, INFER, { "grpc-timeout": "200m" });
    stream.end(headOf(0));
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "4" });
    await expect.poll(() => port.signals.map(({ aborted }) => aborted)).toEqual([true]);
    port.release();
    await expectFree(port);
  });

  it("a client that cancels, or whose connection ends, leaves nothing behind", async () => {
    const port = await start();
    const cancelled = port.infer({ begun: (call) => setTimeout(() => call.cancel(), 100) });
    const { session, stream } = open(port);
    stream.end(headOf(0));
    await expect.poll(() => port.signals.length).toBe(2);
    session.destroy();
    expect((await cancelled).status).toBe("CANCELLED");
    await expect.poll(() => port.signals.every(({ aborted }) => aborted)).toBe(true);
    port.release();
    await expectFree(port);
  });

  it("a call that ends while its rate is counted takes no place", async () => {
    const port = await start({ requestsPerWindowMax: 1000 });
    for (let count = 0; count < 50; count += 1) open(port).session.destroy();
    await expect.poll(() => port.connections.count).toBe(0);
    await expectFree(port);
  });
});

describe("a message", () => {
  it("is counted as it comes, by what is kept of it", async () => {
    const port = await start();
    const { stream } = open(port);
    stream.write(Buffer.concat([headOf(500_000), Buffer.alloc(100_000)]));
    await expect.poll(() => port.admission.held().bytes).toBeGreaterThanOrEqual(100_000);
    expect(port.admission.held().bytes).toBeLessThan(300_000);
    stream.close();
    await expectFree(port);
  });

  it("of few bytes among much else counts as what it keeps in memory", async () => {
    const port = await start();
    const { session, stream } = open(port);
    stream.write(headOf(500_000));
    const other = session.request({ ":method": "POST", ":path": `/${INFER}`, "content-type": "application/grpc" });
    other.on("error", () => {}).resume();
    other.write(Buffer.concat([headOf(500_000), Buffer.alloc(50_000)]));
    stream.write(Buffer.alloc(1));
    await expect.poll(() => port.admission.held().bytes).toBeGreaterThan(100_000);
    session.destroy();
    await expectFree(port);
  });

  it("counts as its own bytes once it is there", async () => {
    const port = await start();
    const request = { model_name: "x".repeat(60_000) };
    const answer = port.infer({}, request);
    await expect.poll(() => port.signals.length).toBe(1);
    expect(port.admission.held().bytes).toBe(60_004);
    port.release();
    expect((await answer).status).toBe("OK");
    await expectFree(port);
  });

  it("that its caller's share of memory does not allow is overloaded", async () => {
    const port = await start({ uploadsHeldBytesMax: 400_000 });
    const { stream } = open(port);
    stream.end(Buffer.concat([headOf(900_000), Buffer.alloc(900_000)]));
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "14", [CODE_KEY]: "overloaded" });
    await expectFree(port);
  });

  it.each<[string, Buffer, string, string]>([
    ["longer than the limit", headOf(MESSAGE_BYTES_MAX + 1), "8", "upload_too_large"],
    ["of 4 GiB", headOf(0xffffffff), "8", "upload_too_large"],
    ["compressed", headOf(10, 1), "3", "field_invalid"],
    ["one of two", Buffer.concat([headOf(0), headOf(0)]), "3", "field_invalid"],
    ["no protobuf", Buffer.concat([headOf(3), Buffer.from([0xff, 0xff, 0xff])]), "3", "field_invalid"],
    [
      "of a part that is longer than the whole",
      Buffer.concat([headOf(2), Buffer.from([0x0a, 0x7f])]),
      "3",
      "field_invalid",
    ],
  ])("that is %s is refused", async (_what, bytes, status, code) => {
    const port = await start();
    const { stream } = open(port);
    stream.end(bytes);
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": status, [CODE_KEY]: code });
    expect(port.seen).toEqual([]);
    await expectFree(port);
  });

  it.each<[string, Buffer]>([
    // Field 7, raw_input_contents, of no bytes.
    ["parts", Buffer.alloc(100_000, Buffer.from([0x3a, 0]))],
    // Field 5, inputs, with field 4 of parameters, each of no bytes.
    ["parts of parts", Buffer.alloc(40_000, Buffer.from([0x2a, 2, 0x22, 0]))],
  ])("of too many %s is refused before objects are made of them", async (_what, message) => {
    const port = await start();
    const { status, trailers, details } = await askBytes(port.client, INFER, message);
    expect([status, trailers[CODE_KEY]]).toEqual(["INVALID_ARGUMENT", "field_invalid"]);
    expect(details).toContain("more than 10000 parts");
  });

  it("that does not come is waited for no longer than a body is", async () => {
    const port = await start({ uploadGraceMs: 100, uploadBytesPerSecondMin: 100_000 });
    const { stream } = open(port);
    stream.write(headOf(1000));
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "4" });
    await expectFree(port);
  });

  it("that is dropped after a refusal is not read for ever", async () => {
    const port = await start();
    const { stream } = open(port);
    stream.write(headOf(0xffffffff));
    const chunk = Buffer.alloc(16_000);
    const timer = setInterval(() => !stream.closed && stream.write(chunk), 5);
    closing.push(() => clearInterval(timer));
    await once(stream, "close");
    await expectFree(port);
  });
});

describe("connections", () => {
  it("are bounded with those of HTTP, and the idle one gives way", async () => {
    const port = await start({ connectionsMax: 4 });
    const sockets = Array.from({ length: 6 }, () => openSilent(port));
    await expect.poll(() => sockets.filter(({ closed, readableEnded }) => closed || readableEnded).length).toBe(4);
    expect(port.connections.count).toBe(2);
  });

  it("that work do not give way", async () => {
    const port = await start({ connectionsMax: 2 });
    const { stream } = open(port);
    stream.end(headOf(0));
    await expect.poll(() => port.signals.length).toBe(1);
    const late = openSilent(port);
    await once(late, "end");
    expect(stream.closed).toBe(false);
    port.release();
    expect(await trailersOf(stream)).toMatchObject({ "grpc-status": "0" });
  });

  it.each(["", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])("of which nothing comes but %j are closed", async (text) => {
    const port = await start({ keepAliveMsMax: 200 });
    openSilent(port).write(text);
    await expect.poll(() => port.connections.count).toBe(1);
    await expect.poll(() => port.connections.count).toBe(0);
  });

  it("that are kept by pings alone are idle, and closed", async () => {
    const port = await start({ keepAliveMsMax: 300 });
    const session = connectHttp2(`http://${port.address}`);
    session.on("error", () => {});
    await once(session, "connect");
    const pings = setInterval(() => session.destroyed || session.ping(() => {}), 20);
    closing.push(() => {
      clearInterval(pings);
      session.destroy();
    });
    await once(session, "close");
    await expect.poll(() => port.connections.count).toBe(0);
  });

  it("have so many calls at once as their client is told", async () => {
    const port = await start({ grpcCallsPerConnectionMax: 3 });
    const session = connectHttp2(`http://${port.address}`);
    closing.push(() => session.destroy());
    const [settings] = (await once(session, "remoteSettings")) as [{ maxConcurrentStreams: number }];
    expect(settings.maxConcurrentStreams).toBe(3);
  });

  it("have few calls that do not work, so that nobody keeps thousands open", async () => {
    const port = await start();
    const session = connectHttp2(`http://${port.address}`);
    session.on("error", () => {});
    closing.push(() => session.destroy());
    const watch = () => {
      const headers = {
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Watch",
        "content-type": "application/grpc",
      };
      const stream = session.request(headers);
      stream.on("error", () => {}).resume();
      stream.end(headOf(0));
      return stream;
    };
    const watching = Array.from({ length: 16 }, watch);
    expect(await trailersOf(watch())).toMatchObject({ "grpc-status": "14", [CODE_KEY]: "overloaded" });
    expect(watching.every(({ closed }) => !closed)).toBe(true);
    watching[0]?.close();
    await once(watching[0] as ClientHttp2Stream, "close");
    const another = watch();
    const [answered] = (await once(another, "response")) as [Record<string, unknown>];
    expect(answered["grpc-status"]).toBeUndefined();
  });
});

describe("a stop", () => {
  it("waits for calls that work, and ends those that watch", async () => {
    const port = await start();
    const working = port.infer();
    const { stream: watching } = open(port, "grpc.health.v1.Health/Watch");
    const told = once(watching, "data");
    watching.end(headOf(0));
    await expect.poll(() => port.signals.length).toBe(1);
    await told;
    const closed = port.door.close();
    await once(watching, "close");
    port.release();
    expect((await working).status).toBe("OK");
    await closed;
    expect(port.connections.count).toBe(0);
  });
});
