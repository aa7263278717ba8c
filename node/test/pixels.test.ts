/**
 * The WebAssembly build against the native one: every image gives the same pixels bit for bit, or the same refusal; and
 * the hard images beside the project answer or are refused as their list says.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import { sharedFolder } from "./support/paths.js";

interface Preprocessed {
  pixels: Uint8Array;
  imageJson: string;
}

const wasm = createRequire(import.meta.url)(join(ROOT_DIR, "wasm/pkg/menagerie_wasm.js")) as {
  preprocess(image: Uint8Array, inputSpecJson: string, optionsJson: string): Preprocessed;
};

const FITS = [
  ["stretch", "antialias"],
  ["center-crop", "antialias"],
  ["pad", "antialias"],
  ["stretch", "bilinear"],
  ["center-crop", "nearest"],
] as const;
const SIDE = 224;
/** Compiling the native build takes minutes on a machine that has nothing of it yet. */
const BUILD_MS_MAX = 900_000;
const COMPARE_MS_MAX = 120_000;
const OPTIONS = JSON.stringify({
  top_k: 1,
  score_threshold: 0,
  limits: { pixels_max: 64_000_000, side_pixels_max: 16_384 },
});

function preprocess(image: Uint8Array, mode = "stretch", filter = "antialias"): Preprocessed {
  const input = {
    tensor: "input",
    dtype: "float32",
    layout: "NHWC",
    width: SIDE,
    height: SIDE,
    channels: 3,
    channel_order: "RGB",
    mean: [0, 0, 0],
    std: [1, 1, 1],
    resize: mode,
    crop_fraction: 1,
    resize_filter: filter,
  };
  return wasm.preprocess(image, JSON.stringify(input), OPTIONS);
}

/** `name sha256`, or `name error-code`; a trap shows as what it is. */
function wasmLine(file: string, mode = "stretch", filter = "antialias"): string {
  try {
    const { pixels } = preprocess(readFileSync(file), mode, filter);
    return `${file} ${createHash("sha256").update(pixels).digest("hex")}`;
  } catch (error) {
    return `${file} ${error instanceof Error && "code" in error ? String(error.code) : `trap: ${String(error)}`}`;
  }
}

const CARGO_PACKAGE = ["--quiet", "--package", "menagerie-wasm"];
const CARGO_EXAMPLE = [...CARGO_PACKAGE, "--example", "pixels"];

function nativeLines(files: readonly string[], mode = "stretch", filter = "antialias"): string[] {
  const printed = execFileSync("cargo", ["run", ...CARGO_EXAMPLE, "--", String(SIDE), mode, filter, ...files], {
    cwd: ROOT_DIR,
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  return printed.trimEnd().split("\n");
}

function imagesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(jpe?g|png|webp|gif|bmp|mpo)$/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function pngChunk(kind: string, payload: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), payload]);
  let crc = 0xffff_ffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(payload.length, 0);
  frame.writeUInt32BE(~crc >>> 0, 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** An RGBA picture of noise, so that every rounding of alpha and resize is met. */
function noisePng(width: number, height: number): Buffer {
  const header = Buffer.from([0, 0, width >> 8, width & 255, 0, 0, height >> 8, height & 255, 8, 6, 0, 0, 0]);
  let state = width * 65_537 + height;
  const rows = Buffer.alloc(height * (1 + 4 * width));
  for (let at = 0; at < rows.length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    rows[at] = at % (1 + 4 * width) === 0 ? 0 : state >>> 24;
  }
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    pngChunk("IHDR", header),
    pngChunk("IDAT", deflateSync(rows)),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

let folder = "";
beforeAll(() => {
  execFileSync("cargo", ["build", ...CARGO_EXAMPLE], { cwd: ROOT_DIR, stdio: "inherit" });
  folder = mkdtempSync(join(tmpdir(), "menagerie-pixels-"));
}, BUILD_MS_MAX);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("the WebAssembly build and the native one", () => {
  test.each(FITS)(
    "see the same pixels of noise and of the samples, fitted by %s with the filter %s",
    { timeout: COMPARE_MS_MAX },
    (mode, filter) => {
      const sizes = [
        [1, 1],
        [3, 500],
        [223, 225],
        [640, 31],
        [1001, 777],
      ] as const;
      const noise = sizes.map(([width, height]) => {
        const file = join(folder, `noise-${width}x${height}.png`);
        writeFileSync(file, noisePng(width, height));
        return file;
      });
      const files = [...noise, ...imagesIn(join(ROOT_DIR, "models/samples"))];
      const lines = files.map((file) => wasmLine(file, mode, filter));
      expect(lines).toEqual(nativeLines(files, mode, filter));
      expect(lines.filter((line) => !/ [0-9a-f]{64}$/.test(line))).toEqual([]);
    },
  );

  test("see the same pixels of large JPEG files, which are decoded at a fraction of their size", {
    timeout: BUILD_MS_MAX,
  }, () => {
    execFileSync("cargo", ["run", ...CARGO_PACKAGE, "--example", "jpegs", "--", "4000", "3001", folder], {
      cwd: ROOT_DIR,
    });
    const files = ["420.jpg", "422.jpg", "444.jpg", "progressive.jpg"].map((name) => join(folder, name));
    const lines = files.map((file) => wasmLine(file, "stretch"));
    expect(lines).toEqual(nativeLines(files, "stretch"));
    expect(lines.filter((line) => !/ [0-9a-f]{64}$/.test(line))).toEqual([]);
  });

  const photos = sharedFolder("images");
  test.skipIf(photos === null)(
    "see the same pixels of every photo beside the project",
    { timeout: COMPARE_MS_MAX },
    () => {
      const files = imagesIn(photos ?? "");
      const lines = files.map((file) => wasmLine(file));
      expect(lines).toEqual(nativeLines(files));
      expect(lines.filter((line) => !/ [0-9a-f]{64}$/.test(line))).toEqual([]);
    },
  );

  const hard = sharedFolder("image-torture");
  test.skipIf(hard === null).each(FITS)(
    "see the same pixels of every hard image or refuse it alike, fitted by %s with the filter %s",
    { timeout: COMPARE_MS_MAX },
    (mode, filter) => {
      const files = readdirSync(hard ?? "")
        .filter((name) => name !== "manifest.tsv")
        .map((name) => join(hard ?? "", name));
      expect(files.map((file) => wasmLine(file, mode, filter))).toEqual(nativeLines(files, mode, filter));
    },
  );
});

describe("the hard images beside the project", () => {
  const hard = sharedFolder("image-torture");
  const rows = hard === null ? [] : readFileSync(join(hard, "manifest.tsv"), "utf8").trimEnd().split("\n").slice(1);
  test.skipIf(hard === null)("answer or are refused as listed, and none traps", () => {
    const wrong = rows.flatMap((row) => {
      const [name = "", , , , , expected = ""] = row.split("\t");
      const outcome = wasmLine(join(hard ?? "", name)).slice(join(hard ?? "", name).length + 1);
      const decoded = /^[0-9a-f]{64}$/.test(outcome);
      const refused = /^image_(unsupported|undecodable|too_large)$/.test(outcome);
      const fits = expected === "decode" ? decoded : expected === "refuse" ? refused : decoded || refused;
      return fits ? [] : [`${name}: ${expected} is listed, and it is ${outcome}`];
    });
    expect(rows.length).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });

  test.skipIf(hard === null)("are the same picture upright, whatever their orientation", () => {
    const names = ["Landscape_1.jpg", "Landscape_2.jpg", "Landscape_3.jpg", "Landscape_5.jpg", "Landscape_6.jpg"];
    const [reference, ...others] = names.map((name) => preprocess(readFileSync(join(hard ?? "", name))));
    for (const other of others) {
      expect(other.imageJson).toBe(reference?.imageJson);
      const distance = other.pixels.reduce((sum, value, at) => sum + Math.abs(value - (reference?.pixels[at] ?? 0)), 0);
      expect(distance / other.pixels.length).toBeLessThan(16);
    }
  });
});
