/** The package in browsers. */
import init, * as raw from "#module-web";
import { type Images, type ImagesOptions, imagesOf } from "./api.js";

export type * from "./api.js";

export interface BrowserOptions extends ImagesOptions {
  /** Where the module is, or its bytes; `menagerie_wasm_bg.wasm` beside the package's files where it is absent. */
  readonly wasm?: RequestInfo | URL | Response | BufferSource | WebAssembly.Module;
  /** Lower-case hex, at once, which browsers cannot; without it `input.sha256` of answers is empty. */
  readonly sha256?: (bytes: Uint8Array) => string;
}

/** Fetches and compiles the module. */
export async function openImages({ wasm, sha256 = () => "", ...options }: BrowserOptions = {}): Promise<Images> {
  await init(wasm === undefined ? undefined : { module_or_path: wasm });
  return imagesOf(raw, { sha256 }, options);
}
