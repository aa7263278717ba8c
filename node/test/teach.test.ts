/** The class layer that WebAssembly trains, what is refused before, what is compared, and features that are kept on disk. */
import { mkdtemp, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mcnemar } from "../src/teach/comparison.js";
import { FeatureFile } from "../src/teach/feature-file.js";
import { photosOfFeedback, type ToldAnswer } from "../src/teach/feedback-photos.js";
import { labelsOfGiven } from "../src/teach/given.js";
import { loadWasm } from "../src/wasm-module.js";
import type { LabelledPhoto } from "../src/zoo/calibrate.js";
import { wave } from "./support/waves.js";

/** Numbers from -0.5 to 0.5, those of `native/teach/tests/problems.rs`. */
function noises(): () => number {
  let state = 1n;
  return () => {
    state = BigInt.asUintN(64, state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
    return Number(state >> 40n) / 2 ** 24 - 0.5;
  };
}

describe("trainHead", () => {
  /** The problem of `native/teach/tests/problems.rs`: 20 photos of each of two classes, one apart. */
  const made = () => {
    const noise = noises();
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
    const { weights, biases, hiddenBiases } = loadWasm().trainHead(
      features,
      6,
      classes,
      2,
      heldOut,
      groups,
      1,
      (share) => shares.push(share),
    );
    expect(hashOf(Float32Array.of(...weights, ...biases))).toBe(0x2ee3_ace0_b8fc_1814n);
    expect(hiddenBiases.length).toBe(0);
    expect(shares.at(-1)).toBe(1);
  });

  it("gives the same bits as the native build where a hidden layer pays", () => {
    const noise = noises();
    const features: number[] = [];
    const classes: number[] = [];
    for (let photo = 0; photo < 400; photo += 1) {
      const signs = [photo & 1, (photo >> 1) & 1];
      // In 32 bits, step by step, as there.
      const [one, other] = signs.map((sign) =>
        Math.fround(2 * sign - 1 + Math.fround(Math.fround(0.8) * Math.fround(noise()))),
      );
      features.push(one ?? 0, noise(), other ?? 0, noise(), 7, 1000 + noise());
      classes.push((signs[0] ?? 0) ^ (signs[1] ?? 0));
    }
    const of = (value: (photo: number) => number) => Array.from({ length: 400 }, (_, photo) => value(photo));
    const heldOut = Uint8Array.from(of((photo) => (Math.floor(photo / 4) % 5 === 0 ? 1 : 0)));
    const groups = Uint32Array.from(of((photo) => photo));
    const rows = Float32Array.from(features);
    const head = loadWasm().trainHead(rows, 6, Uint32Array.from(classes), 2, heldOut, groups, 1, () => {});
    expect(JSON.parse(head.reportJson)).toMatchObject({ hidden: 64 });
    expect(hashOf(Float32Array.of(...head.hiddenWeights, ...head.biases))).toBe(0x9c8a_d194_aa27_df01n);
  });

  it("takes a mirror image for the same photo, but where mirror images show something else", () => {
    const shapes = [1, 2].map((slant) => (x: number, y: number) => (slant * x) / 3 + y + 5 * Math.sin(x / (5 * slant)));
    const faces = [(x: number) => x, (x: number) => 47 - x];
    const photos = shapes.flatMap((shape) =>
      faces.flatMap((face) => [3, 4, 5, 6, 7].map((number) => wave((x, y) => shape(face(x), y), number))),
    );
    const options = JSON.stringify({ top_k: 1, score_threshold: 0, limits: { pixels_max: 1e6, side_pixels_max: 1e3 } });
    const looks = Buffer.concat(photos.map((photo) => loadWasm().photoLook(photo, options).look));
    const classes = Uint32Array.from(photos, (_, place) => Number(place >= 10));
    const groups = (mirror: boolean) => [...loadWasm().splitPhotos(looks, classes, '["cat","dog"]', mirror, 1).groups];
    expect(groups(true)).toEqual(photos.map((_, place) => (place % 10 < 5 ? place : place - 5)));
    expect(groups(false)).toEqual(photos.map((_, place) => place));
  });

  it("refuses photos of one class with what to do", () => {
    const looks = new Uint8Array(35 * 5);
    expect(() => loadWasm().splitPhotos(looks, new Uint32Array(5), '["cat"]', true, 1)).toThrow(
      /only one class.*add photos/,
    );
    expect(() => loadWasm().splitPhotos(looks, Uint32Array.of(0, 0, 0, 0, 1), '["cat","dog"]', true, 1)).toThrow(
      /"cat" \(4\), "dog" \(1\): too few photos; each class needs at least 5/,
    );
  });
});

describe("labelsOfGiven", () => {
  const given = (counts: Readonly<Record<string, number>>): LabelledPhoto[] =>
    Object.entries(counts).flatMap(([label, count]) =>
      Array.from({ length: count }, (_, photo) => ({
        path: `${label}/${photo}.jpg`,
        label,
        read: () => Promise.reject(new Error("nothing is read")),
      })),
    );

  it("gives the labels, sorted", () => {
    expect(labelsOfGiven(given({ owl: 5, "4 seasons": 5, café: 6 }))).toEqual(["4 seasons", "café", "owl"]);
  });

  it.each([
    ["numbers in front", { "0 cat": 5, "1 dog": 5 }, /"0 cat" would be read as "cat"/],
    ["signs of a list", { "- cat": 5, "- dog": 5 }, /"- cat" would be read as "cat"/],
    ["commas behind", { "cat,": 5, "dog,": 5 }, /"cat," would be read as "cat"/],
    ["white space", { "cat ": 5, dog: 5 }, /"cat " of cat \/0\.jpg cannot be called so: a label is one line/],
    ["no name", { "": 5, dog: 5 }, /a label is one line/],
    [
      "two ways to write one name",
      { "big cat": 5, Big_cat: 5 },
      /"Big_cat" and "big cat" have one name; make them one/,
    ],
    ["two ways to write one letter", { "caf\u00e9": 5, "cafe\u0301": 5 }, /have one name; make them one/],
    ["one class", { cat: 9 }, /only one class, "cat"; .*add photos of something else/],
    ["too few photos", { cat: 9, dog: 4 }, /^"dog" \(4\): too few photos; each class needs at least 5/],
  ])("refuses %s before any photo is read", (_what, counts, words) => {
    expect(() => labelsOfGiven(given(counts as Readonly<Record<string, number>>))).toThrow(words);
  });
});

describe("mcnemar", () => {
  it.each([
    [0, 0, 1],
    [5, 5, 1],
    [0, 5, 0.0625],
    [1, 9, 22 / 1024],
    [3, 12, (2 * (1 + 15 + 105 + 455)) / 2 ** 15],
  ])("of %i and %i is the tail of the binomial distribution on both sides", (one, other, p) => {
    expect(mcnemar(one, other)).toBeCloseTo(p, 12);
    expect(mcnemar(other, one)).toBeCloseTo(p, 12);
  });

  it("is a number for thousands too", () => {
    expect(mcnemar(5000, 5100)).toBeGreaterThan(0.3);
    expect(mcnemar(5000, 5100)).toBeLessThan(0.35);
    expect(mcnemar(4000, 6000)).toBeLessThan(1e-80);
  });
});

describe("photosOfFeedback", () => {
  async function* told(
    ...rows: readonly (readonly [string | null, string | null, number])[]
  ): AsyncGenerator<ToldAnswer> {
    for (const [image_sha256, truth, truth_at] of rows) yield { image_sha256, truth, truth_at };
  }
  const images = { image: async (sha256: string) => (sha256 === "gone" ? null : Buffer.from(sha256)) };
  const many = (label: string, count: number) =>
    Array.from({ length: count }, (_, photo) => [`${label}${photo}`, label, 1] as const);

  it("gives each kept photo once, under what was said last, and says what is missing", async () => {
    const rows = [...many("cat", 5), ...many("dog", 6), ["cat0", "dog", 9] as const, ["cat0", "owl", 5] as const];
    const odd = [[null, "cat", 3] as const, [null, "cat", 4] as const, ["x", "a hat", 1] as const];
    const more = [...many("cat", 1).map(([, label]) => ["late", label, 2] as const)];
    const { photos, remarks } = await photosOfFeedback(told(...rows, ...more, ...odd), images, "pets", []);
    const count = (label: string) => photos.filter((photo) => photo.label === label).length;
    expect([count("cat"), count("dog"), photos.length]).toEqual([5, 7, 12]);
    expect(Buffer.from((await photos[0]?.read()) ?? []).toString()).toBe("cat0");
    expect(remarks).toEqual([
      expect.stringMatching(/^Of 2 answers of pets .* no photo is kept\. .*KEEP_IMAGES=1/),
      expect.stringMatching(/^"a hat" is left out: feedback has 1 photo of it/),
    ]);
  });

  it("keeps the few of a class that has others, and says of a photo that is gone why", async () => {
    const others = [{ path: "1", label: "cat", read: async () => Buffer.from("1") }];
    const { photos } = await photosOfFeedback(told(["gone", "cat", 1]), images, "pets", others);
    await expect(photos[0]?.read()).rejects.toThrow(/not kept any more \(KEPT_IMAGES_BYTES_MAX\)/);
  });

  it("gives as many as there is room for, those of which it was said last what they show", async () => {
    const rows = many("cat", 20).map(([image, label], at) => [image, label, at] as const);
    const { photos, remarks } = await photosOfFeedback(told(...rows.toReversed()), images, "pets", [], 8);
    expect(photos.map(({ path }) => path)).toEqual(
      Array.from({ length: 8 }, (_, place) => `feedback cat${19 - place}`),
    );
    expect(remarks).toEqual([expect.stringMatching(/^12 photos of answers of pets are left out.*TEACH_PHOTOS_MAX/)]);
  });

  it("refuses a model of which no photo is kept, with the setting that keeps them", async () => {
    const asked = photosOfFeedback(told([null, "cat", 1]), images, "pets", []);
    await expect(asked).rejects.toThrow(/There is no photo of pets .*KEEP_IMAGES=1/);
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
