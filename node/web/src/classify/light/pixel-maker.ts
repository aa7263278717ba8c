/**
 * A worker that makes the pixels which a model sees of a photo, in the WebAssembly that the service also uses: the same ones
 * to the last bit.
 */
import type { ImageFacts, ImageLimits, InferOptions, InputSpec } from "../../../../src/generated/contract.js";

export interface PixelsWanted {
  readonly file: File;
  readonly input: InputSpec;
  readonly limits: ImageLimits;
}

/** The pixels and the photo as it came, why it cannot be used, or nothing, where this browser cannot run the maker. */
export type PixelsMade =
  | { readonly pixels: Uint8Array<ArrayBuffer>; readonly image: ImageFacts }
  | { readonly code: string; readonly message: string }
  | { readonly unavailable: string };

interface Maker {
  default(): Promise<unknown>;
  preprocess(
    image: Uint8Array,
    inputSpecJson: string,
    optionsJson: string,
  ): { pixels: Uint8Array<ArrayBuffer>; imageJson: string };
}

const MAKER: string = "./menagerie_wasm.js";

self.addEventListener("message", async ({ data }: MessageEvent<PixelsWanted>) => {
  self.postMessage(await makePixels(data));
});

async function makePixels({ file, input, limits }: PixelsWanted): Promise<PixelsMade> {
  try {
    const maker = (await import(MAKER)) as Maker;
    await maker.default();
    const options: InferOptions = { top_k: 1, score_threshold: 0, picture: false, limits };
    const photo = new Uint8Array(await file.arrayBuffer());
    const { pixels, imageJson } = maker.preprocess(photo, JSON.stringify(input), JSON.stringify(options));
    return { pixels, image: JSON.parse(imageJson) as ImageFacts };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const message = error instanceof Error ? error.message : String(error);
    return typeof code === "string" ? { code, message } : { unavailable: message };
  }
}
