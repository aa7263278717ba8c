/** Answers of any size: counted until the client has them, and given in pieces, so that it is seen whether it reads. */
import type { RequestHandler, Response } from "express";
import type { Charge, Pieces, Visit } from "../ports.js";
import type { Admission } from "./admission.js";
import type { CallerOf } from "./caller.js";
import { visitOf } from "./enter.js";
import { keepAnswerPace, type PaceLimits } from "./keep-pace.js";

type Body = string | Uint8Array | Pieces;

/**
 * Sends a body whose type is set, in one or in pieces. Resolves once all of it is handed on, or the client is gone.
 * Rejects with an `AppError` `overloaded` where its caller holds too much. One that has to be read is given as what reads
 * it, which charges its bytes before.
 */
export type SendBytes = (response: Response, body: Body | ((charge: Charge) => Promise<Body>)) => Promise<void>;

/** Sends a file whose type is set while it is read. Resolves as `SendBytes`. */
export type SendFile = (
  response: Response,
  file: { readonly bytes: number; readonly content: AsyncIterable<Uint8Array> },
) => Promise<void>;

const PIECE_BYTES = 64 * 1024;

/** `watch` comes before the routes: it holds every answer to its pace. */
export function createAnswers(
  limits: PaceLimits,
  admission: Admission,
  callerOf: CallerOf,
): {
  readonly watch: RequestHandler;
  readonly send: SendBytes;
  readonly sendFile: SendFile;
} {
  const keepPace = keepAnswerPace(limits);
  /** Those of requests that do not work are their caller's too. */
  const charge = (response: Response, bytes: number) => {
    const visit: Visit | undefined = visitOf(response);
    if (visit !== undefined) visit.chargeAnswer(bytes);
    else if (!response.closed) response.once("close", admission.hold(callerOf(response.req).name, bytes));
  };
  return {
    watch(_request, response, next) {
      response.once("prefinish", () => keepPace(response));
      next();
    },

    async send(response, given) {
      let charged = 0;
      const chargeRead = (bytes: number) => {
        charge(response, bytes);
        charged += bytes;
      };
      const body = typeof given === "function" ? await given(chargeRead) : given;
      const length = lengthOf(body);
      if (length > charged) charge(response, length - charged);
      response.setHeader("content-length", length);
      if (length <= PIECE_BYTES) {
        // Node writes a text together with the head.
        response.end(typeof body === "string" ? body : Buffer.concat(piecesOf(body)));
        return;
      }
      keepPace(response);
      for (const piece of piecesOf(body)) {
        for (let start = 0; start < piece.length && !response.closed; start += PIECE_BYTES) {
          const isTaken = response.write(piece.subarray(start, start + PIECE_BYTES));
          if (!isTaken) await drained(response);
        }
      }
      response.end();
    },

    async sendFile(response, { bytes, content }) {
      response.set("content-length", String(bytes));
      keepPace(response);
      for await (const piece of content) {
        if (response.closed) break;
        if (!response.write(piece)) await drained(response);
      }
      response.end();
    },
  };
}

function lengthOf(body: Body): number {
  if (typeof body === "string") return Buffer.byteLength(body);
  return piecesOf(body).reduce((sum, piece) => sum + piece.length, 0);
}

function piecesOf(body: Body): Pieces {
  if (typeof body === "string") return [Buffer.from(body)];
  return body instanceof Uint8Array ? [body] : body;
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
