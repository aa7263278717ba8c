/**
 * What a full service answers most requests with, kept off the way that costs more than the refusal: of one that goes
 * through Express and its error handling, these are two thirds of the main thread's time. So it comes before anything is
 * known of who asks.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Gate } from "./gate.js";
import { asksForPage } from "./negotiate.js";
import { beginProblem, PROBLEM_TYPE } from "./problems.js";

/** Middleware that needs nothing of Express. */
export type SetHeaders = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

const PATH = "/infer";

/** `serve`, but for the images that `gate` would refuse. A browser's form is left to `serve`, which answers with a page. */
export function refuseEarly(
  gate: Gate,
  setHeaders: readonly SetHeaders[],
  logger: Logger,
  serve: RequestListener,
): RequestListener {
  return (request, response) => {
    const refusal = gate.refusal();
    if (refusal === null || !isImage(request)) {
      serve(request, response);
      return;
    }
    for (const set of setHeaders) set(request, response, () => {});
    const problem = beginProblem(refusal, request, response);
    const { request_id, code, detail, status } = problem;
    response.setHeader("content-type", PROBLEM_TYPE);
    response.end(JSON.stringify(problem));
    logger.error({ request_id, method: request.method, path: PATH, status, code, detail }, "failed");
  };
}

function isImage(request: IncomingMessage): boolean {
  const { method, url = "" } = request;
  return method === "POST" && (url === PATH || url.startsWith(`${PATH}?`)) && !asksForPage(request);
}
