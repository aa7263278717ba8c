/** Uploaded graphs with their labels, kept so that a later request can name one by its SHA-256. */
import type { UploadedFile, UploadedGraph } from "../ports.js";

export interface Upload {
  readonly graph: UploadedGraph;
  /** Null where the graph came without: its classes are numbered. */
  readonly labels: UploadedFile | null;
}

export interface UploadCache {
  get(sha256: string): Upload | undefined;
  /** Keeps it, and lets go of the ones unused for longest until `bytesMax` holds. */
  put(sha256: string, upload: Upload): void;
  drop(sha256: string): void;
}

/** `bytesMax` bounds the graphs and labels together; a single upload over it is not kept. */
export function createUploadCache(bytesMax: number): UploadCache {
  /** In the order of use: the first one is the one unused for longest. */
  const uploads = new Map<string, Upload>();
  let bytesHeld = 0;

  const drop = (sha256: string) => {
    const upload = uploads.get(sha256);
    if (upload === undefined) return;
    uploads.delete(sha256);
    bytesHeld -= sizeOf(upload);
  };
  return {
    get(sha256) {
      const upload = uploads.get(sha256);
      if (upload === undefined) return undefined;
      uploads.delete(sha256);
      uploads.set(sha256, upload);
      return upload;
    },
    put(sha256, upload) {
      drop(sha256);
      uploads.set(sha256, upload);
      bytesHeld += sizeOf(upload);
      for (const oldest of uploads.keys()) {
        if (bytesHeld <= bytesMax) break;
        drop(oldest);
      }
    },
    drop,
  };
}

function sizeOf({ graph, labels }: Upload): number {
  return graph.byteLength + (labels?.bytes.length ?? 0);
}
