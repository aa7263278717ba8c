/**
 * Chunks that are so small, and so many, that only their number can be meant: to take them apart is all the work that they are. What
 * an honest client writes a few bytes at a time a network puts together, but for chunks of a body of HTTP/1.1, which stay as they were
 * made: encoders of JSON make one of each number. So a body that is read has no such bound; its chunks are read in turns.
 */
export interface ChunkBound {
  /** As many may have any size. */
  readonly freeChunks: number;
  /** On average, of what comes in more than those. */
  readonly bytesMin: number;
}

/** Gives a function that is to be told the bytes of each chunk of one body, and says whether they keep to the bound. */
export function boundChunks({ freeChunks, bytesMin }: ChunkBound): (bytes: number) => boolean {
  let chunkCount = 0;
  let byteCount = 0;
  return (bytes) => {
    chunkCount += 1;
    byteCount += bytes;
    return chunkCount <= freeChunks || byteCount >= chunkCount * bytesMin;
  };
}
