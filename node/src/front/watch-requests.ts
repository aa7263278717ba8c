/**
 * Each request from its begin to the end of its answer: one line of the log, and what the observer is told. What a client
 * chose, such as its path, goes into the log alone.
 */
import type { IncomingMessage } from "node:http";
import type { RequestHandler, Response } from "express";
import type { Logger } from "pino";
import { type AppError, isFault } from "../errors.js";
import type { Observer, TraceHeaders, Watch } from "../ports.js";
import type { CallerOf } from "./caller.js";
import { requestIdOf } from "./request-id.js";
import type { Route } from "./route.js";
import { RequestWatch } from "./watch.js";

/** A request that no route takes: a file of the page, a wrong address, or one that was refused before its route. */
const OTHER = { method: "other", route: "other" };

interface Watched {
  readonly watch: RequestWatch;
  /** The row of the table that serves it. */
  row: typeof OTHER;
  /** Why it is refused. */
  problem: AppError | null;
  hasEnded: boolean;
  /** Called with a problem that comes when its client has gone, and its line has been written. */
  readonly onLate: (problem: AppError) => void;
}

export function watchRequests(observer: Observer, logger: Logger, callerOf: CallerOf): RequestHandler {
  return (request, response, next) => {
    const watched: Watched = {
      watch: new RequestWatch(observer, traceHeadersOf(request)),
      row: OTHER,
      problem: null,
      hasEnded: false,
      onLate: ({ code, cause }) => {
        // What breaks because nobody waits any more is no news.
        if (code === "internal")
          logger.error({ request_id: requestIdOf(response), outcome: code, err: cause }, "failed");
      },
    };
    response.locals["watched"] = watched;
    response.once("close", () => {
      watched.hasEnded = true;
      const { problem, row } = watched;
      const code = problem?.code ?? (response.writableFinished ? "ok" : "client_gone");
      const status = response.statusCode;
      const hasFailed = problem !== null && isFault(problem.code);
      const line = {
        request_id: requestIdOf(response),
        method: request.method,
        path: request.path,
        key: callerOf(request).holder?.name,
        status,
        ...watched.watch.end({ ...row, code, status }),
        ...(problem === null ? {} : { detail: problem.message }),
        ...(hasFailed ? { err: problem.cause } : {}),
      };
      if (hasFailed) logger.error(line, "failed");
      else if (code === "client_gone") logger.warn(line, "the client went away");
      else logger.info(line, code === "ok" ? "answered" : "refused");
    });
    next();
  };
}

/** Says which row of the table serves the request. */
export function noteRoute({ method, path }: Route): RequestHandler {
  const row = { method: method.toUpperCase(), route: path };
  return (_request, response, next) => {
    const watched = watchedOf(response);
    if (watched !== undefined) watched.row = row;
    next();
  };
}

export type NoteProblem = (problem: AppError, response: Response) => void;

/** Says why the request is refused, or answered with less than it asked for. */
export function noteProblem(problem: AppError, response: Response): void {
  const watched = watchedOf(response);
  if (watched?.hasEnded) watched.onLate(problem);
  else if (watched !== undefined) watched.problem = problem;
}

export function watchOf(response: Response): Watch | undefined {
  return watchedOf(response)?.watch;
}

export function traceHeadersOf({ headers }: IncomingMessage): TraceHeaders {
  const { traceparent, tracestate } = headers;
  return {
    traceparent: typeof traceparent === "string" ? traceparent : undefined,
    tracestate: typeof tracestate === "string" ? tracestate : undefined,
  };
}

function watchedOf(response: Response): Watched | undefined {
  return response.locals["watched"] as Watched | undefined;
}
