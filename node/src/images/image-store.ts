/**
 * Images that clients ask about more than once: kept in memory for a while, each for its sender alone, with what was decoded
 * of it. Files and photos are counted together and given in fair shares (`Shares`): what one caller keeps leaves as much to
 * others. A photo that is dropped can be decoded anew, so photos make room before files do.
 */

import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { FirstLook, ImageStore, ImagesKept, KeptImage } from "../ports.js";
import { Shares } from "../shares.js";
import { OneImage } from "./one-image.js";

export interface ImageStoreLimits {
  /** Images of all callers. */
  readonly imagesKeptMax: number;
  /** Bytes of their files and photos. */
  readonly imagesKeptBytesMax: number;
  /** How long an image is kept after it was last asked for, in ms. */
  readonly imageKeptMsMax: number;
}

const RETRY_AFTER_SECONDS = 2;
/** Of an id that is repeated to the client. */
const SHOWN_CHARACTERS_MAX = 100;

export function createImageStore(limits: ImageStoreLimits): ImageStore {
  return new FairImageStore(limits);
}

class FairImageStore implements ImageStore {
  readonly #limits: ImageStoreLimits;
  readonly #counts: Shares;
  readonly #bytes: Shares;
  readonly #images: LRUCache<string, OneImage>;

  constructor(limits: ImageStoreLimits) {
    this.#limits = limits;
    this.#counts = new Shares(limits.imagesKeptMax);
    this.#bytes = new Shares(limits.imagesKeptBytesMax);
    this.#images = new LRUCache({
      max: limits.imagesKeptMax,
      ttl: limits.imageKeptMsMax,
      updateAgeOnGet: true,
      ttlAutopurge: true,
      perf: performance,
      dispose: (image) => {
        image.drop();
        this.#counts.giveBack(image.caller);
        this.#bytes.giveBack(image.caller, image.bytes.length);
      },
    });
  }

  get kept(): ImagesKept {
    return { count: this.#counts.total, bytes: this.#bytes.total };
  }

  keep(caller: string, name: string, { bytes: file, photo, shrink }: FirstLook): { id: string } {
    const { length } = file;
    const fits = () => this.#counts.allows(caller) && this.#bytes.allows(caller, length);
    if (this.#isOthers(caller, length) || !this.#makeRoom(caller, fits, true)) throw this.#full();
    this.#counts.take(caller);
    this.#bytes.take(caller, length);
    const image = new OneImage(caller, { name, bytes: file }, photo.json, {
      take: (bytes) => this.#takeForPhoto(caller, bytes, image),
      giveBack: (bytes) => this.#bytes.giveBack(caller, bytes),
    });
    const id = randomUUID();
    this.#images.set(id, image);
    image.put(shrink, photo);
    return { id };
  }

  find(caller: string, id: string): KeptImage {
    const image = this.#images.peek(id)?.caller === caller ? this.#images.get(id) : undefined;
    if (image !== undefined) return image;
    const shown = JSON.stringify(id.slice(0, SHOWN_CHARACTERS_MAX));
    throw new AppError("image_unknown", `No image ${shown} is kept for you; send it to POST /api/images again.`);
  }

  remove(caller: string, id: string): void {
    this.find(caller, id);
    this.#images.delete(id);
  }

  /** Whether too little would be left even if the caller kept nothing else. */
  #isOthers(caller: string, bytes: number): boolean {
    const { imagesKeptMax, imagesKeptBytesMax } = this.#limits;
    const left = (shares: Shares, max: number) => max - shares.total + shares.heldBy(caller);
    return left(this.#counts, imagesKeptMax) < 1 || left(this.#bytes, imagesKeptBytesMax) < bytes;
  }

  #takeForPhoto(caller: string, bytes: number, image: OneImage): boolean {
    if (!this.#makeRoom(caller, () => this.#bytes.allows(caller, bytes), false, image)) return false;
    this.#bytes.take(caller, bytes);
    return true;
  }

  /** Drops what the caller used longest ago until it fits: photos, and where `files` is set files after them. */
  #makeRoom(caller: string, fits: () => boolean, files: boolean, spared?: OneImage): boolean {
    if (fits()) return true;
    const own = [...this.#images.rkeys()].filter((id) => this.#images.peek(id)?.caller === caller);
    const dropPhotos = (id: string) => {
      const image = this.#images.peek(id);
      if (image !== spared) image?.dropPhotos();
      return fits();
    };
    const dropFile = (id: string) => this.#images.delete(id) && fits();
    return own.some(dropPhotos) || (files && own.some(dropFile));
  }

  #full(): AppError {
    const { imagesKeptMax, imagesKeptBytesMax } = this.#limits;
    const kept = `The service keeps ${counted(this.#counts.total, "image")} of ${counted(this.#bytes.total, "byte")}`;
    const detail = `${kept}; it keeps ${imagesKeptMax} and ${imagesKeptBytesMax} at most, of which one caller leaves as many to others as it has. Try again in ${RETRY_AFTER_SECONDS} s, or send the image with its question.`;
    return new AppError("overloaded", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}
