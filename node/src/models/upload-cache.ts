/**
 * Uploaded graphs, kept so that a later request can name one by its SHA-256. The hash names bytes: whoever knows it may
 * use them. Labels are their client's own.
 */
import { LRUCache } from "lru-cache";
import type { UploadedFile, UploadedGraph } from "../ports.js";

export interface Upload {
  readonly graph: UploadedGraph;
  /** Null where the graph came without: its classes are numbered. */
  readonly labels: UploadedFile | null;
}

/** What one caller keeps here, by SHA-256. */
type Kept = LRUCache<string, Upload>;

export class UploadCache {
  readonly #bytesMax: number;
  readonly #callers = new Map<string, Kept>();

  /** `bytesMax` bounds the graphs and labels of all callers together. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What the caller sent, with its labels, else the same graph of another caller, without theirs. */
  get(caller: string, sha256: string): Upload | undefined {
    const own = this.#callers.get(caller)?.get(sha256);
    if (own !== undefined) return own;
    for (const kept of this.#callers.values()) {
      const other = kept.get(sha256);
      if (other !== undefined) return { graph: other.graph, labels: null };
    }
    return undefined;
  }

  /**
   * Keeps an upload that fits. Room is made by whoever holds most, of what they used longest ago: nobody pushes out what
   * a caller keeps who holds less.
   */
  put(caller: string, upload: Upload): void {
    const { sha256 } = upload.graph;
    const bytes = sizeOf(upload);
    if (bytes > this.#bytesMax) return;
    const own = this.#callers.get(caller) ?? keep(this.#bytesMax);
    own.delete(sha256);
    this.#callers.set(caller, own);
    while (this.#bytesHeld() + bytes > this.#bytesMax) {
      const largest = this.#largest(own, bytes);
      if (largest.size === 0) break;
      largest.pop();
    }
    if (this.#bytesHeld() + bytes <= this.#bytesMax) {
      const same = this.get(caller, sha256)?.graph;
      own.set(sha256, same === undefined ? upload : { ...upload, graph: same });
    }
    for (const [name, kept] of this.#callers) if (kept.size === 0) this.#callers.delete(name);
  }

  #bytesHeld(): number {
    let bytes = 0;
    for (const kept of this.#callers.values()) bytes += kept.calculatedSize;
    return bytes;
  }

  /** Who would hold most, were there `bytes` more in `own`. */
  #largest(own: Kept, bytes: number): Kept {
    const holds = (kept: Kept) => kept.calculatedSize + (kept === own ? bytes : 0);
    return [...this.#callers.values()].reduce((most, next) => (holds(next) > holds(most) ? next : most));
  }
}

function keep(bytesMax: number): Kept {
  return new LRUCache({ maxSize: bytesMax, sizeCalculation: sizeOf });
}

function sizeOf({ graph, labels }: Upload): number {
  return Math.max(1, graph.byteLength + (labels?.bytes.length ?? 0));
}
