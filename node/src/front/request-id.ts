import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { SetHeaders } from "./refuse-early.js";

export const REQUEST_ID_HEADER = "x-request-id";
/** What every id of a request is like. */
export const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Gives every request an id, the client's where it sent a plain one, and every answer the header with it. */
export function nameRequest(): SetHeaders {
  return (request, response, next) => {
    response.setHeader(REQUEST_ID_HEADER, chooseRequestId(request.headers[REQUEST_ID_HEADER]));
    next();
  };
}

/** What the client sent where that is plain, else one of our own. */
export function chooseRequestId(sent: unknown): string {
  return typeof sent === "string" && REQUEST_ID.test(sent) ? sent : randomUUID();
}

export function requestIdOf(response: ServerResponse): string {
  return String(response.getHeader(REQUEST_ID_HEADER));
}
