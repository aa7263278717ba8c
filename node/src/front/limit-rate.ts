/** So many requests in a window of time from one key, or from one address where there is no key. */

import type { RequestHandler } from "express";
import { MemoryStore, rateLimit, type Store } from "express-rate-limit";
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { PeerCounts } from "../ports.js";
import type { Caller, CallerOf } from "./caller.js";

export interface RateOptions {
  /** 0 is no limit. */
  readonly requestsPerWindowMax: number;
  readonly rateWindowMs: number;
}

/** What is counted here counts for every protocol. */
export interface Rates {
  /** The middleware that counts requests. */
  readonly limit: RequestHandler;
  /** Counts a call of another protocol. Rejects with an `AppError` `rate_limited`. */
  count(caller: Caller): Promise<void>;
}

/** @param peers what other replicas count; null where each counts for itself */
export function createRates(
  callerOf: CallerOf,
  { requestsPerWindowMax, rateWindowMs }: RateOptions,
  peers: PeerCounts | null = null,
): Rates {
  if (requestsPerWindowMax === 0) return { limit: (_request, _response, next) => next(), count: async () => {} };
  const store = peers === null ? new MemoryStore() : withPeers(new MemoryStore(), peers, rateWindowMs);
  const refusal = (resetTime: Date | undefined) => {
    const resetMs = resetTime?.getTime() ?? Date.now() + rateWindowMs;
    const retryAfterSeconds = Math.max(1, Math.ceil((resetMs - Date.now()) / 1000));
    const detail = `More than ${counted(requestsPerWindowMax, "request")} in ${rateWindowMs} ms. Try again in ${retryAfterSeconds} s.`;
    return new AppError("rate_limited", detail, { retryAfterSeconds });
  };
  return {
    limit: rateLimit({
      store,
      limit: requestsPerWindowMax,
      windowMs: rateWindowMs,
      standardHeaders: "draft-8",
      legacyHeaders: false,
      keyGenerator: (request) => callerOf(request).name,
      handler: (request, _response, next) => {
        const { resetTime } = (request as typeof request & { rateLimit: { resetTime: Date } }).rateLimit;
        next(refusal(resetTime));
      },
    }),
    async count({ name }) {
      const { totalHits, resetTime } = await store.increment(name);
      if (totalHits > requestsPerWindowMax) throw refusal(resetTime);
    },
  };
}

/** Adds what other replicas count of a caller. */
function withPeers(own: MemoryStore, peers: PeerCounts, rateWindowMs: number): Store {
  return {
    localKeys: true,
    init: (options) => own.init(options),
    async increment(key) {
      const { totalHits, resetTime } = await own.increment(key);
      peers.tell(key, totalHits, resetTime === undefined ? rateWindowMs : resetTime.getTime() - Date.now());
      return { totalHits: totalHits + peers.others(key), resetTime };
    },
    decrement: (key) => own.decrement(key),
    resetKey: (key) => own.resetKey(key),
  };
}
