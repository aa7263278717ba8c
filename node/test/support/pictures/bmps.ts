/** BMP with every header, depth, coding and direction. */
import { type Picture, Random, SIZES } from "./random.js";

const CORE_HEADER = 12;
const OS2_HEADER = 64;
const HEADERS = [CORE_HEADER, 40, 52, 56, OS2_HEADER, 108, 124];
const WITH_MASKS = [40, 52, 56, 108, 124];
/** `BI_RGB`, `BI_RLE8`, `BI_RLE4`, `BI_BITFIELDS`. */
const [PLAIN, RUNS_OF_BYTES, RUNS_OF_NIBBLES, BIT_FIELDS] = [0, 1, 2, 3];
const MASKS: readonly (readonly [depth: number, red: number, green: number, blue: number, alpha: number])[] = [
  [16, 0xf800, 0x7e0, 0x1f, 0],
  [16, 0x7c00, 0x3e0, 0x1f, 0],
  [16, 0x7c00, 0x3e0, 0x1f, 0x8000],
  [16, 0xf00, 0xf0, 0xf, 0xf000],
  [32, 0xff_0000, 0xff00, 0xff, 0],
  [32, 0xff_0000, 0xff00, 0xff, 0xff00_0000],
  [32, 0xff, 0xff00, 0xff_0000, 0xff00_0000],
  [32, 0xff00_0000, 0xff_0000, 0xff00, 0xff],
  [32, 0x3ff0_0000, 0xf_fc00, 0x3ff, 0],
];

interface Form {
  readonly width: number;
  readonly height: number;
  readonly header: number;
  readonly depth: number;
  readonly isFromTop?: boolean;
  readonly coding?: number;
  readonly masks?: readonly number[];
  /** Colours of the palette, where it is not full. */
  readonly colours?: number;
}

export function* bmps(): Generator<Picture> {
  const random = new Random(2);
  for (const [width, height] of SIZES) {
    for (const form of forms(width, height)) {
      const { masks, ...rest } = form;
      const name = `${JSON.stringify(rest)} ${masks?.map((mask) => mask.toString(16)) ?? ""}`;
      yield { name, file: bmp(form, random), width, height };
    }
  }
}

function* forms(width: number, height: number): Generator<Form> {
  for (const header of HEADERS) {
    for (const depth of header === CORE_HEADER || header === OS2_HEADER ? [1, 4, 8, 24] : [1, 4, 8, 16, 24, 32]) {
      yield { width, height, header, depth };
      if (header === CORE_HEADER) continue;
      yield { width, height, header, depth, isFromTop: true };
      if (depth === 4 || depth === 8) yield { width, height, header, depth, colours: 2 ** depth - 3 };
    }
  }
  for (const header of WITH_MASKS) {
    for (const [depth, ...masks] of MASKS) yield { width, height, header, depth, coding: BIT_FIELDS, masks };
    for (const [depth, coding] of [
      [8, RUNS_OF_BYTES],
      [4, RUNS_OF_NIBBLES],
    ] as const) {
      yield { width, height, header, depth, coding };
    }
  }
}

function bmp(
  { width, height, header, depth, isFromTop = false, coding = PLAIN, masks = [], colours = 0 }: Form,
  random: Random,
): Buffer {
  const isCore = header === CORE_HEADER;
  const colourCount = depth > 8 ? 0 : colours || 2 ** depth;
  const head = Buffer.alloc(14 + header + (header === 40 && coding === BIT_FIELDS ? 12 : 0));
  const palette = random.bytes(colourCount * (isCore ? 3 : 4));
  const isRuns = coding === RUNS_OF_BYTES || coding === RUNS_OF_NIBBLES;
  const pixels = isRuns
    ? runs(width, height, depth === 4, random)
    : random.bytes(Math.ceil((width * depth) / 32) * 4 * height);
  // Alpha that is 0 everywhere is another matter; the first pixel is opaque.
  const [, , , alpha = 0] = masks;
  if (depth === 16) pixels.writeUInt16LE((pixels.readUInt16LE() | alpha) >>> 0);
  if (depth === 32) pixels.writeUInt32LE((pixels.readUInt32LE() | alpha) >>> 0);
  const fileBytes = head.length + palette.length + pixels.length;
  head.write("BM");
  head.writeUInt32LE(fileBytes, 2);
  head.writeUInt32LE(head.length + palette.length, 10);
  head.writeUInt32LE(header, 14);
  if (isCore) {
    for (const [at, value] of [width, height, 1, depth].entries()) head.writeUInt16LE(value, 18 + 2 * at);
  } else {
    head.writeInt32LE(width, 18);
    head.writeInt32LE(isFromTop ? -height : height, 22);
    head.writeUInt16LE(1, 26);
    head.writeUInt16LE(depth, 28);
    head.writeUInt32LE(coding, 30);
    head.writeUInt32LE(pixels.length, 34);
    head.writeUInt32LE(colours, 46);
    for (const [at, mask] of masks.entries()) {
      if (54 + 4 * at < head.length) head.writeUInt32LE(mask, 54 + 4 * at);
    }
    // "sRGB": other colour spaces are none of this test.
    if (header >= 108) head.writeUInt32LE(0x7352_4742, 70);
  }
  return Buffer.concat([head, palette, pixels]);
}

/** Runs and literals that fill every line. */
function runs(width: number, height: number, isNibbles: boolean, random: Random): Buffer {
  const coded: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0, count = 0; x < width; x += count) {
      count = 1 + random.below(Math.min(width - x, 20));
      if (count < 3 || random.below(2)) coded.push(count, random.below(256));
      else {
        const bytes = isNibbles ? Math.ceil(count / 2) : count;
        coded.push(0, count, ...random.bytes(bytes), ...(bytes % 2 ? [0] : []));
      }
    }
    coded.push(0, y === height - 1 ? 1 : 0);
  }
  return Buffer.from(coded);
}
