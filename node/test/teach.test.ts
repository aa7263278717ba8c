/** The class layer that WebAssembly trains, and features that are kept on disk. */
import { mkdtemp, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FeatureFile } from "../src/teach/feature-file.js";
import { loadWasm } from "../src/wasm-module.js";

describe("trainHead", () => {
  /** The problem of `native/teach/tests/problems.rs`: 20 photos of each of two classes, one apart. */
  const made = () => {
    let state = 1n;
    const noise = () => {
      state = BigInt.asUintN(64, state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
      return Number(state >> 40n) / 2 ** 24 - 0.5;
    };
    const features: number[] = [];
    for (let photo = 0; photo < 40; photo += 1) {
      for (let feature = 0; feature < 6; feature += 1) {
        const own = feature === Math.floor(photo / 20) ? 1 : 0;
        features.push(feature === 4 ? 7 : feature === 5 ? 1000 + noise() : own + 2 * noise());
      }
    }
    const of = (value: (photo: number) => number) => Array.from({ length: 40 }, (_, photo) => value(photo));
    return {
      features: Float32Array.from(features),
      classes: Uint32Array.from(of((photo) => Math.floor(photo / 20))),
      heldOut: Uint8Array.from(of((photo) => (photo % 5 === 0 ? 1 : 0))),
      groups: Uint32Array.from(of((photo) => photo)),
    };
  };
  /** FNV-1a by words. */
  const hashOf = (values: Float32Array) =>
    new Uint32Array(values.buffer).reduce(
      (hash, bits) => BigInt.asUintN(64, (hash ^ BigInt(bits)) * 0x0100_0000_01b3n),
      0n,
    );

  it("gives the same bits as the native build", () => {
    const { features, classes, heldOut, groups } = made();
    const shares: number[] = [];
    const { weights, biases } = loadWasm().trainHead(features, 6, classes, 2, heldOut, groups, 1, (share) =>
      shares.push(share),
    );
    expect(hashOf(Float32Array.of(...weights, ...biases))).toBe(0xc0e7_0e03_0bfe_0322n);
    expect(shares.at(-1)).toBe(1);
  });

  it("refuses photos of one class with what to do", () => {
    const looks = new Uint8Array(19 * 5);
    expect(() => loadWasm().splitPhotos(looks, new Uint32Array(5), '["cat"]', 1)).toThrow(/only one class.*add photos/);
    expect(() => loadWasm().splitPhotos(looks, Uint32Array.of(0, 0, 0, 0, 1), '["cat","dog"]', 1)).toThrow(
      /"cat" \(4\), "dog" \(1\): too few photos; each class needs at least 5/,
    );
  });
});

describe("FeatureFile", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "menagerie-features-"));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const hash = (digit: string) => digit.repeat(64);

  it("has what was put into it, also after it was opened again, but for a record that was cut off", async () => {
    const path = join(dir, "photos.features");
    const first = await FeatureFile.open(path, 3);
    await Promise.all([first.put(hash("a"), Float32Array.of(1, 2, 3)), first.put(hash("b"), Float32Array.of(4, 5, 6))]);
    await first.put(hash("b"), Float32Array.of(9, 9, 9));
    await first.close();
    const { length } = await readFile(path);
    expect(length).toBe(2 * (32 + 12));

    await truncate(path, length - 5);
    const again = await FeatureFile.open(path, 3);
    expect([again.has(hash("a")), again.has(hash("b"))]).toEqual([true, false]);
    await again.put(hash("c"), Float32Array.of(7, 8, 9));
    const rows = new Float32Array(6);
    await again.read(hash("a"), rows.subarray(0, 3));
    await again.read(hash("c"), rows.subarray(3));
    expect([...rows]).toEqual([1, 2, 3, 7, 8, 9]);
    await expect(again.read(hash("b"), rows)).rejects.toThrow(RangeError);
    await expect(again.put(hash("d"), new Float32Array(4))).rejects.toThrow(RangeError);
    await again.close();
  });
});
