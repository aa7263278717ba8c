import type { RequestHandler } from "express";
import type { Logger } from "pino";
import type { CallerOf } from "./caller.js";
import { requestIdOf } from "./request-id.js";

/** One line for each answer. Paths are the client's text: pino writes them JSON-escaped. */
export function logRequests(logger: Logger, callerOf: CallerOf): RequestHandler {
  return (request, response, next) => {
    const started = performance.now();
    response.once("close", () => {
      const { method, path } = request;
      const facts = {
        request_id: requestIdOf(response),
        method,
        path,
        key: callerOf(request).holder?.name,
        status: response.statusCode,
        ms: Math.round((performance.now() - started) * 10) / 10,
      };
      if (response.writableFinished) logger.info(facts, "answered");
      else logger.warn(facts, "the client went away");
    });
    next();
  };
}
