/** Models that one instance of the WebAssembly package has compiled: those that were used last. */
import type { WasmModel, WasmModule } from "../wasm-module.js";

const COUNT_MAX = 16;

/** What a model is compiled from. */
export interface ModelParts {
  readonly specJson: string;
  readonly labels: Uint8Array | null;
  readonly labelOffset: number | null;
  readonly confidenceJson: string | null;
}

export class CompiledModels {
  /** In the order of use: the first one is the one unused for longest. */
  readonly #models = new Map<string, WasmModel>();

  /** Undefined for a model that is to be compiled. */
  find(key: string): WasmModel | undefined {
    const model = this.#models.get(key);
    if (model === undefined) return undefined;
    this.#models.delete(key);
    this.#models.set(key, model);
    return model;
  }

  compile(wasm: WasmModule, key: string, { specJson, labels, labelOffset, confidenceJson }: ModelParts): WasmModel {
    const model = new wasm.Model(specJson, labels, labelOffset, confidenceJson);
    this.#models.set(key, model);
    for (const [unused, oldest] of this.#models) {
      if (this.#models.size <= COUNT_MAX) break;
      this.#models.delete(unused);
      oldest.free();
    }
    return model;
  }

  /** Once their instance is used no more: its memory goes with it. */
  clear(): void {
    this.#models.clear();
  }
}
