/**
 * What comes of a body once its request is answered. It is read all the same, for most clients read no answer before they
 * have sent their request: for a while, in turns as any body is, and not where it comes in so small chunks that only their
 * number can be meant: to take those apart is all the work that they are.
 */
import type { IncomingMessage, RequestListener } from "node:http";
import type { CallerOf } from "./caller.js";
import { boundChunks } from "./chunk-bound.js";
import { readInTurns, type TakeTurn } from "./reading-turns.js";

/** How long the rest of a body is read, so that its client reads the answer. */
const LINGER_MS = 2000;
/** A network makes larger ones of what is sent as fast as it can be. */
const CHUNKS = { freeChunks: 256, bytesMin: 512 };

/** `serve`, and then the rest of the body. */
export function dropRestInTurns(callerOf: CallerOf, takeTurn: TakeTurn, serve: RequestListener): RequestListener {
  return (request, response) => {
    if (hasBody(request)) {
      response.once("prefinish", () => {
        if (!request.complete)
          dropRest(request, (bytes) => takeTurn({ caller: callerOf(request).name, request }, bytes));
      });
    }
    serve(request, response);
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function dropRest(request: IncomingMessage, takeTurn: (bytes: number) => Promise<void> | undefined): void {
  const { socket } = request;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  request.once("close", () => clearTimeout(timer));
  const isBounded = boundChunks(CHUNKS);
  const turn = (bytes: number) => {
    if (isBounded(bytes)) return takeTurn(bytes);
    socket.destroy();
    return undefined;
  };
  const forget = () => {};
  readInTurns(request, turn, forget, forget);
  // A body that nobody began to read Node would drop by itself, as fast as it comes.
  request.read(0);
  request.resume();
}
