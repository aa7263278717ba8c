/** What one connection may have the service do: one request after the other, and the rest of a body that is not needed in turns. */
import { once } from "node:events";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createCallerOf } from "../src/front/caller.js";
import { dropRestInTurns } from "../src/front/drop-rest.js";
import { createReadingTurns } from "../src/front/reading-turns.js";
import { serveInOrder, WAITING_MAX } from "../src/front/serve-in-order.js";

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const CHUNKED = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

async function listen(listener: RequestListener): Promise<() => Promise<Socket>> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  toClose.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return async () => {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.on("error", () => {});
    toClose.push(() => socket.destroy());
    await once(socket, "connect");
    return socket;
  };
}

/** However it is closed. */
const closing = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve));

describe("requests of one connection", () => {
  async function openServer() {
    const served: { readonly url: string; readonly response: ServerResponse }[] = [];
    const open = await listen(
      serveInOrder(({ url = "" }, response) => {
        served.push({ url, response });
      }),
    );
    return { served, open };
  }

  it("are served one after the other, and answered in their order", async () => {
    const { served, open } = await openServer();
    const socket = await open();
    let answer = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      answer += text;
    });
    socket.write(["/a", "/b", "/c"].map((path) => GET.replace("/", path)).join(""));
    for (const count of [1, 2, 3]) {
      await expect.poll(() => served.length).toBe(count);
      await sleep(20);
      expect(served).toHaveLength(count);
      served[count - 1]?.response.end(served[count - 1]?.url);
    }
    await expect.poll(() => answer.match(/\/[abc]/g)).toEqual(["/a", "/b", "/c"]);
    socket.write(GET.replace("/", "/d"));
    await expect.poll(() => served.at(-1)?.url).toBe("/d");
  });

  it("that wait behind one whose client leaves are never served", async () => {
    const { served, open } = await openServer();
    const socket = await open();
    socket.write(GET.repeat(5));
    await expect.poll(() => served.length).toBe(1);
    const closed = once(served[0]?.response ?? socket, "close");
    socket.destroy();
    await closed;
    await sleep(20);
    expect(served).toHaveLength(1);
  });

  it("that wait behind one that ends the connection are never served", async () => {
    const { served, open } = await openServer();
    const socket = await open();
    socket.resume();
    socket.write(GET.repeat(5));
    await expect.poll(() => served.length).toBe(1);
    const closed = closing(socket);
    served[0]?.response.setHeader("connection", "close").end();
    await closed;
    expect(served).toHaveLength(1);
  });

  it("are so many at most: a connection that sends more is closed", async () => {
    const { served, open } = await openServer();
    const [few, many] = [await open(), await open()];
    few.resume().write(GET.repeat(1 + WAITING_MAX));
    many.resume().write(GET.repeat(2 + WAITING_MAX));
    await closing(many);
    expect(served).toHaveLength(2);
    expect(few.closed).toBe(false);
  });
});

describe("a body whose request is answered already", () => {
  /** Answers at once; `turns` are the bytes of which a turn was asked. */
  async function openServer() {
    const turns: number[] = [];
    const takeTurn = createReadingTurns().take;
    const open = await listen(
      dropRestInTurns(
        createCallerOf(null, () => false),
        (party, bytes) => {
          turns.push(bytes);
          return takeTurn(party, bytes);
        },
        (_request, response) => {
          response.end("no");
        },
      ),
    );
    return { turns, open };
  }
  const answersOf = (socket: Socket) => {
    let text = "";
    socket.setEncoding("latin1").on("data", (part: string) => {
      text += part;
    });
    return () => text.match(/HTTP\/1\.1 200/g)?.length ?? 0;
  };

  it("is read in turns to its end, so that the next request can come", async () => {
    const { turns, open } = await openServer();
    const socket = await open();
    const count = answersOf(socket);
    const bytes = 5_000_000;
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`);
    await expect.poll(count).toBe(1);
    socket.write(Buffer.alloc(bytes));
    socket.write(GET);
    await expect.poll(count).toBe(2);
    expect(turns.reduce((sum, one) => sum + one, 0)).toBe(bytes);
  });

  it("is read for two seconds at most", async () => {
    const { open } = await openServer();
    const socket = await open();
    const count = answersOf(socket);
    const began = performance.now();
    socket.write(CHUNKED);
    const writing = setInterval(() => socket.write("3e8\r\n".concat("a".repeat(1000), "\r\n")), 20);
    await closing(socket);
    clearInterval(writing);
    expect(count()).toBe(1);
    expect(performance.now() - began).toBeGreaterThan(1500);
  });

  it("is read no more where its chunks are tiny and many", async () => {
    const { turns, open } = await openServer();
    const socket = await open();
    const count = answersOf(socket);
    const began = performance.now();
    socket.write(CHUNKED);
    await expect.poll(count).toBe(1);
    socket.write("1\r\na\r\n".repeat(100_000));
    await closing(socket);
    expect(performance.now() - began).toBeLessThan(1500);
    expect(turns.length).toBeLessThan(300);
  });
});
