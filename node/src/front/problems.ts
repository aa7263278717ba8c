/** Everything that is no answer: unknown paths, wrong methods, and errors in the form that the client reads. */
import type { ServerResponse } from "node:http";
import type { ErrorRequestHandler, RequestHandler } from "express";
import { AppError, type Problem } from "../errors.js";
import { html } from "./html.js";
import { errorFormOf } from "./negotiate.js";
import { page } from "./page.js";
import { requestIdOf } from "./request-id.js";
import { noteProblem } from "./watch-requests.js";

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

export function methodNotAllowed(...allowed: string[]): RequestHandler {
  return (request, response) => {
    response.set("allow", allowed.join(", "));
    const detail = `${request.method} does not work on this address; use ${allowed.join(" or ")}.`;
    throw new AppError("method_not_allowed", detail);
  };
}

export function notFound(): RequestHandler {
  return () => {
    throw new AppError("not_found", "There is nothing at this address.");
  };
}

export function sendProblem(): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const problem = asAppError(error);
    noteProblem(problem, response);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const body = beginProblem(problem, response);
    if (errorFormOf(request) === "page") {
      const content = html`<h2>${body.title}</h2><p>${body.detail}</p><p><small>${body.code}, request ${body.request_id}</small></p>`;
      response.type("html").send(page(request, body.title, content));
    } else {
      response.type(PROBLEM_TYPE).send(JSON.stringify(body));
    }
  };
}

/** Errors of Express and its parsers are the client's; anything else unknown is a bug, whose message stays here. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isClientError(error))
    return new AppError("field_invalid", `The request cannot be read: ${error.message}.`, { cause: error });
  return new AppError("internal", "Something went wrong in this service; its log says what.", { cause: error });
}

function isClientError(error: unknown): error is Error {
  return error instanceof Error && "status" in error && typeof error.status === "number" && error.status < 500;
}

/** Sets what every refusal has but its form, and gives what is to be said. */
export function beginProblem(problem: AppError, response: ServerResponse): Problem {
  if (problem.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(problem.retryAfterSeconds));
  response.statusCode = problem.status;
  return problem.problem(requestIdOf(response));
}
