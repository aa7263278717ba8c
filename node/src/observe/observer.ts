/** Metrics, and traces where the environment asks for them, as one observer. */
import type { Moment, Observer } from "../ports.js";
import { createMetrics } from "./metrics.js";
import { openTracing, passOn, wantsTraces } from "./traces.js";

export interface Observing {
  readonly observer: Observer;
  /** The text of `/metrics`. */
  render(moment: Moment): Promise<string>;
  /** Sends what was not sent yet. */
  close(): Promise<void>;
}

/** A collector that does not answer holds up no stop for longer. */
const CLOSE_MS_MAX = 3000;
const REPORT_EVERY_MS = 60_000;

/** `report` is told, once a minute at most, that traces do not arrive. @throws Error, as `wantsTraces`. */
export async function openObserving(
  environment: Readonly<Record<string, string | undefined>>,
  report: (error: unknown) => void,
): Promise<Observing> {
  const metrics = createMetrics();
  const tracing = wantsTraces(environment) ? await openTracing(nowAndThen(report)) : null;
  return {
    observer: {
      begin: tracing === null ? passOn : (headers) => tracing.begin(headers),
      end(trace, request) {
        metrics.ended(request);
        tracing?.end(trace, request);
      },
      loaded: metrics.loaded,
      slept: metrics.slept,
      ran: metrics.ran,
      engineLost: metrics.engineLost,
    },
    render: metrics.render,
    async close() {
      await tracing?.close(CLOSE_MS_MAX);
    },
  };
}

function nowAndThen(report: (error: unknown) => void): (error: unknown) => void {
  let nextAt = 0;
  return (error) => {
    const now = performance.now();
    if (now < nextAt) return;
    nextAt = now + REPORT_EVERY_MS;
    report(error);
  };
}
