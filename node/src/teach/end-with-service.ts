/**
 * Ends the process of a run where the service is gone and the run does not hear of that: its event loop hears nothing while a
 * call of native code or WebAssembly lasts, which a thread of its own does. The service holds the other end of stdin.
 */
import { Socket } from "node:net";
import { isMainThread, Worker, workerData } from "node:worker_threads";

const STDIN = 0;

/** `graceMs` is for a run that hears it, to end its engines. */
export function endWithService(graceMs: number): void {
  new Worker(new URL(import.meta.url), { env: {}, execArgv: [], workerData: graceMs }).unref();
}

if (!isMainThread)
  new Socket({ fd: STDIN, writable: false })
    .resume()
    .on("error", () => {})
    .once("close", () => setTimeout(() => process.kill(process.pid, "SIGKILL"), workerData as number));
