/** Connections of the gRPC port: bounded with those of HTTP, closed when idle, and with few calls that do not work. */
import { once } from "node:events";
import { type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import { CODE_KEY } from "../src/protocols/grpc/statuses.js";
import { slow } from "./support/frame-turns.js";
import { atEnd, closeAll, headOf, open, openSilent, startPort, trailersOf } from "./support/grpc-port.js";

afterEach(closeAll);

describe("connections", () => {
  it("are bounded with those of HTTP, and the idle one gives way", async () => {
    const port = await startPort({ connectionsMax: 4 });
    const sockets = Array.from({ length: 6 }, () => openSilent(port));
    await expect.poll(() => sockets.filter(({ closed, readableEnded }) => closed || readableEnded).length).toBe(4);
    expect(port.connections.count).toBe(2);
  });

  it("wait for a turn of their address where they come many at once", async () => {
    const { turns, waiting } = slow();
    const port = await startPort({}, { frameTurns: turns });
    const socket = openSilent(port);
    await expect.poll(() => waiting.length).toBe(1);
    expect(socket.bytesRead).toBe(0);
    waiting[0]?.();
    await expect.poll(() => socket.bytesRead).toBeGreaterThan(0);
  });

  it("that wait when the port is closed are closed with it", async () => {
    const { turns, waiting } = slow();
    const port = await startPort({}, { frameTurns: turns });
    const socket = openSilent(port);
    await expect.poll(() => waiting.length).toBe(1);
    const closed = port.door.close();
    waiting[0]?.();
    await closed;
    expect(port.connections.count).toBe(0);
    await expect.poll(() => socket.readableEnded || socket.closed).toBe(true);
    expect(socket.bytesRead).toBe(0);
  });

  it("that work do not give way", async () => {
    const port = await startPort({ connectionsMax: 2 });
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
    const port = await startPort({ keepAliveMsMax: 200 });
    openSilent(port).write(text);
    await expect.poll(() => port.connections.count).toBe(1);
    await expect.poll(() => port.connections.count).toBe(0);
  });

  it("that are kept by pings alone are idle, and closed", async () => {
    const port = await startPort({ keepAliveMsMax: 300 });
    const session = connectHttp2(`http://${port.address}`);
    session.on("error", () => {});
    await once(session, "connect");
    const pings = setInterval(() => session.destroyed || session.ping(() => {}), 20);
    atEnd(() => {
      clearInterval(pings);
      session.destroy();
    });
    await once(session, "close");
    await expect.poll(() => port.connections.count).toBe(0);
  });

  it("have so many calls at once as their client is told", async () => {
    const port = await startPort({ grpcCallsPerConnectionMax: 3 });
    const session = connectHttp2(`http://${port.address}`);
    atEnd(() => session.destroy());
    const [settings] = (await once(session, "remoteSettings")) as [{ maxConcurrentStreams: number }];
    expect(settings.maxConcurrentStreams).toBe(3);
  });

  it("have few calls that do not work, so that nobody keeps thousands open", async () => {
    const port = await startPort();
    const session = connectHttp2(`http://${port.address}`);
    session.on("error", () => {});
    atEnd(() => session.destroy());
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
