/** The WebAssembly function in worker threads, and models that answer the mean colour for it to be asked of. */
import { createWasmClassifier, type WasmClassifierOptions } from "../../src/images/wasm-classifier.js";
import type { Classifier, ClassifyTarget } from "../../src/ports.js";
import { FakeEngine } from "./fake-engine.js";
import { COLOURS } from "./graph-def.js";
import { party } from "./party.js";
import { WORKER_FILE } from "./paths.js";

export function createClassifier(options: Partial<WasmClassifierOptions> = {}): Classifier {
  return createWasmClassifier({
    threadCount: 2,
    imageLimits: { pixels_max: 1_000_000, side_pixels_max: 10_000 },
    memoryBytesKeptMax: 128 * 1024 * 1024,
    imageMsMax: 60_000,
    explainMasksMax: 100,
    jsonBytesMax: 2_000_000,
    workerFile: WORKER_FILE,
    ...options,
  });
}

/** A model as the fake engine loads the `graph`. */
export async function targetOf(graph: string, changes: Partial<ClassifyTarget> = {}): Promise<ClassifyTarget> {
  const request = { origin: "zoo", format: "auto", overrides: {}, source: "request", threads: 0 } as const;
  const loaded = await new FakeEngine().load([Buffer.from(graph)], request);
  const who = changes.party ?? party();
  return {
    key: graph,
    spec: loaded.spec,
    labels: COLOURS,
    labelOffset: null,
    confidence: null,
    imagesMax: 64,
    tensors: true,
    stranger: false,
    party: who,
    exchange: (frame) => loaded.exchange(frame, who),
    ...changes,
  };
}
