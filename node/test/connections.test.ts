/** Connections in fair shares: addresses are those of loopback, of which Linux has many. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { boundConnections, type Connections } from "../src/front/connections.js";

interface Bounded {
  readonly server: Server;
  readonly connections: Connections;
  readonly pending: ServerResponse[];
  open(address: string): Promise<Socket>;
}

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

async function start(countMax: number, isBehindProxy = false): Promise<Bounded> {
  const pending: ServerResponse[] = [];
  const server = createServer((_request, response) => void pending.push(response));
  const connections = boundConnections(server, countMax, isBehindProxy);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  toClose.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    server,
    connections,
    pending,
    async open(localAddress) {
      const accepted = once(server, "connection");
      const socket = connect({ port, host: "127.0.0.1", localAddress });
      socket.on("error", () => {});
      toClose.push(() => socket.destroy());
      await accepted;
      return socket;
    },
  };
}

const isOpen = (socket: Socket) => !socket.closed;
/** How many of them stay open once those that were closed are seen to be. */
async function openCount(sockets: readonly Socket[], expected: number): Promise<void> {
  for (const socket of sockets) socket.resume();
  await expect.poll(() => sockets.filter(isOpen).length).toBe(expected);
}

describe.skipIf(process.platform !== "linux")("connections", () => {
  it("of one address leave as many to others, the ones idle for longest give way", async () => {
    const { open, connections } = await start(10);
    const many: Socket[] = [];
    for (let index = 0; index < 20; index += 1) many.push(await open("127.0.0.2"));
    await openCount(many, 5);
    expect(many.slice(15).every(isOpen)).toBe(true);
    const other = await open("127.0.0.1");
    expect(connections.count).toBe(6);
    await openCount([other], 1);
  });

  it("that are answered are not closed; a new one is, where all of its address are at work", async () => {
    const { open, pending } = await start(4);
    const busy = [await open("127.0.0.2"), await open("127.0.0.2")];
    for (const socket of busy) socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await expect.poll(() => pending.length).toBe(2);
    const late = await open("127.0.0.2");
    await openCount([late], 0);
    await openCount(busy, 2);
  });

  it("of a proxy are bounded together", async () => {
    const { open, connections } = await start(4, true);
    const sockets: Socket[] = [];
    for (let index = 0; index < 6; index += 1) sockets.push(await open("127.0.0.1"));
    await openCount(sockets, 4);
    expect(connections.count).toBe(4);
  });

  it("that are idle are closed by a stop, and none whose answer is on its way or whose request comes", async () => {
    const { open, connections, pending } = await start(10);
    const [idle, busy, coming] = [await open("127.0.0.1"), await open("127.0.0.1"), await open("127.0.0.1")];
    busy.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    coming.write("GET / HT");
    await expect.poll(() => pending.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    connections.closeIdle();
    await openCount([idle, busy, coming], 2);
    let answer = "";
    busy.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    pending[0]?.end("x".repeat(1_000_000));
    await expect.poll(() => answer.endsWith("xxx") && answer.length > 1_000_000).toBe(true);
    connections.closeIdle();
    await openCount([busy, coming], 1);
  });
});
