import type { RequestHandler } from "express";
import type { Readiness } from "../ports.js";

/** Whether the process runs. */
export function healthz(): RequestHandler {
  return (_request, response) => {
    response.json({ live: true });
  };
}

/** Whether requests are served now, and by what. */
export function readyz(readiness: () => Readiness): RequestHandler {
  return (_request, response) => {
    const now = readiness();
    response.status(now.ready ? 200 : 503).json(now);
  };
}
