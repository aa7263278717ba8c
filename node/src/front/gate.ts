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

export interface Gate {
  /** Lets a request through with a permit, or refuses it. */
  readonly permit: RequestHandler;
  /** What a request would be refused with now; null when it would get a permit or a place in the queue. */
  refusal(): AppError | null;
}

const RETRY_AFTER_SECONDS = 1;

interface Permit {
  /** Work that goes on when the client is gone: the permit is held until it has settled. */
  readonly work: Promise<unknown>[];
}

export function gate({ requestsMax, requestsQueuedMax, queueWaitMsMax }: GateOptions): Gate {
  let free = requestsMax;
  const queue = new Set<() => void>();
  // Errors are dear to make, for the stack in them; this one is always the same.
  const full = overloaded(`${requestsMax} requests are worked on and ${requestsQueuedMax} wait`);

  const release = () => {
    const [first] = queue;
    if (first === undefined) {
      free += 1;
    } else {
      queue.delete(first);
      first();
    }
  };

  const refusal = () => (free === 0 && queue.size >= requestsQueuedMax ? full : null);

  const permit: RequestHandler = (_request, response, next) => {
    const enter = () => {
      const held: Permit = { work: [] };
      response.locals["permit"] = held;
      response.once("close", () => Promise.allSettled(held.work).then(release));
      next();
    };
    if (free > 0) {
      free -= 1;
      enter();
      return;
    }
    const refused = refusal();
    if (refused !== null) {
      next(refused);
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
  return { permit, refusal };
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
