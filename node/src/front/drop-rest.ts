/**
 * What comes of a body once its request is answered. It is read all the same, for most clients read no answer before they
 * have sent their request, and one that is reset meanwhile has none: for a while in turns as any body is, so that the next request
 * can come. Of one that takes longer, or comes in so small chunks that only their number can be meant, the connection is closed for
 * writing, and the rest is read without a look at it, in turns too (RFC 9112, section 9.6), as long as a request may take to come.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { CallerOf } from "./caller.js";
import { boundChunks } from "./chunk-bound.js";
import { readInTurns, type TakeTurn } from "./reading-turns.js";

/** How long the rest of a body is taken apart. */
const PARSE_MS = 2000;
/** A network makes larger ones of what is sent as fast as it can be. */
const CHUNKS = { freeChunks: 256, bytesMin: 512 };

/** `serve`, and then the rest of the body. */
export function dropRestInTurns(callerOf: CallerOf, takeTurn: TakeTurn, serve: RequestListener): RequestListener {
  return (request, response) => {
    if (hasBody(request)) {
      response.once("prefinish", () => {
        if (!request.complete)
          dropRest(request, response, (bytes) => takeTurn({ caller: callerOf(request).name, request }, bytes));
      });
    }
    serve(request, response);
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function dropRest(
  request: IncomingMessage,
  { shouldKeepAlive }: ServerResponse,
  takeTurn: (bytes: number) => Promise<void> | undefined,
): void {
  const { socket } = request;
  const forget = () => {};
  const readUnparsed = () => {
    clearTimeout(timer);
    if (socket.writableEnded) return;
    stop();
    request.resume();
    socket.end();
    readInTurns(socket, takeTurn, forget, forget);
    socket.resume();
  };
  const timer = setTimeout(readUnparsed, PARSE_MS);
  const isBounded = boundChunks(CHUNKS);
  const turn = (bytes: number) => {
    if (isBounded(bytes)) return takeTurn(bytes);
    readUnparsed();
    return undefined;
  };
  const stop = readInTurns(request, turn, forget, forget);
  request.once("close", () => clearTimeout(timer));
  // Node would close it for reading too, which resets it.
  if (!shouldKeepAlive) socket.destroySoon = readUnparsed;
  // A body that nobody began to read Node would drop by itself, as fast as it comes.
  request.read(0);
  request.resume();
}
