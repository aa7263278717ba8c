/** What nobody wants, in one packet: so much of an address is borne, however many connections it makes. */
import { once } from "node:events";
import { connect as connectHttp2, type Http2Session } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FramesInTurns } from "../src/protocols/grpc/frames-in-turns.js";
import { boundWaste, UNANSWERED_MAX } from "../src/protocols/grpc/waste.js";
import {
  atEnd,
  closeAll,
  headOf,
  INFER,
  LIVE,
  MESSAGE_BYTES_MAX,
  type Port,
  startPort,
  trailersOf,
} from "./support/grpc-port.js";
import { block, frame, PREFACE } from "./support/malformed-grpc.mjs";

afterEach(async () => {
  vi.restoreAllMocks();
  await closeAll();
});

const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, UNKNOWN] = [0, 1, 2, 3, 4, 8, 99];
const END_HEADERS = 4;
/** The clock by which debts are paid. */
let ms = 0;
const startStopped = (isBehindProxy = false) => startPort({}, { waste: boundWaste(isBehindProxy, () => ms) });

const MANY = 5 * UNANSWERED_MAX;

const withCode = (code: number) => (id: number) => frame(RST_STREAM, 0, id, Buffer.from([0, 0, 0, code]));
const [noError, cancel] = [withCode(0), withCode(8)];

const headersOf = (path: string) =>
  block([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/${path}`],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
  ]);

/** So many calls, opened and ended. */
function callsOf(path: string, count: number, end = cancel, from = 0): Buffer[] {
  const headers = headersOf(path);
  return Array.from({ length: count }, (_, index) => {
    const id = 2 * (from + index) + 1;
    return Buffer.concat([frame(HEADERS, END_HEADERS, id, headers), end(id)]);
  });
}

const waste = (port: Port, path: string, count: number, end = cancel) => send(port, callsOf(path, count, end));

/** A connection that sends all of it at once. */
async function send(port: Port, frames: readonly Buffer[]): Promise<Socket> {
  const [host, number] = port.address.split(":");
  const socket = connect(Number(number), host);
  socket.on("error", () => {}).resume();
  atEnd(() => socket.destroy());
  await once(socket, "connect");
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0)), ...frames]));
  return socket;
}

/** Whether the service speaks on a new connection. */
async function isServed(port: Port): Promise<boolean> {
  const socket = await waste(port, INFER, 0);
  await Promise.race([once(socket, "data"), closing(socket)]);
  return socket.bytesRead > 0;
}

/** However it is closed. */
const closing = (socket: Socket) =>
  new Promise((resolve) => (socket.closed ? resolve(null) : socket.once("close", resolve)));

describe("calls that end unanswered", () => {
  it.each([
    ["reset", INFER, cancel],
    ["reset as if nothing were wrong", LIVE, noError],
  ])("are so many at most: %s", async (_what, path, end) => {
    const port = await startStopped();
    await closing(await waste(port, path, MANY, end));
    // Those of one read that come after the last one that is borne are not looked at.
    expect(port.logLines.filter((line) => line.includes('"gRPC"')).length).toBeLessThan(UNANSWERED_MAX + 50);
  });

  it("count together on all connections of an address, which makes none until they are paid", async () => {
    const port = await startStopped();
    const sockets = await Promise.all(Array.from({ length: 4 }, () => waste(port, INFER, 0.4 * UNANSWERED_MAX)));
    await Promise.race(sockets.map(closing));
    expect(await isServed(port)).toBe(false);
    ms += 3999;
    expect(await isServed(port)).toBe(false);
    ms += 1;
    expect(await isServed(port)).toBe(true);
  });

  it("are so many at most where their method is not there", async () => {
    const port = await startStopped();
    await closing(await waste(port, "none.None/None", MANY));
    expect(await isServed(port)).toBe(false);
  });

  it("are of each connection alone behind a proxy", async () => {
    const port = await startStopped(true);
    await closing(await waste(port, INFER, MANY));
    expect(await isServed(port)).toBe(true);
  });

  it("do not end a connection whose other calls are answered", async () => {
    const port = await startStopped();
    port.release();
    const session = connectHttp2(`http://${port.address}`);
    session.on("error", () => {});
    atEnd(() => session.destroy());
    const call = () => {
      const headers = { ":method": "POST", ":path": `/${LIVE}`, "content-type": "application/grpc" };
      return session
        .request(headers)
        .on("error", () => {})
        .resume();
    };
    for (let turn = 0; turn < 50; turn += 1) {
      const cancelled = Array.from({ length: 8 }, call);
      const answered = Array.from({ length: 8 }, call);
      for (const stream of cancelled) stream.close(8);
      for (const stream of answered) stream.end(headOf(0));
      const statuses = await Promise.all(answered.map(trailersOf));
      expect(statuses.every((status) => status["grpc-status"] === "0")).toBe(true);
    }
    expect(session.destroyed).toBe(false);
  });
});

describe("frames that serve no call", () => {
  const update = Buffer.from([0, 0, 0, 1]);
  const call = [frame(HEADERS, END_HEADERS, 1, headersOf(INFER)), frame(DATA, 0, 1, headOf(100_000))];
  const many = (type: number, payload: Buffer, flags = 0) =>
    Array.from({ length: 100_000 }, () => frame(type, flags, 1, payload));

  it.each([
    ["updates of a window", many(WINDOW_UPDATE, update)],
    ["priorities", many(PRIORITY, Buffer.from([0, 0, 0, 0, 9]))],
    ["frames of a type that there is not", many(UNKNOWN, Buffer.alloc(1))],
    ["headers in the midst of a message", many(HEADERS, block([["x", "y"]]), END_HEADERS)],
    ["parts of a message of one byte", many(DATA, Buffer.alloc(1))],
  ])("end their connection, and their address makes none for a while: %s", async (_what, frames) => {
    const port = await startStopped();
    await closing(await send(port, [...call, ...frames]));
    expect(await isServed(port)).toBe(false);
    ms += 4000;
    expect(await isServed(port)).toBe(true);
  });

  it("are no more where calls stay open beside them", async () => {
    const unhurried = { uploadGraceMs: 3_600_000, requestMsMax: 3_600_000 };
    const port = await startPort(unhurried, { waste: boundWaste(false, () => ms) });
    const headers = headersOf(INFER);
    const calls = Array.from({ length: 60 }, (_, index) => frame(HEADERS, END_HEADERS, 2 * index + 1, headers));
    await closing(await send(port, [...calls, ...many(PRIORITY, Buffer.from([0, 0, 0, 0, 9]))]));
    expect(await isServed(port)).toBe(false);
  }, 10_000);

  it("are not the headers of calls, however large those are", async () => {
    const port = await startStopped();
    const calls = Array.from({ length: 60 }, (_, index) =>
      port.infer({ metadata: { "x-own": `${index}`.repeat(6000) } }),
    );
    await expect.poll(() => port.signals.length, { timeout: 20_000 }).toBe(60);
    port.release();
    for (const { status } of await Promise.all(calls)) expect(status).toBe("OK");
  });

  it("are borne as they come with messages, however large those are and however many wait to be read", async () => {
    const port = await startStopped();
    const large = { model_name: "n".repeat(MESSAGE_BYTES_MAX - 100) };
    const calls = Array.from({ length: 60 }, () => port.infer({}, large));
    await expect.poll(() => port.signals.length, { timeout: 20_000 }).toBe(60);
    port.release();
    for (const { status } of await Promise.all(calls)) expect(status).toBe("OK");
  });
});

/** Some versions of Node go on with what was read, for calls that are gone, and end the process. */
describe("a connection that has sent too much", () => {
  const call = Buffer.concat([frame(HEADERS, END_HEADERS, 1, headersOf(INFER)), frame(DATA, 0, 1, headOf(100_000))]);
  const bytes = Array.from({ length: 10_000 }, () => frame(DATA, 0, 1, Buffer.alloc(1)));

  it.each([
    ["calls that are reset", callsOf(INFER, MANY)],
    ["calls of what is not there", callsOf("none.None/None", MANY)],
    ["parts of a message of one byte", [call, ...bytes]],
  ])("is ended between two pieces of it, not from within one: %s", async (_what, frames) => {
    const { push } = FramesInTurns.prototype;
    let isWithin = false;
    vi.spyOn(FramesInTurns.prototype, "push").mockImplementation(function (this: FramesInTurns, chunk) {
      isWithin = true;
      const isTaken = push.call(this, chunk);
      isWithin = false;
      return isTaken;
    });
    const ends: boolean[] = [];
    const sessions = await sessionPrototype();
    const { destroy } = sessions;
    vi.spyOn(sessions, "destroy").mockImplementation(function (this: Http2Session, ...args) {
      ends.push(isWithin);
      destroy.apply(this, args);
    });
    await closing(await send(await startStopped(), frames));
    await expect.poll(() => ends).toContain(false);
    expect(ends).not.toContain(true);
  });
});

/** What all sessions of this process have in common. */
async function sessionPrototype(): Promise<Http2Session> {
  const session = connectHttp2((await startPort()).address.replace(/^/, "http://"));
  session.on("error", () => {});
  await once(session, "connect");
  session.destroy();
  return Object.getPrototypeOf(Object.getPrototypeOf(session));
}

describe("bytes of messages that nobody has read", () => {
  const CALLS = 30;
  const unhurried = { uploadGraceMs: 3_600_000, requestMsMax: 3_600_000 };
  /** Several times as long as it takes until they are looked for. */
  const lookedFor = () => new Promise((resolve) => setTimeout(resolve, 300));

  /** Of each message one chunk is read until turns are given. */
  async function startHeld() {
    let give = () => {};
    const turn = new Promise<void>((resolve) => {
      give = resolve;
    });
    const port = await startPort(unhurried, { waste: boundWaste(false, () => ms), takeTurn: () => turn });
    return { port, give };
  }

  it("are borne while their calls wait for turns", async () => {
    const { port, give } = await startHeld();
    const calls = Array.from({ length: CALLS }, () => port.infer({}, { model_name: "n".repeat(60_000) }));
    await expect.poll(() => port.admission.held().bytes).toBeGreaterThan(CALLS);
    await lookedFor();
    give();
    port.release();
    for (const { status } of await Promise.all(calls)) expect(status).toBe("OK");
  });

  it("are borne where their calls are cancelled first", async () => {
    const { port } = await startHeld();
    const begun = (call: { cancel(): void }) => setTimeout(() => call.cancel(), 300);
    const calls = Array.from({ length: CALLS }, () => port.infer({ begun }, { model_name: "n".repeat(60_000) }));
    for (const { status } of await Promise.all(calls)) expect(status).toBe("CANCELLED");
    await lookedFor();
    expect(await isServed(port)).toBe(true);
  });

  it("are borne where they are on their way when the service ends their calls", async () => {
    const port = await startStopped();
    const ids = Array.from({ length: CALLS }, (_, index) => 2 * index + 1);
    const parts = ids.flatMap((id) => Array.from({ length: 3 }, () => frame(DATA, 0, id, Buffer.alloc(16_000))));
    const tooLarge = headOf(MESSAGE_BYTES_MAX + 1);
    const headers = headersOf(INFER);
    const begin = ids.flatMap((id) => [frame(HEADERS, END_HEADERS, id, headers), frame(DATA, 0, id, tooLarge)]);
    const socket = await send(port, [...begin, ...parts]);
    const types = typesOf(socket);
    await expect.poll(() => types().filter((type) => type === RST_STREAM).length, { timeout: 10_000 }).toBe(CALLS);
    socket.write(Buffer.concat(parts));
    await lookedFor();
    expect(await isServed(port)).toBe(true);
  }, 15_000);

  it("are a window of each call at most", async () => {
    const port = await startStopped();
    port.release();
    const part = frame(DATA, 0, 1, Buffer.alloc(16_000));
    const tooLarge = [frame(HEADERS, END_HEADERS, 1, headersOf(INFER)), frame(DATA, 0, 1, headOf(2 ** 31))];
    const socket = await send(port, [...tooLarge, ...Array.from({ length: 60 }, () => part), cancel(1)]);
    await expect.poll(() => port.ended.length).toBe(1);
    socket.write(
      Buffer.concat(Array.from({ length: 40_000 }, () => frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 0, 9])))),
    );
    await closing(socket);
    expect(await isServed(port)).toBe(false);
  });
});

/** Of the frames that have come. */
function typesOf(socket: Socket): () => number[] {
  let bytes = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  return () => {
    const types = [];
    for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) types.push(bytes.readUInt8(at + 3));
    return types;
  };
}
