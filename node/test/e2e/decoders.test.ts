/// <reference lib="dom" />
/** Every path of the decoders but JPEG's, which has tests of its own, against those of a browser. */
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT_DIR } from "../../src/config.js";
import type { InferOptions, InputSpec } from "../../src/generated/contract.js";
import { bmps } from "../support/pictures/bmps.js";
import { gifs } from "../support/pictures/gifs.js";
import { pngs } from "../support/pictures/pngs.js";
import { type Picture, SIZES } from "../support/pictures/random.js";
import { findBrowser, launchBrowser } from "./browser.js";

const wasm = createRequire(import.meta.url)(`${ROOT_DIR}wasm/pkg/menagerie_wasm.js`) as {
  preprocess(image: Uint8Array, inputSpecJson: string, optionsJson: string): { pixels: Uint8Array };
};

const OPTIONS: InferOptions = {
  top_k: 1,
  score_threshold: 0,
  picture: false,
  limits: { pixels_max: 1_000_000, side_pixels_max: 1000 },
};
/** A browser rounds when it multiplies by alpha and scales five bits to eight. */
const LEVELS_OFF_MAX = 1;
const FILES_AT_ONCE = 200;
const FAMILY_MS_MAX = 120_000;

/** The RGB bytes of a picture at its own size, or why there are none. */
function ours({ file, width, height }: Picture): Uint8Array | string {
  const input: InputSpec = {
    tensor: "input",
    dtype: "float32",
    layout: "NHWC",
    width,
    height,
    channels: 3,
    channel_order: "RGB",
    mean: [0, 0, 0],
    std: [1, 1, 1],
    resize: "stretch",
    crop_fraction: 1,
    resize_filter: "nearest",
  };
  try {
    return wasm.preprocess(file, JSON.stringify(input), JSON.stringify(OPTIONS)).pixels;
  } catch (error) {
    return String(error);
  }
}

/** The same by the browser, on white; `undefined` where it shows nothing. */
async function shown(page: Page, files: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
  const pixels = await page.evaluate(
    (sent) =>
      Promise.all(
        sent.map(async (text) => {
          const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
          const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" }).catch(() => null);
          const context = bitmap && new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
          if (!bitmap || !context) return null;
          context.fillStyle = "#fff";
          context.fillRect(0, 0, bitmap.width, bitmap.height);
          context.drawImage(bitmap, 0, 0);
          const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
          const rgb = data.filter((_value, at) => at % 4 !== 3);
          return btoa(Array.from(rgb, (value) => String.fromCharCode(value)).join(""));
        }),
      ),
    files.map((file) => file.toString("base64")),
  );
  return pixels.map((text) => (text === null ? undefined : Buffer.from(text, "base64")));
}

/** WebP as the browser writes it: lossy at four qualities of which the last is lossless, opaque, cut out and translucent. */
async function webps(page: Page): Promise<Picture[]> {
  const written = await page.evaluate(async (sizes) => {
    const files: { name: string; text: string; width: number; height: number }[] = [];
    let state = 7;
    const below = (end: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 16) % end;
    };
    for (const [width, height] of [...sizes, [31, 100]] as const) {
      for (const quality of [0.05, 0.5, 0.8, 1]) {
        for (const alpha of ["opaque", "cut out", "translucent"]) {
          for (const content of ["noise", "waves"]) {
            const canvas = new OffscreenCanvas(width, height);
            const context = canvas.getContext("2d");
            const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_none, at) => {
              if (at % 4 !== 3) return content === "noise" ? below(256) : 128 + 100 * Math.sin(at / (20 + (at % 4)));
              if (alpha === "translucent") return below(256);
              return alpha === "opaque" || below(3) > 0 ? 255 : 0;
            });
            context?.putImageData(new ImageData(data, width, height), 0, 0);
            const blob = await canvas.convertToBlob({ type: "image/webp", quality });
            const bytes = new Uint8Array(await blob.arrayBuffer());
            const text = btoa(Array.from(bytes, (value) => String.fromCharCode(value)).join(""));
            files.push({ name: `${content}, ${alpha}, ${quality}, ${width}x${height}`, text, width, height });
          }
        }
      }
    }
    return files;
  }, SIZES);
  return written.map(({ text, ...picture }) => ({ ...picture, file: Buffer.from(text, "base64") }));
}

const browserPath = findBrowser();

describe.skipIf(browserPath === undefined)("every file of a family that is made for it", () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await launchBrowser(browserPath ?? "");
    page = await browser.newPage();
  });
  afterAll(() => browser?.close());

  test.each<[string, () => Iterable<Picture> | Promise<Picture[]>, number]>([
    ["PNG", pngs, 400],
    ["BMP", bmps, 700],
    ["GIF", gifs, 700],
    ["WebP", () => webps(page), 200],
  ])(
    "has the pixels that a browser shows: %s",
    async (_format, make, countMin) => {
      const pictures = [...(await make())];
      expect(pictures.length).toBeGreaterThan(countMin);
      const differ: string[] = [];
      for (let at = 0; at < pictures.length; at += FILES_AT_ONCE) {
        const some = pictures.slice(at, at + FILES_AT_ONCE);
        const theirs = await shown(
          page,
          some.map(({ file }) => file),
        );
        for (const [index, picture] of some.entries()) {
          const [own, other] = [ours(picture), theirs[index]];
          const isAlike =
            other?.length === own.length &&
            typeof own !== "string" &&
            own.every((value, place) => Math.abs(value - (other[place] ?? 0)) <= LEVELS_OFF_MAX);
          if (!isAlike) differ.push(`${picture.name}${typeof own === "string" ? `: ${own}` : ""}`);
        }
      }
      expect(differ).toEqual([]);
    },
    FAMILY_MS_MAX,
  );
});
