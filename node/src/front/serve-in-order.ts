/**
 * The requests of one connection, one after the other. Their answers have to come in that order anyway (RFC 9112, section
 * 9.3.2), and what was made of a later one before its turn would be held for a client that need not read it: a thousand
 * requests of 60 bytes that came at once held a thousand answers and a thousand open files, for good once it had left.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests of one connection that wait for the one before them; a connection that sends more is closed. */
export const WAITING_MAX = 32;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export function serveInOrder(serve: RequestListener): RequestListener {
  /** What waits on connections of which a request is served. */
  const waiting = new WeakMap<Socket, Exchange[]>();

  const begin = (socket: Socket, { request, response }: Exchange) => {
    response.once("close", () => {
      const next = waiting.get(socket)?.shift();
      // A client that has left, or was told that its connection ends, is served no more.
      if (next === undefined || !socket.writable) waiting.delete(socket);
      else begin(socket, next);
    });
    serve(request, response);
  };
  return (request, response) => {
    const { socket } = request;
    const line = waiting.get(socket);
    if (line === undefined) {
      waiting.set(socket, []);
      begin(socket, { request, response });
    } else if (line.length < WAITING_MAX) line.push({ request, response });
    else socket.destroy();
  };
}
