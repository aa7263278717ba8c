/** Reads a body into memory that is one thing: an image, or a message of a protocol. */
import type { Request, RequestHandler, Response } from "express";
import { AppError } from "../errors.js";
import { ChunkJoiner } from "../join-chunks.js";
import type { UploadedFile } from "../ports.js";
import { untilDeadline } from "./deadline.js";
import { visitOf } from "./enter.js";
import { FileCollector } from "./file-collector.js";
import { keepPace } from "./keep-pace.js";
import { readInTurns, type TakeTurn } from "./reading-turns.js";
import { tooLarge, type UploadLimits } from "./upload.js";

/** Middleware that reads a body of any type whole; `bodyOf` gives it. */
export function createBodyReader(limits: UploadLimits, takeTurn: TakeTurn): RequestHandler {
  return async (request, response, next) => {
    beginBody(request, response, limits);
    const reading = readRaw(request, response, "The request", limits.requestBytesMax, takeTurn);
    response.locals["body"] = (await untilDeadline(request, response, reading)).bytes;
    next();
  };
}

export function bodyOf(response: Response): Uint8Array {
  return response.locals["body"] as Uint8Array;
}

/** Looks at what the head says of a body, and sees that it comes. @throws AppError `upload_too_large`, `field_invalid`. */
export function beginBody(request: Request, response: Response, limits: UploadLimits): void {
  const { requestBytesMax } = limits;
  if (Number(request.headers["content-length"] ?? 0) > requestBytesMax) throw tooLarge("The request", requestBytesMax);
  checkEncoding(request);
  keepPace(request, response, limits);
}

/** @throws AppError `field_invalid` for a body that is compressed. */
function checkEncoding({ headers }: Request): void {
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return;
  const detail = `Content-Encoding ${JSON.stringify(encoding)} is not taken; send the body as it is.`;
  throw new AppError("field_invalid", detail);
}

/** A body as it comes: counted, in its turns, and refused as soon as it passes `bytesMax`. `what` is its name in that refusal. */
export async function readRaw(
  request: Request,
  response: Response,
  what: string,
  bytesMax: number,
  takeTurn: TakeTurn,
): Promise<UploadedFile> {
  const visit = visitOf(response);
  const collector = new FileCollector("", false, bytesMax);
  const joiner = new ChunkJoiner({ push: (chunk) => collector.add(chunk) });
  let bodyBytes = 0;
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      bodyBytes += chunk.length;
      try {
        visit.charge(chunk.length);
        if (bodyBytes > bytesMax) throw tooLarge(what, bytesMax);
        joiner.add(chunk);
      } catch (error) {
        stop();
        reject(error);
      }
    };
    const stop = readInTurns(request, (bytes) => takeTurn(visit, bytes), take, resolve);
    request.once("close", () => {
      if (request.complete) return;
      stop();
      reject(new AppError("field_invalid", "The request ended before its body did."));
    });
  });
  joiner.finish();
  return collector.file() ?? { name: "", bytes: new Uint8Array(), sha256: "" };
}
