/**
 * Bodies have to arrive, and answers have to be taken, at a pace: a client that sends or reads a byte now and then would
 * hold memory and a connection for as long as it likes. It is cut off as Node cuts off a request that is late as a whole.
 */
import type { ServerResponse } from "node:http";
import type { Request, Response } from "express";

export interface PaceLimits {
  /** Time in which a body may come, or an answer be taken, as slowly as it likes. */
  readonly uploadGraceMs: number;
  readonly uploadBytesPerSecondMin: number;
  /** Deadline for a body to come whole, and for an answer to be taken whole. */
  readonly requestMsMax: number;
}

const CHECK_EVERY_MS = 250;
const TIMED_OUT = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

/** Watches the body from now on, until it is there. */
export function keepPace(request: Request, response: Response, limits: PaceLimits): void {
  const { socket } = request;
  const beganBytes = socket.bytesRead;
  const bytesOf = () => (request.complete ? null : socket.bytesRead - beganBytes);
  const end = watchPace(limits, bytesOf, () => {
    response.statusCode = 408;
    if (!response.headersSent) socket.write(TIMED_OUT);
    socket.destroySoon();
  });
  response.once("close", end);
}

/**
 * Calls `stop`, once, where fewer bytes have come than should have; until the function that it answers is called.
 * `bytesOf` is null once all have come.
 */
export function watchPace(limits: PaceLimits, bytesOf: () => number | null, stop: () => void): () => void {
  const graceEnds = performance.now() + limits.uploadGraceMs;
  const timer = setInterval(() => {
    const bytes = bytesOf();
    const secondsDue = (performance.now() - graceEnds) / 1000;
    if (bytes !== null && (secondsDue < 0 || bytes >= secondsDue * limits.uploadBytesPerSecondMin)) return;
    clearInterval(timer);
    if (bytes !== null) stop();
  }, CHECK_EVERY_MS);
  return () => clearInterval(timer);
}

interface Taking {
  readonly began: number;
  checked: number;
  takenBytes: number;
}

/**
 * Watches answers: each is to be given to it once its first byte is written. The pace is that of the last
 * `uploadGraceMs`, since the system takes megabytes for a client that reads nothing.
 */
export function keepAnswerPace(limits: PaceLimits): (response: ServerResponse) => void {
  const answers = new Map<ServerResponse, Taking>();
  const bytesMin = (limits.uploadBytesPerSecondMin * limits.uploadGraceMs) / 1000;

  const check = () => {
    const now = performance.now();
    for (const [response, taking] of answers) {
      const { socket } = response;
      // One that waits behind another one of its connection is not the client's to take yet.
      if (socket === null || now - taking.checked < limits.uploadGraceMs) continue;
      const takenBytes = takenOf(response);
      if (takenBytes - taking.takenBytes < bytesMin || now - taking.began > limits.requestMsMax) {
        socket.destroy();
        continue;
      }
      taking.checked = now;
      taking.takenBytes = takenBytes;
    }
  };
  setInterval(check, Math.min(CHECK_EVERY_MS, limits.uploadGraceMs)).unref();
  return (response) => {
    if (answers.has(response) || response.closed) return;
    const now = performance.now();
    answers.set(response, { began: now, checked: now, takenBytes: takenOf(response) });
    response.once("close", () => answers.delete(response));
  };
}

/** Bytes of the connection that the system has taken over. */
function takenOf({ socket }: ServerResponse): number {
  return socket === null ? 0 : socket.bytesWritten - socket.writableLength;
}
