import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import {
  createFrameSplitter,
  DesyncError,
  kindOf,
  requestIdOf,
  stampRequestId,
} from "../src/engines/frame-splitter.js";
import { frameOf } from "./support/fake-engine.js";

const LIMIT = 1_000_000;

function split(chunks: Iterable<Uint8Array>, limit = LIMIT): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const take = createFrameSplitter(limit, (frame) => frames.push(frame));
  for (const chunk of chunks) take(chunk);
  return frames;
}

function* inPieces(bytes: Uint8Array, size: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const payload = (length: number) => Uint8Array.from({ length }, (_, index) => index % 251);
const frames = [0, 1, 300, 70_000].map((length, index) => frameOf(5, index + 1, payload(length)));
const stream = Buffer.concat(frames);

describe("the frame splitter", () => {
  it.each([0, 1, 300])("gives a frame with a payload of %i bytes back as it was", (length) => {
    const frame = frameOf(6, 77, payload(length));
    expect(split([frame])).toEqual([frame]);
  });

  it("cuts several frames out of one chunk", () => {
    expect(split([stream])).toEqual(frames);
  });

  it.each([1, 2, 8, 9, 10, 64, 65_536])("joins frames that come in pieces of %i bytes", (size) => {
    expect(split(inPieces(stream, size))).toEqual(frames);
  });

  it("gives nothing for an empty chunk or a frame that is not whole", () => {
    expect(split([new Uint8Array(0), stream.subarray(0, 8)])).toEqual([]);
  });

  it("gives each frame memory of its own, so that it can be handed to another thread", () => {
    for (const frame of split([stream])) expect(frame.buffer.byteLength).toBe(frame.byteLength);
  });

  it("refuses a length over the limit as soon as the header is there", () => {
    const header = frameOf(5, 1, payload(300)).subarray(0, 9);
    expect(() => split([header], 100)).toThrow(DesyncError);
  });

  it("refuses a length that cannot hold kind and id", () => {
    expect(() => split([Uint8Array.of(4, 0, 0, 0, 5, 0, 0, 0, 0)])).toThrow(/4 bytes is outside/);
  });

  it("reads and stamps kind and request id where the codec of native/contract puts them", () => {
    const bytes = Uint8Array.of(11, 0, 0, 0, 4, 1, 2, 3, 4, 1, 0, 0, 0, 9, 8);
    expect([kindOf(bytes), requestIdOf(bytes)]).toEqual([4, 0x0403_0201]);
    stampRequestId(bytes, 0xffff_fffe);
    expect(requestIdOf(bytes)).toBe(0xffff_fffe);
  });

  it("finds every golden frame of native/contract whole", () => {
    const folder = join(ROOT_DIR, "native/contract/golden");
    const files = readdirSync(folder).filter((name) => name.endsWith(".bin"));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const bytes = readFileSync(join(folder, file));
      expect(split(inPieces(bytes, 7)), file).toEqual([new Uint8Array(bytes)]);
    }
  });
});
