import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createCallerOf } from "../src/front/caller.js";
import { parseInTurns } from "../src/front/parse-in-turns.js";
import { createReadingTurns } from "../src/front/reading-turns.js";
import { TurnShares } from "../src/front/turn-shares.js";

/** Of one byte each: more than Node reads at once. */
const CHUNKS = 20_000;
const CHUNK = "1\r\nx\r\n";
const HEAD = "POST / HTTP/1.1\r\nhost: localhost\r\n";
/** As many as a piece of the first size has. */
const CHUNKS_A_TURN = Math.ceil(1024 / CHUNK.length);

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** What waits for its turn; `pieceMs` is how long each piece seems to take. */
async function listen(listener: RequestListener, pieceMs = 0.1) {
  const waiting: (() => void)[] = [];
  let nowMs = 0;
  server = createServer(listener);
  const wait = () => new Promise<void>((resolve) => waiting.push(resolve));
  const now = () => (nowMs += pieceMs);
  parseInTurns(
    server,
    createCallerOf(null, () => false),
    { wait },
    new TurnShares(now),
    now,
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const open = async (): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1").setEncoding("latin1");
    await once(socket, "connect");
    return socket;
  };
  return { waiting, open };
}

/** Counts the chunks of each body, and answers with its length. */
function counting(counts: number[]): RequestListener {
  return (request, response) => {
    const index = counts.push(0) - 1;
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      counts[index] = (counts[index] ?? 0) + 1;
      length += chunk.length;
    });
    request.on("end", () => response.end(`[${length}]`));
  };
}

async function answersOf(socket: Socket, count: number): Promise<string[]> {
  let text = "";
  for await (const piece of socket) {
    text += piece;
    const found = text.match(/\[\d+\]/g) ?? [];
    if (found.length === count) return found;
  }
  throw new Error(`it ended with ${text}`);
}

describe("a body of small chunks", () => {
  it("has the turns that are left, once it has begun, and delays what else its address asks no further", async () => {
    const waiting: { isLeft: () => boolean; go: () => void }[] = [];
    const spend = vi.fn();
    const wait = (_party: object, isLeft = () => true) => new Promise<void>((go) => void waiting.push({ isLeft, go }));
    const shares = Object.assign(new TurnShares(), { of: () => ({ isLeft: () => false, spend }) });
    const counts: number[] = [];
    server = createServer(counting(counts));
    parseInTurns(
      server,
      createCallerOf(null, () => false),
      { wait },
      shares,
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1").setEncoding("latin1");
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n${CHUNK.repeat(2000)}`);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    expect(waiting[0]?.isLeft()).toBe(false);
    const spentBefore = spend.mock.calls.length;
    waiting[0]?.go();
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    expect(waiting[1]?.isLeft()).toBe(true);
    waiting[1]?.go();
    await vi.waitFor(() => expect(waiting).toHaveLength(3));
    expect(counts[0]).toBeGreaterThan(0);
    expect(spend.mock.calls.length).toBe(spentBefore);
    socket.destroy();
  });

  it("is parsed a few chunks at a time, each in its turn", async () => {
    const counts: number[] = [];
    const { waiting, open } = await listen(counting(counts));
    const socket = await open();
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n${CHUNK.repeat(CHUNKS)}0\r\n\r\n`);
    const answers = answersOf(socket, 1);
    let before = 0;
    while (counts[0] !== CHUNKS) {
      await vi.waitFor(() => expect(waiting).toHaveLength(1), { interval: 1 });
      const [count = 0] = counts;
      // The end of what was read, and the first piece of what is read next.
      expect(count - before).toBeLessThanOrEqual(2 * CHUNKS_A_TURN);
      before = count;
      waiting.shift()?.();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(await answers).toEqual([`[${CHUNKS}]`]);
  });

  it("has smaller pieces where they take long, and larger ones where they do not", async () => {
    for (const [pieceMs, least, most] of [
      [1, 512 / CHUNK.length - 1, 512 / CHUNK.length + 1],
      [0.01, 4096 / CHUNK.length, CHUNKS],
    ] as const) {
      const counts: number[] = [];
      const { waiting, open } = await listen(counting(counts), pieceMs);
      const socket = await open();
      socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n${CHUNK.repeat(CHUNKS)}0\r\n\r\n`);
      let before = 0;
      let grown = 0;
      for (let turn = 0; turn < 3 && (counts[0] ?? 0) < CHUNKS; turn += 1) {
        await vi.waitFor(() => expect(waiting).toHaveLength(1), { interval: 1 });
        grown = (counts[0] ?? 0) - before;
        before = counts[0] ?? 0;
        waiting.shift()?.();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(grown).toBeGreaterThanOrEqual(least);
      expect(grown).toBeLessThanOrEqual(most);
      socket.destroy();
      server?.close();
    }
  });

  it("of which nothing is taken is parsed no further, until it is", async () => {
    let taken = 0;
    const requests: IncomingMessage[] = [];
    const { waiting, open } = await listen((request, response) => {
      request.pause();
      requests.push(request);
      request.on("data", (chunk: Buffer) => {
        taken += chunk.length;
      });
      request.on("end", () => response.end(`[${taken}]`));
    });
    const socket = await open();
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n${CHUNK.repeat(CHUNKS)}0\r\n\r\n`);
    await vi.waitFor(() => expect(requests).toHaveLength(1));
    const serve = setInterval(() => waiting.shift()?.(), 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(requests[0]?.readableLength).toBeLessThanOrEqual(CHUNKS_A_TURN);
    requests[0]?.resume();
    expect(await answersOf(socket, 1)).toEqual([`[${CHUNKS}]`]);
    clearInterval(serve);
  });

  it("waits for nothing more once its connection is gone", async () => {
    const { waiting, open } = await listen(counting([]));
    const socket = await open();
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n${CHUNK.repeat(CHUNKS)}`);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    socket.resetAndDestroy();
    const connections = () => new Promise((resolve) => server?.getConnections((_, count) => resolve(count)));
    const serve = setInterval(() => waiting.shift()?.(), 1);
    await vi.waitFor(async () => expect(await connections()).toBe(0), { timeout: 20_000 });
    clearInterval(serve);
    expect(waiting).toHaveLength(0);
  });
});

describe("without a wait", () => {
  it("a body is parsed whose length is declared, however large", async () => {
    const counts: number[] = [];
    const { waiting, open } = await listen(counting(counts));
    const socket = await open();
    const body = "x".repeat(1_000_000);
    socket.write(`${HEAD}content-length: ${body.length}\r\n\r\n${body}`);
    expect(await answersOf(socket, 1)).toEqual([`[${body.length}]`]);
    expect(waiting).toHaveLength(0);
  });

  it("requests that follow each other are answered", async () => {
    const { waiting, open } = await listen(counting([]));
    const socket = await open();
    for (let turn = 0; turn < 3; turn += 1) {
      socket.write(`${HEAD}content-length: 5\r\n\r\nphoto`);
      expect(await once(socket, "data")).toEqual([expect.stringMatching(/\[5\]$/)]);
    }
    expect(waiting).toHaveLength(0);
  });
});

it("a pipeline is answered whole and in its order, whatever bodies it has", async () => {
  const { waiting, open } = await listen(counting([]));
  const socket = await open();
  const lengths = [5, 3000, 0, 200, 70_000, 1];
  const requests = lengths.map((length, index) =>
    index % 2 === 0
      ? `${HEAD}content-length: ${length}\r\n\r\n${"x".repeat(length)}`
      : `${HEAD}transfer-encoding: chunked\r\n\r\n${CHUNK.repeat(length)}0\r\n\r\n`,
  );
  const serve = setInterval(() => waiting.shift()?.(), 1);
  socket.write(requests.join(""));
  expect(await answersOf(socket, lengths.length)).toEqual(lengths.map((length) => `[${length}]`));
  clearInterval(serve);
});

it("answers that nobody reads hold up the pipeline behind them, and nothing is lost", async () => {
  const large = "y".repeat(300_000);
  const { waiting, open } = await listen((request, response) => {
    request.resume().on("end", () => response.end(large));
  });
  const socket = await open();
  socket.pause();
  const serve = setInterval(() => waiting.shift()?.(), 1);
  socket.write(`${HEAD}content-length: 0\r\n\r\n`.repeat(200));
  await new Promise((resolve) => setTimeout(resolve, 200));
  let length = 0;
  socket.on("data", (text: string) => {
    length += text.match(/y/g)?.length ?? 0;
  });
  socket.resume();
  await vi.waitFor(() => expect(length).toBe(200 * large.length), { timeout: 20_000 });
  clearInterval(serve);
});

/** Two addresses; the clock moves by what requests take, and by `pass`. */
async function listenToTwo() {
  let nowMs = 0;
  let count = 0;
  let counted: number | undefined;
  server = createServer((request, response) => {
    nowMs += 1;
    if (request.url === "/many") count += 1;
    if (count === 1) setImmediate(() => (counted ??= count));
    response.end("[0]");
  });
  const now = () => nowMs;
  parseInTurns(
    server,
    createCallerOf(null, () => false),
    createReadingTurns(),
    new TurnShares(now),
    now,
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const open = async (localAddress: string) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress }).setEncoding("latin1");
    await once(socket, "connect");
    return socket;
  };
  const askFromOther = async () => {
    const other = await open("127.0.0.1");
    other.write(`${HEAD}content-length: 0\r\n\r\n`);
    await answersOf(other, 1);
  };
  return {
    askFromOther,
    openMany: () => Promise.all(Array.from({ length: 100 }, () => open("127.0.0.2"))),
    openCount: () => new Promise((resolve) => server?.getConnections((_, all) => resolve(all))),
    pass: (ms: number) => {
      nowMs += ms;
    },
    count: () => count,
    /** Before the event loop turned. */
    firstCount: () => counted ?? 0,
  };
}

function ask(socket: Socket): Promise<string[]> {
  socket.write("GET /many HTTP/1.1\r\nhost: localhost\r\n\r\n");
  return answersOf(socket, 1);
}

describe.skipIf(process.platform !== "linux")("what hundreds of connections have sent at once", () => {
  /** How many requests there are in the first turn, and whether all are answered. */
  async function inFirstTurn(isAlone: boolean): Promise<number> {
    const { askFromOther, openMany, openCount, pass, firstCount } = await listenToTwo();
    const many = await openMany();
    await vi.waitFor(async () => expect(await openCount()).toBe(100));
    pass(1000);
    if (!isAlone) await askFromOther();
    const served = many.map(ask);
    // All of them are there when the loop turns.
    const until = performance.now() + 50;
    while (performance.now() < until);
    const passing = setInterval(() => pass(1), 1);
    expect((await Promise.all(served)).flat()).toHaveLength(100);
    clearInterval(passing);
    return firstCount();
  }

  it("is taken a few at a time while others are about, and answered whole", async () => {
    // Each takes a millisecond, as much as an address may be ahead.
    expect(await inFirstTurn(false)).toBeLessThanOrEqual(2);
  });

  it("is taken at once where nobody else is about", async () => {
    expect(await inFirstTurn(true)).toBe(100);
  });

  it("is taken after the time that new connections of the address took, while others are about", async () => {
    const { askFromOther, openMany, openCount, pass, count } = await listenToTwo();
    await askFromOther();
    const [socket, ...others] = await openMany();
    await vi.waitFor(async () => expect(await openCount()).toBe(100));
    for (const other of others) other.destroy();
    const answer = ask(socket as Socket);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(count()).toBe(0);
    // A hundred, a tenth of a millisecond each, of which a fifth of the time is for one address.
    pass(50);
    expect(await answer).toHaveLength(1);
  });
});
