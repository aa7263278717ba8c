/** Server-sent events: what a reader gets, and what one costs that does not read. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import express, { type Response } from "express";
import { afterEach, describe, expect, it } from "vitest";
import { type EventStream, type EventStreamOptions, openEventStream } from "../src/front/event-stream.js";

let server: Server;
let socket: Socket;
afterEach(() => {
  socket.destroy();
  server.close();
});

/** A stream with the answer that it is written to, and its reader's connection. */
async function open(options: Partial<EventStreamOptions>): Promise<{ stream: EventStream; response: Response }> {
  const app = express();
  const opened = new Promise<{ stream: EventStream; response: Response }>((resolve) => {
    app.get("/", (_request, response) => {
      const stream = openEventStream(response, "state", {
        ...{ everyMsMin: 0, heartbeatMs: 60_000, graceMs: 60_000 },
        ...options,
      });
      resolve({ stream, response });
    });
  });
  server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  return await opened;
}

/** All that comes until the end. */
async function received(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("latin1");
}

const numbersIn = (text: string) => [...text.matchAll(/"number":(\d+)/g)].map(([, number]) => Number(number));

describe("an event stream", () => {
  it("sends the first state at once, no more than are wanted between, and the last one before it ends", async () => {
    const { stream } = await open({ everyMsMin: 200 });
    const text = received();
    for (let number = 0; number < 50; number += 1) {
      stream.send(() => JSON.stringify({ number }));
      await delay(1);
    }
    stream.end();
    const numbers = numbersIn(await text);
    expect(numbers.length).toBeLessThan(10);
    expect(numbers.at(-1)).toBe(49);
    expect(await text).toMatch(/event: state\ndata: \{"number":\d+\}\n\n/);
  });

  it("gives signs of life", async () => {
    const { stream } = await open({ heartbeatMs: 10 });
    const text = received();
    await delay(100);
    stream.end();
    expect(await text).toContain(": \n\n");
  });

  it("holds one state for whoever does not read, and sends the latest once it reads", async () => {
    const { stream, response } = await open({});
    socket.pause();
    const padding = "x".repeat(100_000);
    let most = 0;
    for (let number = 0; number < 1000; number += 1) {
      stream.send(() => JSON.stringify({ number, padding }));
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, response.writableLength);
    }
    expect(most).toBeLessThan(3 * padding.length);
    stream.end();
    const numbers = numbersIn(await received());
    expect(numbers.length).toBeLessThan(500);
    expect(numbers.at(-1)).toBe(999);
  });

  it("is cut where nothing is read for too long", async () => {
    const { stream, response } = await open({ graceMs: 50 });
    socket.pause();
    const padding = "x".repeat(1_000_000);
    const closed = once(response, "close");
    const sending = setInterval(() => stream.send(() => JSON.stringify({ padding })), 1);
    await closed;
    clearInterval(sending);
    expect(response.writableFinished).toBe(false);
  });
});
