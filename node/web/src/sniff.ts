/**
 * What a file is, by its first bytes and not by its name: a photo, a graph, or the labels of one.
 */

export type FileKind = "photo" | "graph" | "labels";

/** A text that stands at a byte; each byte is the character of its number. */
type Mark = readonly [at: number, text: string];

const HEAD_BYTES = 4096;

const brands = (names: string): readonly (readonly Mark[])[] => names.split(" ").map((name) => [[4, `ftyp${name}`]]);

/** By what each format of images begins with, also those that the service does not read. */
const IMAGES: readonly [format: string, begins: readonly (readonly Mark[])[]][] = [
  ["JPEG", [[[0, "\xff\xd8\xff"]]]],
  ["PNG", [[[0, "\x89PNG"]]]],
  ["GIF", [[[0, "GIF8"]]]],
  [
    "WebP",
    [
      [
        [0, "RIFF"],
        [8, "WEBP"],
      ],
    ],
  ],
  [
    "BMP",
    [
      [
        [0, "BM"],
        [6, "\0\0\0\0"],
      ],
    ],
  ],
  ["HEIC", brands("heic heix heim heis hevc hevx mif1 msf1")],
  ["AVIF", brands("avif avis")],
  ["JPEG XL", [[[0, "\xff\x0a"]], [[4, "JXL "]]]],
  ["TIFF or a camera's raw file", [[[0, "II*\0"]], [[0, "MM\0*"]]]],
  ["PDF", [[[0, "%PDF"]]]],
  ["SVG", [[[0, "<svg"]]]],
  ["a Photoshop file", [[[0, "8BPS"]]]],
  ["a video", [...brands("mp41 mp42 isom qt M4V"), [[0, "\x1a\x45\xdf\xa3"]]]],
];

/** Files of models, frozen graphs and others; the service says what to do about each. */
const MODEL_NAME = /\.(pb|pbtxt|h5|keras|onnx|tflite|pt|pth|ckpt|zip|safetensors)$/i;

/** The format of an image by its bytes; null where it is none. */
export async function imageFormat(file: Blob): Promise<string | null> {
  const head = String.fromCharCode(...(await headOf(file, 64)));
  const found = IMAGES.find(([, begins]) =>
    begins.some((marks) => marks.every(([at, text]) => head.startsWith(text, at))),
  );
  return found?.[0] ?? null;
}

export async function kindOf(file: File): Promise<FileKind> {
  if ((await imageFormat(file)) !== null) return "photo";
  if (MODEL_NAME.test(file.name)) return "graph";
  const head = await headOf(file, HEAD_BYTES);
  if (isText(head)) return "labels";
  // A GraphDef begins with its first node (field 1), and that, after its length, with its name (field 1).
  return head[0] === 0x0a && head.subarray(2, 7).includes(0x0a) ? "graph" : "photo";
}

/** UTF-8 without control characters, or marked as UTF-16. */
function isText(head: Uint8Array): boolean {
  if (head.length === 0) return false;
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) return true;
  if (head.some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d].includes(byte))) return false;
  try {
    // Only the head was read, so that its last character may be cut.
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

async function headOf(file: Blob, bytes: number): Promise<Uint8Array> {
  return new Uint8Array(await file.slice(0, bytes).arrayBuffer());
}
