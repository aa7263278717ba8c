import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { SetHeaders } from "./refuse-early.js";

const HEADER = "x-request-id";
const CLIENT_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Gives every request an id, the client's where it sent a plain one, and every answer the header with it. */
export function nameRequest(): SetHeaders {
  return (request, response, next) => {
    const sent = request.headers[HEADER];
    const id = typeof sent === "string" && CLIENT_ID.test(sent) ? sent : randomUUID();
    response.setHeader(HEADER, id);
    next();
  };
}

export function requestIdOf(response: ServerResponse): string {
  return String(response.getHeader(HEADER));
}
