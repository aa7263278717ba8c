/** GIF with palettes of every size, global or its own, interlaced, transparent, and smaller than its screen. */
import { type Picture, Random, SIZES } from "./random.js";

interface Form {
  readonly width: number;
  readonly height: number;
  /** Of an index into the palette. */
  readonly bits: number;
  readonly isInterlaced: boolean;
  readonly isTransparent: boolean;
  /** The frame's own palette takes the place of the screen's, or is the only one. */
  readonly palettes: "screen" | "both" | "frame";
  /** The frame leaves a column at either side, two rows above it, and none below. */
  readonly isPlaced: boolean;
}

export function* gifs(): Generator<Picture> {
  const random = new Random(3);
  for (const [width, height] of SIZES) {
    for (const bits of [1, 2, 3, 4, 8]) {
      for (const palettes of ["screen", "both", "frame"] as const) {
        for (const isInterlaced of [false, true]) {
          for (const isTransparent of [false, true]) {
            for (const isPlaced of width > 2 && height > 2 ? [false, true] : [false]) {
              const form = { width, height, bits, isInterlaced, isTransparent, palettes, isPlaced };
              yield { name: JSON.stringify(form), file: gif(form, random), width, height };
            }
          }
        }
      }
    }
  }
}

function gif({ width, height, bits, isInterlaced, isTransparent, palettes, isPlaced }: Form, random: Random): Buffer {
  const [left, top] = isPlaced ? [1, 2] : [0, 0];
  const [across, down] = [width - 2 * left, height - top];
  const table = (is: boolean) => (is ? 0x80 | (bits - 1) : 0);
  const palette = (is: boolean) => (is ? random.bytes(3 << bits) : Buffer.alloc(0));
  const screen = palettes !== "frame";
  const own = palettes !== "screen";
  const head = Buffer.alloc(13);
  head.write("GIF89a");
  head.writeUInt16LE(width, 6);
  head.writeUInt16LE(height, 8);
  head[10] = table(screen);
  const frame = Buffer.alloc(10);
  frame[0] = 0x2c;
  for (const [at, value] of [left, top, across, down].entries()) frame.writeUInt16LE(value, 1 + 2 * at);
  frame[9] = table(own) | (isInterlaced ? 0x40 : 0);
  const control = Buffer.from([0x21, 0xf9, 4, Number(isTransparent), 0, 0, 1, 0]);
  const data = codes(across * down, bits, random);
  return Buffer.concat([head, palette(screen), control, frame, palette(own), data, Buffer.from([0x3b])]);
}

/** Indices as codes that are cleared before they grow. */
function codes(count: number, bits: number, random: Random): Buffer {
  const smallest = Math.max(2, bits);
  const clear = 1 << smallest;
  const bytes: number[] = [];
  let [held, heldBits] = [0, 0];
  const put = (code: number) => {
    held |= code << heldBits;
    for (heldBits += smallest + 1; heldBits >= 8; heldBits -= 8, held >>>= 8) bytes.push(held & 255);
  };
  for (let index = 0; index < count; index++) {
    if (index % (clear - 2) === 0) put(clear);
    put(random.below(1 << bits));
  }
  put(clear + 1);
  if (heldBits > 0) bytes.push(held & 255);
  const blocks = [Buffer.from([smallest])];
  for (let at = 0; at < bytes.length; at += 255) {
    const block = bytes.slice(at, at + 255);
    blocks.push(Buffer.from([block.length, ...block]));
  }
  return Buffer.concat([...blocks, Buffer.from([0])]);
}
