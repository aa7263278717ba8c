/** Bytes that a client cuts into as many chunks as it likes. */
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ChunkJoiner } from "../src/join-chunks.js";

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
