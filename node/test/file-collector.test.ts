import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FileCollector } from "../src/front/file-collector.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const BYTES_MAX = 32 * MIB;
const CHUNK_BYTES = 64 * KIB;

function collect(bytes: Buffer): Uint8Array | undefined {
  const collector = new FileCollector("photo.bmp", false, BYTES_MAX);
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) collector.add(bytes.subarray(at, at + CHUNK_BYTES));
  return collector.file()?.bytes;
}

describe("a file that comes in pieces", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each([0, 1, 100 * KIB, 256 * KIB, 256 * KIB + 1, 5 * MIB + 3, BYTES_MAX])("has its %i bytes", (length) => {
    const bytes = randomBytes(length);
    const collected = collect(bytes);
    expect(collected && Buffer.compare(collected, bytes)).toBe(0);
  });

  test("can be given to a thread without a copy where it is large", () => {
    const collected = collect(randomBytes(3 * MIB + 1));
    expect(collected?.buffer.byteLength).toBe(3 * MIB + 1);
  });

  test("is copied in small pieces, so that the event loop goes on", () => {
    const set = vi.spyOn(Uint8Array.prototype, "set");
    const concat = vi.spyOn(Buffer, "concat");
    collect(randomBytes(9 * MIB));
    const copied = set.mock.calls.map(([piece]) => piece.length);
    expect(copied.reduce((sum, length) => sum + length, 0)).toBe(9 * MIB);
    expect(Math.max(...copied)).toBeLessThanOrEqual(CHUNK_BYTES);
    expect(concat).not.toHaveBeenCalled();
  });

  test("takes hardly more memory than its bytes at any time, whose rest would be written with zeros", () => {
    const sizes: number[] = [];
    const resize = ArrayBuffer.prototype.resize;
    vi.spyOn(ArrayBuffer.prototype, "resize").mockImplementation(function (this: ArrayBuffer, length = 0) {
      sizes.push(length);
      resize.call(this, length);
    });
    collect(randomBytes(17 * MIB + 1));
    const end = sizes.at(-1) ?? 0;
    expect(end).toBe(17 * MIB + 1);
    expect(Math.max(...sizes) - end).toBeLessThan(MIB);
  });
});
