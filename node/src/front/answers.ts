/** Answers of any size: counted until the client has them, and given in pieces, so that it is seen whether it reads. */
import { once } from "node:events";
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
        if (!isTaken && !response.closed) await Promise.race([once(response, "drain"), once(response, "close")]);
      }
      response.end();
    },
  };
}
