/**
 * Each request from its begin to the end of its answer: one line of the log, and what the observer is told. What a client
 * chose, such as its path, goes into the log alone.
 */
import type { IncomingMessage } from "node:http";
import type { RequestHandler, Response } from "express";
import type { Logger } from "pino";
import type { AppError } from "../errors.js";
import type { Observer, Outcome, RequestFacts, TraceHeaders, Watch } from "../ports.js";
import type { CallerOf } from "./caller.js";
import { requestIdOf } from "./request-id.js";
import type { Route } from "./route.js";

/** A request that no route takes: a file of the page, a wrong address, or one that was refused before its route. */
export const OTHER = { method: "other", path: "other" } as const;

interface Watched extends Watch {
  readonly outcomes: Outcome[];
  route: Pick<Route, "path"> & { readonly method: string };
  problem: AppError | null;
  /** Called with a problem of which the request's line said nothing: its client had gone. */
  readonly onLate: (problem: AppError) => void;
  hasEnded: boolean;
}

export function watchRequests(observer: Observer, logger: Logger, callerOf: CallerOf): RequestHandler {
  return (request, response, next) => {
    const began = performance.now();
    const trace = observer.begin(traceHeadersOf(request));
    const outcomes: Outcome[] = [];
    const watched: Watched = {
      traceHeaders: trace.headers,
      answered: (outcome) => void outcomes.push(outcome),
      outcomes,
      route: OTHER,
      problem: null,
      onLate: ({ code, cause }) => {
        // What breaks because nobody waits any more is no news.
        if (code === "internal")
          logger.error({ request_id: requestIdOf(response), outcome: code, err: cause }, "failed");
      },
      hasEnded: false,
    };
    response.locals["watch"] = watched;
    response.once("close", () => {
      watched.hasEnded = true;
      const ms = performance.now() - began;
      const facts = factsOf(watched, response, began, ms);
      observer.end(trace, facts);
      const { method, path } = request;
      const line = {
        request_id: requestIdOf(response),
        ...(trace.id === null ? {} : { trace_id: trace.id }),
        method,
        path,
        key: callerOf(request).holder?.name,
        status: response.statusCode,
        outcome: facts.code,
        ...problemOf(watched),
        ...modelsOf(outcomes),
        ms: rounded(ms),
      };
      if (facts.status >= 500) logger.error(line, "failed");
      else if (facts.code === "client_gone") logger.warn(line, "the client went away");
      else logger.info(line, facts.code === "ok" ? "answered" : "refused");
    });
    next();
  };
}

/** Says which row of the table serves the request. */
export function noteRoute({ method, path }: Route): RequestHandler {
  const route = { method: method.toUpperCase(), path };
  return (_request, response, next) => {
    const watched = watchedOf(response);
    if (watched !== undefined) watched.route = route;
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
  return watchedOf(response);
}

export function traceHeadersOf({ headers }: IncomingMessage): TraceHeaders {
  const { traceparent, tracestate } = headers;
  return {
    traceparent: typeof traceparent === "string" ? traceparent : undefined,
    tracestate: typeof tracestate === "string" ? tracestate : undefined,
  };
}

function watchedOf(response: Response): Watched | undefined {
  return response.locals["watch"] as Watched | undefined;
}

function factsOf(
  { route, problem, outcomes }: Watched,
  { statusCode, writableFinished }: Response,
  began: number,
  ms: number,
): RequestFacts {
  const code = problem?.code ?? (writableFinished ? "ok" : "client_gone");
  return { method: route.method, route: route.path, code, status: problem?.status ?? statusCode, began, ms, outcomes };
}

function problemOf({ problem }: Watched): object {
  if (problem === null) return {};
  return { detail: problem.message, ...(problem.status < 500 ? {} : { err: problem.cause }) };
}

/** The models that were asked, and where their time went, together; ms. */
function modelsOf(outcomes: readonly Outcome[]): object {
  if (outcomes.length === 0) return {};
  const sum = (stage: "decode" | "resize" | "queue" | "run" | "interpret") =>
    rounded(outcomes.reduce((total, { stages }) => total + (stages?.[stage] ?? 0), 0));
  const models = [...new Set(outcomes.map(({ modelId, model }) => modelId ?? model))];
  return {
    models,
    images: outcomes.length,
    stages_ms: {
      decode: sum("decode"),
      resize: sum("resize"),
      queue: sum("queue"),
      run: sum("run"),
      interpret: sum("interpret"),
    },
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
