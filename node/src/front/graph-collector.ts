/** A graph in the making: each piece is kept as it comes, and hashed, so that nothing is left for the end. */
import { createHash } from "node:crypto";
import type { UploadedGraph } from "../ports.js";

export class GraphCollector {
  readonly #name: string;
  readonly #pieces: Uint8Array[] = [];
  readonly #hash = createHash("sha256");
  #byteLength = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#hash.update(piece);
    this.#byteLength += piece.length;
  }

  /** What came; null for a part without a name and without bytes, as forms send one in which nothing was chosen. */
  graph(): UploadedGraph | null {
    if (this.#name === "" && this.#byteLength === 0) return null;
    return {
      name: this.#name,
      pieces: this.#pieces,
      byteLength: this.#byteLength,
      sha256: this.#hash.digest("hex"),
    };
  }
}
