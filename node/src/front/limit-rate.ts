/** So many requests in a window of time from one key, or from one address where there is no key. */
import type { RequestHandler } from "express";
import { rateLimit } from "express-rate-limit";
import { AppError } from "../errors.js";
import type { CallerOf } from "./caller.js";

export interface RateOptions {
  /** 0 is no limit. */
  readonly requestsPerWindowMax: number;
  readonly rateWindowMs: number;
}

export function limitRate(callerOf: CallerOf, { requestsPerWindowMax, rateWindowMs }: RateOptions): RequestHandler {
  if (requestsPerWindowMax === 0) return (_request, _response, next) => next();
  return rateLimit({
    limit: requestsPerWindowMax,
    windowMs: rateWindowMs,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    keyGenerator: (request) => callerOf(request).name,
    handler: (request, _response, next) => {
      const { resetTime } = (request as typeof request & { rateLimit: { resetTime: Date } }).rateLimit;
      const retryAfterSeconds = Math.max(1, Math.ceil((resetTime.getTime() - Date.now()) / 1000));
      const detail = `More than ${requestsPerWindowMax} requests in ${rateWindowMs} ms. Try again in ${retryAfterSeconds} s.`;
      next(new AppError("rate_limited", detail, { retryAfterSeconds }));
    },
  });
}
