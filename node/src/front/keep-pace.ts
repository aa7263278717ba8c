/**
 * A body has to arrive at a pace: a client that sends one byte now and then would hold a permit and memory for as long as
 * a large upload may take. It is cut off as Node cuts off a request that is late as a whole.
 */
import type { Request, Response } from "express";

export interface PaceLimits {
  /** Time in which a body may come as slowly as it likes. */
  readonly uploadGraceMs: number;
  readonly uploadBytesPerSecondMin: number;
}

const CHECK_EVERY_MS = 250;
const TIMED_OUT = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

/** Watches the body from now on, until it is there. */
export function keepPace(request: Request, response: Response, limits: PaceLimits): void {
  const { socket } = request;
  const beganBytes = socket.bytesRead;
  const graceEnds = performance.now() + limits.uploadGraceMs;
  const timer = setInterval(() => {
    if (request.complete) {
      clearInterval(timer);
      return;
    }
    const secondsDue = (performance.now() - graceEnds) / 1000;
    if (secondsDue < 0 || socket.bytesRead - beganBytes >= secondsDue * limits.uploadBytesPerSecondMin) return;
    clearInterval(timer);
    response.statusCode = 408;
    if (!response.headersSent) socket.write(TIMED_OUT);
    socket.destroySoon();
  }, CHECK_EVERY_MS);
  response.once("close", () => clearInterval(timer));
}
