/**
 * The run's side of what it and the service say to each other: a line of JSON each, the order on stdin and messages on stdout.
 * That stdin ends says that the service is gone, or wants the run no more, and then its process ends. The event loop of a run
 * hears nothing while a call of native code or WebAssembly lasts, so that a thread of its own does.
 */
import { Socket } from "node:net";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { RunMessage } from "./run.js";

const STDIN = 0;
const NEWLINE = "\n";

/** `graceMs` is for a run that hears that it is `unwanted`, to end its engines. */
export function hearService<Order>(graceMs: number, begin: (order: Order) => void, unwanted: () => void): void {
  const thread = new Worker(new URL(import.meta.url), { env: {}, execArgv: [], workerData: graceMs });
  thread.on("message", (line: string | null) => {
    // From now on the run itself keeps the process.
    thread.unref();
    if (line === null) unwanted();
    else begin(JSON.parse(line) as Order);
  });
  // The service is gone.
  process.stdout.on("error", () => {});
}

/** Resolves once it is handed over, or the service is gone. */
export function sayToService(message: RunMessage): Promise<void> {
  return new Promise((done) => {
    process.stdout.write(`${JSON.stringify(message)}${NEWLINE}`, () => done());
  });
}

if (!isMainThread) {
  let order: string | null = "";
  const hear = (text: string) => {
    if (order === null) return;
    order += text;
    if (!order.endsWith(NEWLINE)) return;
    parentPort?.postMessage(order);
    order = null;
  };
  new Socket({ fd: STDIN, writable: false })
    .setEncoding("utf8")
    .on("data", hear)
    .on("error", () => {})
    .once("close", () => {
      parentPort?.postMessage(null);
      setTimeout(() => process.kill(process.pid, "SIGKILL"), workerData as number);
    });
}
