import { joinInTurns } from "../join-chunks.js";

/** Bytes in an ArrayBuffer of their own, copied only where they share one (small Buffers lie in Node's pool). */
export async function transferable(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const own = bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
  return own ? (bytes as Uint8Array<ArrayBuffer>) : await joinInTurns([bytes]);
}
