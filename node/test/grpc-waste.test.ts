/** Calls that end unanswered, opened and reset in one packet: so many of an address are borne, however many connections it makes. */
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { boundWaste, UNANSWERED_MAX } from "../src/protocols/grpc/waste.js";
import { atEnd, closeAll, headOf, INFER, LIVE, type Port, startPort, trailersOf } from "./support/grpc-port.js";
import { block, frame, PREFACE } from "./support/malformed-grpc.mjs";

afterEach(closeAll);

const [HEADERS, RST_STREAM, SETTINGS] = [1, 3, 4];
const END_HEADERS = 4;
/** The clock by which debts are paid. */
let ms = 0;
const startStopped = (isBehindProxy = false) => startPort({}, { waste: boundWaste(isBehindProxy, () => ms) });

const MANY = 5 * UNANSWERED_MAX;

const withCode = (code: number) => (id: number) => frame(RST_STREAM, 0, id, Buffer.from([0, 0, 0, code]));
const [noError, cancel] = [withCode(0), withCode(8)];

/** A connection that opens and ends so many calls at once. */
async function waste(port: Port, path: string, count: number, end = cancel): Promise<Socket> {
  const [host, number] = port.address.split(":");
  const socket = connect(Number(number), host);
  socket.on("error", () => {}).resume();
  atEnd(() => socket.destroy());
  await once(socket, "connect");
  const headers = block([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/${path}`],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
  ]);
  const calls = Array.from({ length: count }, (_, at) => [
    frame(HEADERS, END_HEADERS, 2 * at + 1, headers),
    end(2 * at + 1),
  ]);
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.alloc(0)), ...calls.flat()]));
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
