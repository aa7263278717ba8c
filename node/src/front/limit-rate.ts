/** So many requests in a window of time from one key, or from one address where there is no key. */
import type { RequestHandler } from "express";
import { ipKeyGenerator, rateLimit } from "express-rate-limit";
import { AppError } from "../errors.js";
import { holderOf } from "./authorize.js";

export interface RateOptions {
  /** 0 is no limit. */
  readonly requestsPerWindowMax: number;
  readonly rateWindowMs: number;
}

/** What a home or a small office gets from its provider: whoever holds it could take any address of it. */
const IPV6_SUBNET_BITS = 56;

export function limitRate({ requestsPerWindowMax, rateWindowMs }: RateOptions): RequestHandler {
  if (requestsPerWindowMax === 0) return (_request, _response, next) => next();
  return rateLimit({
    limit: requestsPerWindowMax,
    windowMs: rateWindowMs,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    // A key that is not known counts to its address, so that guessing keys is limited as well.
    keyGenerator: ({ ip = "" }, response) => {
      const holder = holderOf(response);
      return holder ? `key ${holder.name}` : `address ${ipKeyGenerator(ip, IPV6_SUBNET_BITS)}`;
    },
    handler: (request, _response, next) => {
      const { resetTime } = (request as typeof request & { rateLimit: { resetTime: Date } }).rateLimit;
      const retryAfterSeconds = Math.max(1, Math.ceil((resetTime.getTime() - Date.now()) / 1000));
      const detail = `More than ${requestsPerWindowMax} requests in ${rateWindowMs} ms. Try again in ${retryAfterSeconds} s.`;
      next(new AppError("rate_limited", detail, { retryAfterSeconds }));
    },
  });
}
