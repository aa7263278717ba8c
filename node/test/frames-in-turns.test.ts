/** What is read of a connection of the gRPC port reaches HTTP/2 whole, in pieces, each in the turns of its address. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { TurnShares } from "../src/front/turn-shares.js";
import { FramesInTurns, type FrameTurns } from "../src/protocols/grpc/frames-in-turns.js";
import { slow } from "./support/frame-turns.js";
import { frame, PREFACE } from "./support/malformed-grpc.mjs";

const [DATA, HEADERS, RST_STREAM, GOAWAY] = [0, 1, 3, 7];

const closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Sent {
  readonly client: Socket;
  /** The service's end. */
  readonly socket: Socket;
  readonly frames: FramesInTurns;
  readonly pieces: Buffer[];
}

/** Sends it all at once, and gathers the pieces in which it is handed over. */
async function piecesOf(bytes: Buffer, turns: FrameTurns): Promise<Sent> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [socket] = await once(server, "connection");
  const frames = new FramesInTurns(socket, "caller", turns);
  closing.push(
    () => client.destroy(),
    () => frames.destroy(),
    () => server.close(),
  );
  const pieces: Buffer[] = [];
  frames.on("data", (piece: Buffer) => void pieces.push(piece));
  client.write(bytes);
  return { client, socket, frames, pieces };
}

const free: FrameTurns = { turnShares: new TurnShares(), turns: { wait: () => Promise.resolve() } };
const whole = (bytes: Buffer) => Buffer.concat([PREFACE, bytes]);

describe("frames of one read", () => {
  it("end a piece where one opens or ends a call, so that it is told of before the next one is taken apart", async () => {
    const call = Buffer.concat([frame(HEADERS, 4, 1, Buffer.alloc(30)), frame(RST_STREAM, 0, 1, Buffer.alloc(4))]);
    const sent = whole(Buffer.concat(Array.from({ length: 50 }, () => call)));
    const { frames, pieces } = await piecesOf(sent, free);
    await vi.waitFor(() => expect(frames.bytesSeen).toBe(sent.length));
    expect(Buffer.concat(pieces)).toEqual(sent);
    expect(pieces.map(({ length }) => length)).toEqual([PREFACE.length + 39, ...Array(49).fill([13, 39]).flat(), 13]);
  });

  it("end a piece where one says that there is an error, which ends the session from within", async () => {
    const goaway = frame(GOAWAY, 0, 0, Buffer.from([0, 0, 0, 0, 0, 0, 0, 2]));
    const { pieces } = await piecesOf(whole(Buffer.concat([goaway, frame(DATA, 0, 1, Buffer.alloc(1))])), free);
    await vi.waitFor(() => expect(pieces.map(({ length }) => length)).toEqual([PREFACE.length + goaway.length, 10]));
  });

  it("are few in a piece where they are a message", async () => {
    const sent = whole(Buffer.concat(Array.from({ length: 70 }, () => frame(DATA, 0, 1, Buffer.alloc(1)))));
    const { pieces } = await piecesOf(sent, free);
    await vi.waitFor(() => expect(Buffer.concat(pieces)).toEqual(sent));
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(PREFACE.length + 7 * 10);
  });

  it("wait for turns while there is nothing left of their address' share, a piece each", async () => {
    const { turns, waiting } = slow();
    const sent = whole(Buffer.concat(Array.from({ length: 3 }, () => frame(HEADERS, 4, 1, Buffer.alloc(30)))));
    const { pieces } = await piecesOf(sent, turns);
    for (let count = 0; count < 3; count += 1) {
      await vi.waitFor(() => expect(waiting).toHaveLength(1), { interval: 1 });
      expect(pieces).toHaveLength(count);
      waiting.pop()?.();
    }
    await vi.waitFor(() => expect(Buffer.concat(pieces)).toEqual(sent));
  });

  it("are handed over before the end of their connection, which their client does not wait for", async () => {
    const { turns, waiting } = slow();
    const sent = whole(Buffer.concat(Array.from({ length: 3 }, () => frame(HEADERS, 4, 1, Buffer.alloc(30)))));
    const { client, frames, pieces } = await piecesOf(sent, turns);
    client.end();
    const ended = vi.fn();
    frames.once("end", () => ended(Buffer.concat(pieces)));
    await vi.waitFor(() => expect(waiting).toHaveLength(1), { interval: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const giving = setInterval(() => waiting.pop()?.(), 1);
    closing.push(() => clearInterval(giving));
    await vi.waitFor(() => expect(ended).toHaveBeenCalledWith(sent));
  });

  it("that the session does not take now are not handed over together later", async () => {
    const sent = whole(Buffer.concat(Array.from({ length: 50 }, () => frame(HEADERS, 4, 1, Buffer.alloc(30)))));
    const { frames, pieces } = await piecesOf(sent, free);
    frames.once("data", () => frames.pause());
    await vi.waitFor(() => expect(pieces).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(frames.readableLength).toBe(0);
    frames.resume();
    await vi.waitFor(() => expect(Buffer.concat(pieces)).toEqual(sent));
    expect(pieces).toHaveLength(50);
  });

  it("are left with their client while the session takes none, and not counted as seen", async () => {
    const sent = whole(Buffer.concat(Array.from({ length: 1000 }, () => frame(DATA, 0, 1, Buffer.alloc(16_384)))));
    const { client, socket, frames, pieces } = await piecesOf(sent.subarray(0, 33), free);
    frames.once("data", () => frames.pause());
    await vi.waitFor(() => expect(pieces).toHaveLength(1));
    client.write(sent.subarray(33));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(pieces).toHaveLength(1);
    expect(frames.bytesSeen).toBe(0);
    expect(socket.bytesRead).toBeLessThan(300_000);
    frames.resume();
    await vi.waitFor(() => expect(Buffer.concat(pieces).equals(sent)).toBe(true), { timeout: 10_000 });
    expect(frames.bytesSeen).toBe(sent.length);
  });
});
