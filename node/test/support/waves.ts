/** Photos of waves: classes that features of photos tell apart. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rgbPng } from "./png.js";

const SIDE = 48;
export const PHOTOS = 12;
/** What photos of a class show: a wave across, a wave down, rings. */
export const SHAPES = {
  across: (x: number, _y: number) => x,
  down: (_x: number, y: number) => y,
  rings: (x: number, y: number) => Math.hypot(x - SIDE / 2, y - SIDE / 2),
};

/** Another colour, another width and another place each. */
export function wave(shape: (x: number, y: number) => number, number: number): Buffer<ArrayBuffer> {
  const colour = [60 + 13 * number, 200 - 11 * number, 40 + ((97 * number) % 160)];
  const width = 3 + (number % 5);
  const rgb = Array.from({ length: SIDE * SIDE }, (_, place) => {
    const height = 0.5 + 0.5 * Math.sin((shape(place % SIDE, Math.floor(place / SIDE)) + 7 * number) / width);
    return colour.map((value) => Math.round(value * height));
  });
  return Buffer.from(rgbPng(SIDE, SIDE, Uint8Array.from(rgb.flat())));
}

/** A folder a class, each with as many of them. */
export async function writeWaves(dir: string): Promise<void> {
  for (const [label, shape] of Object.entries(SHAPES)) {
    await mkdir(join(dir, label), { recursive: true });
    for (let number = 0; number < PHOTOS; number += 1)
      await writeFile(join(dir, label, `${number}.png`), wave(shape, number));
  }
}
