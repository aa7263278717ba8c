/** Bytes that a client cuts into as many chunks as it likes. */
import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ChunkJoiner, joinInTurns } from "../src/join-chunks.js";

function join(chunks: readonly Buffer[]): Buffer[] {
  const joined: Buffer[] = [];
  const joiner = new ChunkJoiner(joined);
  for (const chunk of chunks) joiner.add(chunk);
  joiner.finish();
  return joined;
}

const cut = (bytes: Buffer, sizeOf: (index: number) => number): Buffer[] => {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunks.at(-1)?.length ?? 0) {
    chunks.push(bytes.subarray(at, at + sizeOf(chunks.length)));
  }
  return chunks;
};

describe("joined chunks", () => {
  const bytes = randomBytes(1_000_000);

  it.each<[string, (index: number) => number]>([
    ["single bytes", () => 1],
    ["a little less than is kept", () => 32 * 1024 - 1],
    ["small and large ones in turn", (index) => (index % 2 === 0 ? 7 : 65_536)],
    ["any size", (index) => 1 + ((index * 7919) % 70_000)],
  ])("hold the same bytes in few chunks: %s", (_what, sizeOf) => {
    const joined = join(cut(bytes, sizeOf));
    expect(Buffer.concat(joined).equals(bytes)).toBe(true);
    expect(joined.length).toBeLessThanOrEqual(40);
  });

  it("are as they came where they are large", () => {
    const chunks = cut(bytes, () => 65_536).slice(0, -1);
    const joined = join(chunks);
    expect(joined.map((chunk, index) => chunk === chunks[index])).toEqual(chunks.map(() => true));
  });

  it("lie in few blocks, however many small ones stand between large ones", () => {
    const joined = join(cut(bytes, (index) => (index % 2 === 0 ? 7 : 65_536)));
    const blocks = new Set(joined.filter(({ length }) => length === 7).map(({ buffer }) => buffer));
    expect(blocks.size).toBe(1);
  });

  it("are none of nothing", () => {
    expect(join([])).toEqual([]);
    expect(join([Buffer.alloc(0)])).toEqual([]);
  });
});

describe("pieces that are joined in turns", () => {
  const TURN_BYTES = 256 * 1024;

  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([[], [0], [5], [TURN_BYTES], [TURN_BYTES + 1], [3, 70_000, 0, 3_000_000, 1]].map((sizes) => [sizes]))(
    "are the bytes of pieces of %j",
    async (sizes) => {
      const pieces = sizes.map((size) => randomBytes(size));
      const joined = await joinInTurns(pieces);
      expect(Buffer.compare(joined, Buffer.concat(pieces))).toBe(0);
      expect(joined.buffer.byteLength).toBe(joined.length);
    },
  );

  it("are copied a little at a time, so that the event loop goes on between", async () => {
    const set = vi.spyOn(Uint8Array.prototype, "set");
    let isOver = false;
    const joining = joinInTurns([randomBytes(100), randomBytes(16 * TURN_BYTES), randomBytes(100)]).then(() => {
      isOver = true;
    });
    const copiedInTurns: number[] = [];
    while (!isOver) {
      copiedInTurns.push(set.mock.calls.splice(0).reduce((sum, [part]) => sum + part.length, 0));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await joining;
    copiedInTurns.push(set.mock.calls.reduce((sum, [part]) => sum + part.length, 0));
    expect(copiedInTurns.reduce((sum, bytes) => sum + bytes, 0)).toBe(16 * TURN_BYTES + 200);
    expect(Math.max(...copiedInTurns)).toBeLessThanOrEqual(TURN_BYTES);
  });
});
