/** The hard images beside the project, with what may become of each. */
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { sharedFolder } from "./paths.js";

export interface HardImage {
  readonly file: string;
  readonly path: string;
  readonly expected: "decode" | "refuse" | "decode-or-refuse" | "no-crash";
  /** Names of formats where it may be decoded, and codes where it may be refused. */
  readonly outcomes: readonly string[];
}

/** Formats by their usual file names; any other name is that of a format which is not taken. */
const FORMATS: Readonly<Record<string, string>> = {
  ".jpg": "jpeg",
  ".mpo": "jpeg",
  ".png": "png",
  ".gif": "gif",
  ".webp": "webp",
  ".bmp": "bmp",
};
/** Those whose header declares more pixels than are taken. */
const TOO_LARGE = ["65536-uint32-limit.png", "decompression_bomb.gif", "bmp_b_reallybig.bmp", "giant-image.jpg"];
/** Codings of a format taken that are not. */
const UNSUPPORTED = ["testimgari.jpg", "testimgl.jpg", "bmp_q_rgb24png.bmp"];

/** Every image of the list; none where the folder is not beside the project. */
export function hardImages(): HardImage[] {
  const folder = sharedFolder("image-torture");
  if (folder === null) return [];
  const [header = "", ...lines] = readFileSync(join(folder, "manifest.tsv"), "utf8").trim().split("\n");
  const expectedColumn = header.split("\t").indexOf("expected");
  return lines.map((line) => {
    const columns = line.split("\t");
    const [file = ""] = columns;
    const expected = columns[expectedColumn] as HardImage["expected"];
    return { file, path: join(folder, file), expected, outcomes: outcomesOf(file, expected) };
  });
}

function outcomesOf(file: string, expected: HardImage["expected"]): string[] {
  const format = FORMATS[extname(file)];
  if (format === undefined || UNSUPPORTED.includes(file)) return ["image_unsupported"];
  if (TOO_LARGE.includes(file)) return ["image_too_large"];
  if (expected === "decode") return [format];
  return expected === "refuse" ? ["image_undecodable"] : [format, "image_undecodable"];
}
