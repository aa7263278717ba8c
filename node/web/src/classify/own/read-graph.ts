/**
 * Reads the chosen graph in the browser, so that nobody has to upload a file to learn that it is the wrong one. The
 * WebAssembly is fetched when the first graph is there.
 */
import type { ErrorCode, ModelSpec } from "../../../../src/generated/contract.js";
import { Refusal } from "../../api.js";
import type { OwnModel } from "../../state.js";
import type { GraphFiles, GraphReading } from "./graph-reader.js";

/**
 * The spec of the graph, or `null` when the service has to be asked: for settings and labelled photos, which the reader
 * here does not know, and where this browser cannot run it. Rejects with a `Refusal` when the graph or its labels cannot be used.
 */
export async function readGraphHere(
  { graph, labels, settings, examples }: OwnModel,
  signal: AbortSignal,
): Promise<ModelSpec | null> {
  if (Object.keys(settings).length > 0 || examples.length > 0) return null;
  const reading = await askReader({ graph, labels }, signal);
  if ("code" in reading) throw new Refusal(reading.code as ErrorCode, reading.message);
  return "specJson" in reading ? (JSON.parse(reading.specJson) as ModelSpec) : null;
}

function askReader(files: GraphFiles, signal: AbortSignal): Promise<GraphReading> {
  const worker = new Worker(new URL("graph-reader.js", document.baseURI), { type: "module" });
  return new Promise<GraphReading>((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<GraphReading>) => resolve(data));
    worker.addEventListener("error", ({ message }) => resolve({ unavailable: message }));
    signal.addEventListener("abort", () => reject(signal.reason));
    worker.postMessage(files);
  }).finally(() => worker.terminate());
}
