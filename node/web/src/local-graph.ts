/**
 * Reads the chosen graph in the browser, so that nobody has to upload a file to learn that it is the wrong one.
 */
import type { ErrorCode, ModelSpec } from "../../src/generated/contract.js";
import type { GraphFiles, GraphReading } from "./graph-reader.js";
import { Refusal } from "./reply.js";

/** The fields of a question that the reader here knows; any other one is the service's to apply. */
const FIELDS: ReadonlySet<string> = new Set(["model_file", "label_file", "picture", "model"]);

/**
 * The spec of the graph in the form, or `null` when the service has to be asked. Rejects with a `Refusal` when the graph
 * or its labels cannot be used.
 */
export async function readGraphHere(form: FormData, signal: AbortSignal): Promise<ModelSpec | null> {
  const graph = form.get("model_file");
  const labels = form.get("label_file");
  if (!(graph instanceof File) || [...form.keys()].some((name) => !FIELDS.has(name))) {
    return null;
  }
  const reading = await askReader({ graph, labels: labels instanceof File ? labels : null }, signal);
  if ("code" in reading) {
    throw new Refusal(reading.code as ErrorCode, "The graph cannot be used", reading.message, null, null);
  }
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
