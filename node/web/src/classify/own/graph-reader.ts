/**
 * A worker that reads graphs on the user's own machine, in the WebAssembly that the service also uses.
 */

/** The two files, as the page hands them over. */
export interface GraphFiles {
  readonly graph: File;
  readonly labels: File | null;
}

/** A `ModelSpec` as JSON, why the graph cannot be read, or nothing, where this browser cannot run the reader. */
export type GraphReading =
  | { readonly specJson: string }
  | { readonly code: string; readonly message: string }
  | { readonly unavailable: string };

interface Reader {
  default(): Promise<unknown>;
  inspect(graph: Uint8Array, labels: Uint8Array | null): string;
}

const READER: string = "./menagerie_wasm.js";

self.addEventListener("message", async ({ data: { graph, labels } }: MessageEvent<GraphFiles>) => {
  self.postMessage(await readGraph(graph, labels));
});

async function readGraph(graph: File, labels: File | null): Promise<GraphReading> {
  try {
    const reader = (await import(READER)) as Reader;
    await reader.default();
    return { specJson: reader.inspect(await bytes(graph), labels && (await bytes(labels))) };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const message = error instanceof Error ? error.message : String(error);
    return typeof code === "string" ? { code, message } : { unavailable: message };
  }
}

async function bytes(file: File): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer());
}
