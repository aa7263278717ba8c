/**
 * The light way: the pixels that the model sees are made here, and go to the service in place of the photo, 150 kB in place
 * of megabytes. The hash of the tensor that the service answers shows that they are the same pixels.
 */
import type { ErrorCode, InputSpec } from "../../../../src/generated/contract.js";
import { classifyPixels, describeModel, Refusal, type Result } from "../../api.js";
import { sha256 } from "../../sha256.js";
import { chosenModels, models, own, type Photo, region, sendsPixels, service } from "../../state.js";
import type { PixelsMade, PixelsWanted } from "./pixel-maker.js";

/** Smaller photos are sent sooner than a browser starts to decode them. */
const PHOTO_BYTES_MIN = 1_000_000;

/** Whether the question can be asked with pixels, and gains by it: a large photo, whole, to one model of the service's. */
export function isLightOffered({ file }: Photo): boolean {
  const isLarge = file !== null && file.size >= PHOTO_BYTES_MIN;
  return isLarge && own.value === null && region.value.kind === "whole" && onlyModelId() !== null;
}

/** The answer to the pixels of the photo; null where the photo has to be sent. */
export async function askLightly(photo: Photo, signal: AbortSignal): Promise<Result | null> {
  const id = onlyModelId();
  const { file } = photo;
  if (!sendsPixels.value || !isLightOffered(photo) || file === null || id === null) return null;
  const { input } = await describeModel(id, signal);
  const made = await askMaker({ file, input, limits: imageLimits() }, signal);
  if ("code" in made) throw new Refusal(made.code as ErrorCode, made.message);
  if ("unavailable" in made) return null;
  const { pixels, image } = made;
  const answer = await classifyPixels(id, [1, input.height, input.width, input.channels], pixels, signal);
  const hash = await sha256(pixels);
  if (hash !== null && hash !== answer.input.sha256) {
    throw new Refusal("internal", "The service saw other pixels than were sent.");
  }
  return {
    ...answer,
    image: { name: photo.name, ...image },
    input: { ...answer.input, picture: pictureOf(pixels, input) },
    sent: { pixelBytes: pixels.length, photoBytes: file.size, isSame: hash !== null },
  };
}

/** The one model that is asked; null where there are two or none. */
export function onlyModelId(): string | null {
  const [first, second] = chosenModels.value;
  if (second !== undefined) return null;
  return first ?? models.value?.find((model) => model.default)?.id ?? null;
}

/** What the service lets an image cost. */
export function imageLimits(): PixelsWanted["limits"] {
  const told = service.value?.limits;
  return {
    pixels_max: told?.["image_pixels_max"] ?? 50_000_000,
    side_pixels_max: told?.["image_side_pixels_max"] ?? 20_000,
  };
}

function askMaker(wanted: PixelsWanted, signal: AbortSignal): Promise<PixelsMade> {
  const worker = new Worker(new URL("pixel-maker.js", document.baseURI), { type: "module" });
  return new Promise<PixelsMade>((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<PixelsMade>) => resolve(data));
    worker.addEventListener("error", ({ message }) => resolve({ unavailable: message }));
    signal.addEventListener("abort", () => reject(signal.reason));
    worker.postMessage(wanted);
  }).finally(() => worker.terminate());
}

function pictureOf(pixels: Uint8Array, { width, height, channels }: InputSpec): string {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const picture = new ImageData(width, height);
  for (let at = 0; at < width * height; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      picture.data[4 * at + channel] = pixels[channels * at + Math.min(channel, channels - 1)] ?? 0;
    }
    picture.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
  return canvas.toDataURL();
}
