/** PNG in every colour type, depth and interlacing, with and without `tRNS`, each row with a filter of its own. */
import { deflateSync } from "node:zlib";
import { chunk, SIGNATURE } from "../png.js";
import { type Picture, Random, SIZES } from "./random.js";

/** Colour types with their channels and depths (PNG, third edition, table 12). */
const TYPES = [
  { type: 0, channels: 1, depths: [1, 2, 4, 8, 16] },
  { type: 2, channels: 3, depths: [8, 16] },
  { type: 3, channels: 1, depths: [1, 2, 4, 8] },
  { type: 4, channels: 2, depths: [8, 16] },
  { type: 6, channels: 4, depths: [8, 16] },
] as const;
const PALETTE = 3;
const WITH_ALPHA = 4;
/** First column and row of each pass, and the steps between its pixels (section 8.2). */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const WHOLE = [[0, 0, 1, 1]] as const;

export function* pngs(): Generator<Picture> {
  const random = new Random(1);
  for (const [width, height] of SIZES) {
    for (const { type, channels, depths } of TYPES) {
      for (const depth of depths) {
        for (const isInterlaced of [false, true]) {
          for (const hasKey of (type & WITH_ALPHA) === 0 ? [false, true] : [false]) {
            const name = `type ${type}, ${depth} bits, interlaced ${isInterlaced}, tRNS ${hasKey}, ${width}x${height}`;
            const file = png({ width, height, type, channels, depth, isInterlaced, hasKey }, random);
            yield { name, file, width, height };
          }
        }
      }
    }
  }
}

interface Form {
  readonly width: number;
  readonly height: number;
  readonly type: number;
  readonly channels: number;
  readonly depth: number;
  readonly isInterlaced: boolean;
  readonly hasKey: boolean;
}

function png(form: Form, random: Random): Buffer {
  const { width, height, type, channels, depth, isInterlaced, hasKey } = form;
  // Few values, so that the key of a transparent colour is met.
  const values = Math.min(2 ** depth, random.below(2) ? 2 ** depth : 3);
  const samples = Array.from({ length: width * height * channels }, () => random.below(values));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([depth, type, 0, 0, Number(isInterlaced)], 8);
  const chunks = [SIGNATURE, chunk("IHDR", header)];
  if (type === PALETTE) chunks.push(chunk("PLTE", random.bytes(3 * 2 ** depth)));
  if (hasKey && type === PALETTE) chunks.push(chunk("tRNS", random.bytes(1 + random.below(2 ** depth))));
  else if (hasKey)
    chunks.push(chunk("tRNS", Buffer.from(samples.slice(0, channels).flatMap((key) => [key >> 8, key & 255]))));
  const packed = deflateSync(
    Buffer.concat((isInterlaced ? PASSES : WHOLE).map((pass) => rows(form, samples, pass, random))),
  );
  const cut = random.below(packed.length);
  for (const part of [packed.subarray(0, cut), packed.subarray(cut)]) chunks.push(chunk("IDAT", part));
  return Buffer.concat([...chunks, chunk("IEND", Buffer.alloc(0))]);
}

/** The rows of one pass, each behind the number of its filter. */
function rows(
  form: Form,
  samples: readonly number[],
  pass: (typeof PASSES)[number] | (typeof WHOLE)[number],
  random: Random,
): Buffer {
  const { width, height, channels, depth } = form;
  const [left, top, across, down] = pass;
  const rowBytes = Math.ceil((Math.ceil((width - left) / across) * channels * depth) / 8);
  const pixelBytes = Math.max(1, (channels * depth) / 8);
  const found: Buffer[] = [];
  let above = Buffer.alloc(rowBytes);
  for (let y = top; y < height && left < width; y += down) {
    const row = Buffer.alloc(rowBytes);
    let bit = 0;
    for (let x = left; x < width; x += across) {
      for (let channel = 0; channel < channels; channel++, bit += depth) {
        const value = samples[(y * width + x) * channels + channel] ?? 0;
        if (depth === 16) row.writeUInt16BE(value, bit >> 3);
        else row[bit >> 3] = (row[bit >> 3] ?? 0) | (value << (8 - depth - (bit & 7)));
      }
    }
    const filter = random.below(5);
    const filtered = row.map((byte, at) => {
      const [a = 0, b = 0, c = 0] = [row[at - pixelBytes], above[at], above[at - pixelBytes]];
      return byte - ([0, a, b, (a + b) >> 1, paeth(a, b, c)][filter] ?? 0);
    });
    found.push(Buffer.from([filter]), Buffer.from(filtered));
    above = row;
  }
  return Buffer.concat(found);
}

/** Section 9.4. */
function paeth(a: number, b: number, c: number): number {
  const [toA, toB, toC] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (toA <= toB && toA <= toC) return a;
  return toB <= toC ? b : c;
}
