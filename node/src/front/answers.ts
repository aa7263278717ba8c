/** Answers of any size: counted until the client has them, and given in pieces, so that it is seen whether it reads. */
import type { RequestHandler, Response } from "express";
import { visitOf } from "./enter.js";
import { keepAnswerPace, type PaceLimits } from "./keep-pace.js";

/** Sends a body whose type is set. Resolves once all of it is handed on, or the client is gone. */
export type SendBytes = (response: Response, bytes: Uint8Array) => Promise<void>;

const PIECE_BYTES = 64 * 1024;

/** `watch` comes before the routes: it holds every answer to its pace. */
export function createAnswers(limits: PaceLimits): { readonly watch: RequestHandler; readonly send: SendBytes } {
  const keepPace = keepAnswerPace(limits);
  return {
    watch(_request, response, next) {
      response.once("prefinish", () => keepPace(response));
      next();
    },

    async send(response, bytes) {
      visitOf(response).chargeAnswer(bytes.length);
      if (bytes.length <= PIECE_BYTES) {
        response.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
        return;
      }
      response.set("content-length", String(bytes.length));
      keepPace(response);
      for (let start = 0; start < bytes.length && !response.closed; start += PIECE_BYTES) {
        const isTaken = response.write(bytes.subarray(start, start + PIECE_BYTES));
        if (!isTaken) await drained(response);
      }
      response.end();
    },
  };
}

/** Until more can be written, or the client is gone. */
function drained(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    if (response.closed) resolve();
    else response.on("drain", done).on("close", done);
  });
}
