/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) of one thing that changes: who reads
 * slowly gets its latest state, and costs no more than one.
 */
import type { Response } from "express";

export interface EventStreamOptions {
  /** Between two events. */
  readonly everyMsMin: number;
  /** Between two signs of life. */
  readonly heartbeatMs: number;
  /** For so long what was written may wait to be read; past it the connection is cut. */
  readonly graceMs: number;
}

export interface EventStream {
  /** The state from now on, as JSON when it is sent; what it was before need not be sent. */
  send(state: () => string): void;
  /** Sends the latest state, and ends. */
  end(): void;
}

/** Begins the answer, whose events are called `name`. */
export function openEventStream(response: Response, name: string, options: EventStreamOptions): EventStream {
  const { everyMsMin, heartbeatMs, graceMs } = options;
  response.set({ "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" });
  response.flushHeaders();
  let latest: (() => string) | null = null;
  let wroteMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let late: NodeJS.Timeout | undefined;
  let isEnded = false;

  const write = (text: string) => {
    if (response.write(text) || late !== undefined) return;
    late = setTimeout(() => response.destroy(), graceMs);
  };
  const flush = () => {
    timer = undefined;
    if (latest === null || response.closed || late !== undefined) return;
    write(`event: ${name}\ndata: ${latest()}\n\n`);
    latest = null;
    wroteMs = performance.now();
    if (isEnded) response.end();
  };
  const heart = setInterval(() => {
    if (late === undefined) write(": \n\n");
  }, heartbeatMs);
  response.on("drain", () => {
    clearTimeout(late);
    late = undefined;
    flush();
  });
  response.once("close", () => {
    clearInterval(heart);
    clearTimeout(timer);
    clearTimeout(late);
  });
  return {
    send(state) {
      if (isEnded) return;
      latest = state;
      timer ??= setTimeout(flush, Math.max(0, wroteMs + everyMsMin - performance.now()));
    },
    end() {
      isEnded = true;
      clearTimeout(timer);
      if (latest === null) response.end();
      else flush();
    },
  };
}
