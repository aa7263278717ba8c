/**
 * What a full service answers most requests with, kept off the way that costs more than the refusal: of one that goes
 * through Express and its error handling, these are two thirds of the main thread's time. So it comes before
 * roles, origins and rates are asked.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Observer } from "../ports.js";
import type { Admission } from "./admission.js";
import type { CallerOf } from "./caller.js";
import { asksForPage } from "./negotiate.js";
import { beginProblem, PROBLEM_TYPE } from "./problems.js";
import { RequestWatch } from "./watch.js";
import { traceHeadersOf } from "./watch-requests.js";

/** Middleware that needs nothing of Express. */
export type SetHeaders = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

const PATH = "/infer";
/** Whoever wants another answer than the problem gets it from the route. */
const FALLBACK = /[?&]fallback=/;
const LOG_EVERY_MS = 1000;

/** `serve`, but for the images of callers that would not be admitted. A browser's form is left to `serve`, which answers with a page. */
export function refuseEarly(
  admission: Admission,
  callerOf: CallerOf,
  setHeaders: readonly SetHeaders[],
  logger: Logger,
  observer: Observer,
  serve: RequestListener,
): RequestListener {
  const count = countRefusals(logger);
  return (request, response) => {
    const refusal = isImage(request) ? admission.refusal(callerOf(request).name) : null;
    if (refusal === null) {
      serve(request, response);
      return;
    }
    const watch = new RequestWatch(observer, traceHeadersOf(request));
    for (const set of setHeaders) set(request, response, () => {});
    const problem = beginProblem(refusal, response);
    response.setHeader("content-type", PROBLEM_TYPE);
    response.end(JSON.stringify(problem));
    count();
    const { code, status } = refusal;
    watch.end({ method: "POST", route: PATH, code, status });
  };
}

/** One line of the log a second, however many are refused in it. */
function countRefusals(logger: Logger): () => void {
  let refused = 0;
  return () => {
    refused += 1;
    if (refused > 1) return;
    setTimeout(() => {
      logger.warn({ code: "overloaded", refused, ms: LOG_EVERY_MS }, "refused");
      refused = 0;
    }, LOG_EVERY_MS).unref();
  };
}

function isImage(request: IncomingMessage): boolean {
  const { method, url = "" } = request;
  const isImage = method === "POST" && (url === PATH || url.startsWith(`${PATH}?`));
  return isImage && !FALLBACK.test(url) && !asksForPage(request);
}
