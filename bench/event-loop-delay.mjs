/**
 * Loaded into the service before its own code: answers each message with the 99th percentile of the event loop's delay, in
 * ms, since the last one.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 1;

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
process.on("message", () => {
  // A sample is the time between two ticks of a timer, so a loop that is never held up shows the timer's own interval.
  process.send?.(Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS));
  delays.reset();
});
process.channel?.unref();
