/** What wasm-pack writes into wasm/pkg-web; it stands here so that this folder compiles before that is built. */
import type { Raw, RawModel } from "../api.js";

/** Compiles the module, from beside this file where no other source is given. */
export default function init(source?: { module_or_path: WasmSource }): Promise<unknown>;
export type WasmSource = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;
export declare const Model: Raw["Model"];
export declare const prepare: Raw["prepare"];
export declare const answer: Raw["answer"];
export declare const preprocess: Raw["preprocess"];
export declare const describeLabels: Raw["describeLabels"];
export declare const inspect: Raw["inspect"];
export type { RawModel };
