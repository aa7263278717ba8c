/**
 * The gate before the work: a request takes a permit before a byte of its body is read. When all permits are taken it
 * waits in a queue of bounded length and time; past either it is refused, so nothing grows under load.
 */
import type { RequestHandler, Response } from "express";
import { AppError } from "../errors.js";

export interface GateOptions {
  readonly requestsMax: number;
  readonly requestsQueuedMax: number;
  readonly queueWaitMsMax: number;
}

const RETRY_AFTER_SECONDS = 1;

interface Permit {
  /** Work that goes on when the client is gone: the permit is held until it has settled. */
  readonly work: Promise<unknown>[];
}

export function gate({ requestsMax, requestsQueuedMax, queueWaitMsMax }: GateOptions): RequestHandler {
  let free = requestsMax;
  const queue = new Set<() => void>();

  const release = () => {
    const [first] = queue;
    if (first === undefined) {
      free += 1;
    } else {
      queue.delete(first);
      first();
    }
  };

  return (_request, response, next) => {
    const enter = () => {
      const permit: Permit = { work: [] };
      response.locals["permit"] = permit;
      response.once("close", () => Promise.allSettled(permit.work).then(release));
      next();
    };
    if (free > 0) {
      free -= 1;
      enter();
      return;
    }
    if (queue.size >= requestsQueuedMax) {
      next(overloaded(`${requestsMax} requests are worked on and ${queue.size} wait`));
      return;
    }
    const leave = () => {
      clearTimeout(timer);
      queue.delete(turn);
      response.off("close", leave);
    };
    const turn = () => {
      leave();
      enter();
    };
    const timer = setTimeout(() => {
      leave();
      next(overloaded(`the request waited ${queueWaitMsMax} ms for its turn`));
    }, queueWaitMsMax);
    response.once("close", leave);
    queue.add(turn);
  };
}

/** Counts `work` to the request's permit, even when its client goes away before it is done. */
export function holdPermit<T>(response: Response, work: Promise<T>): Promise<T> {
  const permit = response.locals["permit"] as Permit | undefined;
  permit?.work.push(work);
  return work;
}

function overloaded(why: string): AppError {
  const detail = `The service is full: ${why}. Try again in ${RETRY_AFTER_SECONDS} s.`;
  return new AppError("overloaded", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}
