/** A class layer, trained on a thread of its own. */
import { Worker } from "node:worker_threads";
import { AppError } from "../errors.js";
import type { ErrorCode, TeachReport } from "../generated/contract.js";
import type { TrainedHead } from "../wasm-module.js";

/** What it is trained with, as `trainHead` of the WebAssembly module has it. */
export interface Lesson {
  readonly features: Float32Array<ArrayBuffer>;
  readonly size: number;
  readonly classes: Uint32Array;
  readonly classCount: number;
  readonly heldOut: Uint8Array;
  readonly groups: Uint32Array;
  readonly seed: number;
}

export interface Head extends TrainedHead {
  readonly report: TeachReport;
}

export type FromThread =
  | { readonly kind: "share"; readonly share: number }
  | { readonly kind: "done"; readonly head: Head }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string };

/** Trains; the features are given away. Rejects with the signal's reason, with the thread ended. */
export async function trainHead(lesson: Lesson, signal: AbortSignal, told: (share: number) => void): Promise<Head> {
  signal.throwIfAborted();
  const file = new URL("./training-thread.js", import.meta.url);
  const worker = new Worker(file, {
    env: {},
    execArgv: [],
    workerData: lesson,
    transferList: [lesson.features.buffer],
  });
  let leave = () => {};
  try {
    return await new Promise<Head>((resolve, reject) => {
      leave = () => reject(signal.reason);
      signal.addEventListener("abort", leave);
      worker.on("message", (message: FromThread) => {
        if (message.kind === "share") told(message.share);
        else if (message.kind === "done") resolve(message.head);
        else reject(new AppError(message.code, message.message));
      });
      worker.on("error", reject);
      worker.on("exit", (code) => reject(new Error(`the training thread ended with code ${code}`)));
    });
  } finally {
    signal.removeEventListener("abort", leave);
    await worker.terminate();
  }
}
