import { randomUUID } from "node:crypto";
import type { RequestHandler, Response } from "express";

const CLIENT_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Gives every request an id, the client's where it sent a plain one, and every answer the header with it. */
export function nameRequest(): RequestHandler {
  return (request, response, next) => {
    const sent = request.get("x-request-id");
    const id = sent !== undefined && CLIENT_ID.test(sent) ? sent : randomUUID();
    response.locals["requestId"] = id;
    response.set("x-request-id", id);
    next();
  };
}

export function requestIdOf(response: Response): string {
  return String(response.locals["requestId"]);
}
