/**
 * Joins the small chunks of a body. How small they are is the client's choice, and each one that is kept is an object of
 * some 400 bytes, however little it holds: 12 MB that came byte by byte took 4.6 GB. And joins large ones, in turns of the
 * event loop: a copy of 32 MB at once holds up everybody's requests for as long as it takes to answer one.
 */
import { setImmediate } from "node:timers/promises";

/** Half of what Node reads at a time: what is kept of a read keeps all of it. */
const CHUNK_BYTES_MIN = 32 * 1024;
const BLOCK_BYTES = 64 * 1024;

export class ChunkJoiner {
  readonly #sink: { push(chunk: Buffer): unknown };
  #block = Buffer.alloc(0);
  /** Where in the block lies what was joined and is not in the sink yet. */
  #start = 0;
  #end = 0;

  /** `sink`, an array or a stream, gets the bytes in their order: large chunks as they are, small ones joined. */
  constructor(sink: { push(chunk: Buffer): unknown }) {
    this.#sink = sink;
  }

  add(chunk: Buffer): void {
    if (chunk.length >= CHUNK_BYTES_MIN) {
      this.finish();
      this.#sink.push(chunk);
      return;
    }
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#end === this.#block.length) {
        this.finish();
        this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
        this.#start = 0;
        this.#end = 0;
      }
      const count = rest.copy(this.#block, this.#end);
      this.#end += count;
      rest = rest.subarray(count);
    }
  }

  /** Hands over what is left. */
  finish(): void {
    if (this.#end > this.#start) this.#sink.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

/** What is copied in one turn of the event loop, in a tenth of a millisecond. */
const COPIED_AT_ONCE_BYTES = 256 * 1024;

/** The bytes of pieces, copied to memory of their own. What they lie in must not change meanwhile. */
export async function joinInTurns(pieces: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  let copiedAtOnce = 0;
  for (const piece of pieces) {
    for (let rest = piece; rest.length > 0; ) {
      if (copiedAtOnce === COPIED_AT_ONCE_BYTES) {
        await setImmediate();
        copiedAtOnce = 0;
      }
      const part = rest.subarray(0, COPIED_AT_ONCE_BYTES - copiedAtOnce);
      joined.set(part, end);
      end += part.length;
      copiedAtOnce += part.length;
      rest = rest.subarray(part.length);
    }
  }
  return joined;
}
