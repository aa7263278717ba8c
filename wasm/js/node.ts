/** The package in Node. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { type Images, type ImagesOptions, imagesOf, type Raw } from "./api.js";

export type * from "./api.js";

/** Compiles the module into this thread. */
export async function openImages(options: ImagesOptions = {}): Promise<Images> {
  const raw = createRequire(import.meta.url)("#module") as Raw;
  return imagesOf(raw, { sha256: (bytes) => createHash("sha256").update(bytes).digest("hex") }, options);
}
