/** PNG files made by the tests. */
import { crc32, deflateSync } from "node:zlib";

export const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** An RGB image of one colour. */
export function solidPng(width: number, height: number, colour: readonly [number, number, number]): Buffer {
  const row = Buffer.concat(Array.from({ length: width }, () => Buffer.from(colour)));
  return rgbPng(width, height, Buffer.concat(Array.from({ length: height }, () => row)));
}

/** An image of these RGB bytes, row by row. */
export function rgbPng(width: number, height: number, rgb: Uint8Array): Buffer {
  const rows = Buffer.concat(
    Array.from({ length: height }, (_, y) => [
      Buffer.from([0]),
      rgb.subarray(3 * width * y, 3 * width * (y + 1)),
    ]).flat(),
  );
  return Buffer.concat([
    SIGNATURE,
    header(width, height),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** An image whose header declares a size, with nothing behind it. */
export function declaredPng(width: number, height: number): Buffer {
  const nothing = chunk("IDAT", deflateSync(Buffer.alloc(10)));
  return Buffer.concat([SIGNATURE, header(width, height), nothing, chunk("IEND", Buffer.alloc(0))]);
}

function header(width: number, height: number): Buffer {
  const content = Buffer.alloc(13);
  content.writeUInt32BE(width, 0);
  content.writeUInt32BE(height, 4);
  content.writeUInt8(8, 8);
  content.writeUInt8(2, 9);
  return chunk("IHDR", content);
}

export function chunk(type: string, content: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(content.length, 0);
  frame.writeUInt32BE(crc32(typed), 4);
  return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)]);
}
