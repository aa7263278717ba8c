/** What each released version kept on disk: registered models and remembered answers. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ROOT_DIR } from "../../src/config.js";
import { form } from "./fake-service.js";
import { COLOURS, meanColourGraph } from "./graph-def.js";
import { solidPng } from "./png.js";
import { startServer } from "./server.js";

/** Versions, each a folder with `models` and `feedback` below it. */
export const LAYOUTS_DIR = join(ROOT_DIR, "node/test/fixtures/layouts");
export const RED = solidPng(8, 8, [255, 0, 0]);

export async function releasedLayouts(): Promise<string[]> {
  return (await readdir(LAYOUTS_DIR)).toSorted();
}

/**
 * Has this version write its layout into `dir`: the model `kept` in two versions, of which the first is served, and an answer
 * of it, `red`, of which somebody said that it was `green`.
 */
export async function writeLayout(dir: string, zoo: string): Promise<void> {
  const service = await startServer({
    MODELS_DIR: zoo,
    REGISTERED_MODELS_DIR: join(dir, "models"),
    FEEDBACK_DIR: join(dir, "feedback"),
  });
  try {
    const post = async (path: string, body: FormData | string) => {
      const headers = typeof body === "string" ? { "content-type": "application/json" } : {};
      const response = await fetch(`${service.url}${path}`, { method: "POST", body, headers });
      if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
      return (await response.json()) as { request_id: string };
    };
    for (const version of ["1", "2"]) {
      const graph = meanColourGraph(8, version);
      const fields = { id: "kept", version, model_file: graph, label_file: COLOURS, normalization: "0..1" };
      await post("/api/models", form(fields));
    }
    const { request_id } = await post("/infer?format=json", form({ image_file: RED, model: "kept" }));
    await post("/api/feedback", JSON.stringify({ request_id, label: "green" }));
  } finally {
    await service.stop();
  }
}
