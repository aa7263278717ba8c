/** A server that answers what a test tells it to, one after another, and keeps what it was asked. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import type { ErrorCode } from "../../src/generated/contract.js";

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether more seems to come, which never does. */
  readonly isOpen?: boolean;
}

/** `hang` never answers, `close` ends the connection. */
export type Scripted = Reply | "hang" | "close";

export interface Seen {
  readonly request: IncomingMessage;
  readonly body: Buffer;
  /** By `Date.now()`. */
  readonly atMs: number;
}

export const json = (body: unknown): Reply => ({
  status: 200,
  headers: { "content-type": "application/json; charset=utf-8" },
  body: JSON.stringify(body),
});

export function problem(status: number, code: ErrorCode, headers: Readonly<Record<string, string>> = {}): Reply {
  const body = JSON.stringify({ code, detail: `It is ${code}.` });
  return { status, headers: { "content-type": "application/problem+json", "x-request-id": "r-1", ...headers }, body };
}

/** Serves until the test that runs has ended. The last reply is given again and again. */
export async function startScripted(...replies: readonly [Scripted, ...Scripted[]]) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const atMs = Date.now();
    const reply = replies[Math.min(seen.length, replies.length - 1)];
    // A connection that ends while the body comes leaves it as it is.
    seen.push({ request, atMs, body: await buffer(request) });
    if (reply === "close") request.socket.destroy();
    else if (typeof reply === "object") {
      response.writeHead(reply.status, reply.headers).write(reply.body);
      if (!reply.isOpen) response.end();
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, close };
}
