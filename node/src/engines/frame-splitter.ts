/**
 * Cuts the bytes that an engine writes into frames. Of a frame Node reads its length, kind and request id only: the
 * codec lives in native/contract.
 */
import { FRAME_HEADER_BYTES, FRAME_REQUEST_ID_OFFSET } from "../generated/contract.js";

const LENGTH_FIELD_BYTES = 4;
const KIND_OFFSET = 4;

/** The bytes are not frames: the two sides lost step, and the engine has to be ended. */
export class DesyncError extends Error {
  override readonly name = "DesyncError";
}

export function kindOf(frame: Uint8Array): number {
  return frame[KIND_OFFSET] ?? 0;
}

export function requestIdOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(FRAME_REQUEST_ID_OFFSET, true);
}

export function stampRequestId(frame: Uint8Array, requestId: number): void {
  new DataView(frame.buffer, frame.byteOffset).setUint32(FRAME_REQUEST_ID_OFFSET, requestId, true);
}

/** A frame without a payload. */
export function emptyFrame(kind: number, requestId: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(frame.buffer);
  view.setUint32(0, FRAME_HEADER_BYTES - LENGTH_FIELD_BYTES, true);
  view.setUint8(KIND_OFFSET, kind);
  stampRequestId(frame, requestId);
  return frame;
}

/**
 * Takes chunks as they come and calls `onFrame` with each whole frame, length field included, in memory of its own (so
 * that it can be transferred to another thread).
 * @throws DesyncError when a length is over `frameBytesMax` or cannot hold a header; nothing of that size is allocated.
 */
export function createFrameSplitter(
  frameBytesMax: number,
  onFrame: (frame: Uint8Array) => void,
): (chunk: Uint8Array) => void {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  let filled = 0;
  let frame: Uint8Array | null = null;

  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      const into = frame ?? header;
      const piece = chunk.subarray(at, at + into.length - filled);
      into.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < into.length) return;
      if (frame === null) {
        const frameBytes = readFrameBytes(header, frameBytesMax);
        frame = new Uint8Array(frameBytes);
        frame.set(header);
        if (frameBytes > FRAME_HEADER_BYTES) continue;
      }
      const whole: Uint8Array = frame;
      frame = null;
      filled = 0;
      onFrame(whole);
    }
  };
}

function readFrameBytes(header: Uint8Array, frameBytesMax: number): number {
  const length = new DataView(header.buffer).getUint32(0, true);
  const frameBytes = LENGTH_FIELD_BYTES + length;
  if (length > frameBytesMax || frameBytes < FRAME_HEADER_BYTES) {
    throw new DesyncError(
      `a frame of ${length} bytes is outside ${FRAME_HEADER_BYTES - LENGTH_FIELD_BYTES}..=${frameBytesMax}`,
    );
  }
  return frameBytes;
}
