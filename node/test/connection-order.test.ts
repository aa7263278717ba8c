/** What one connection may have the service do: one request after the other, and the rest of a body that is not needed in turns. */
import { once } from "node:events";
import { createServer, type RequestListener, type ServerOptions, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createCallerOf } from "../src/front/caller.js";
import { dropRestInTurns } from "../src/front/drop-rest.js";
import { parseInTurns } from "../src/front/parse-in-turns.js";
import { createReadingTurns } from "../src/front/reading-turns.js";
import { serveInOrder, WAITING_MAX } from "../src/front/serve-in-order.js";
import { TurnShares } from "../src/front/turn-shares.js";

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const CHUNKED = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

const callerOf = createCallerOf(null, () => false);

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

/** As the service has it. */
async function listen(
  listener: RequestListener,
  options: ServerOptions = {},
): Promise<(allowHalfOpen?: boolean) => Promise<Socket>> {
  const server = createServer(options, listener);
  parseInTurns(server, callerOf, createReadingTurns(), new TurnShares());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  toClose.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return async (allowHalfOpen = false) => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen });
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
  async function openServer(options: ServerOptions = {}) {
    const turns: number[] = [];
    const takeTurn = createReadingTurns().take;
    const open = await listen(
      dropRestInTurns(
        callerOf,
        (party, bytes) => {
          turns.push(bytes);
          return takeTurn(party, bytes);
        },
        (_request, response) => {
          response.end("no");
        },
      ),
      options,
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

  it("is read in turns to its end where it comes in large chunks", async () => {
    const { turns, open } = await openServer();
    const socket = await open();
    const count = answersOf(socket);
    const [chunkCount, bytes] = [400, 65_536];
    socket.write(CHUNKED);
    for (let sent = 0; sent < chunkCount; sent += 1) {
      socket.write(`${bytes.toString(16)}\r\n${"a".repeat(bytes)}\r\n`);
    }
    socket.write(`0\r\n\r\n${GET}`);
    await expect.poll(count, { timeout: 5000 }).toBe(2);
    expect(turns.reduce((sum, one) => sum + one, 0)).toBe(chunkCount * bytes);
  });

  /** Sends before it reads, as most clients do, and then reads to the end. */
  async function sendThenRead(head: string, chunk: string, count: number, everyMs: number) {
    const { turns, open } = await openServer();
    const socket = await open();
    const errors: Error[] = [];
    socket.on("error", (error) => errors.push(error));
    socket.write(head);
    for (let sent = 0; sent < count; sent += 1) {
      if (!socket.write(chunk)) await once(socket, "drain");
      if (everyMs > 0) await sleep(everyMs);
    }
    socket.write("0\r\n\r\n");
    const answers = answersOf(socket);
    await closing(socket);
    expect(errors).toEqual([]);
    return { answers: answers(), turns };
  }

  it("is read for longer than two seconds, without a look at it, and its client reads the answer", async () => {
    expect((await sendThenRead(CHUNKED, `3e8\r\n${"a".repeat(1000)}\r\n`, 150, 20)).answers).toBe(1);
  });

  it("is read where its chunks are tiny and many, without a look at them, and its client reads the answer", async () => {
    const { answers, turns } = await sendThenRead(CHUNKED, "1\r\na\r\n".repeat(10_000), 300, 1);
    expect(answers).toBe(1);
    // Of three million.
    expect(turns.length).toBeLessThan(1500);
  });

  it("is read where its client wants the connection closed, and its client reads the answer", async () => {
    const head = CHUNKED.replace("Host", "Connection: close\r\nHost");
    expect((await sendThenRead(head, `3e8\r\n${"a".repeat(1000)}\r\n`, 50, 5)).answers).toBe(1);
  });

  it("is read as long as a request may take to come", async () => {
    const { open } = await openServer({ requestTimeout: 1000, headersTimeout: 500, connectionsCheckingInterval: 100 });
    const socket = await open(true);
    socket.write(CHUNKED);
    socket.write("1\r\na\r\n".repeat(1000));
    const writing = setInterval(() => socket.write("1\r\na\r\n"), 20);
    const began = performance.now();
    await closing(socket.resume());
    clearInterval(writing);
    expect(performance.now() - began).toBeGreaterThan(500);
  });
});
