/** One image for several models. Classifying takes its bytes away, and copies of large ones would take the event loop. */
import type { KeptImage, SharedImage } from "./ports.js";

/** For so many calls. What is kept may be asked of by several as it is. */
export function shareImage(image: Uint8Array | KeptImage, turnCount: number): SharedImage | KeptImage {
  return image instanceof Uint8Array ? new ImageInTurns(image, turnCount) : image;
}

class ImageInTurns implements SharedImage {
  readonly byteLength: number;
  /** Null while a call has them, and once one has lost them. */
  #bytes: Uint8Array | null;
  #lost: unknown = new Error("the image was not given back");
  /** The end of the last call that waits for them. */
  #turn: Promise<unknown> = Promise.resolve();

  #turnsLeft: number;

  constructor(bytes: Uint8Array, turnCount: number) {
    this.#turnsLeft = turnCount;
    this.byteLength = bytes.length;
    this.#bytes = bytes;
  }

  withBytes<T>(work: (bytes: Uint8Array, giveBack?: (bytes: Uint8Array) => void) => Promise<T>): Promise<T> {
    this.#turnsLeft -= 1;
    const isLast = this.#turnsLeft === 0;
    const call = this.#turn.then(async () => {
      const bytes = this.#bytes;
      if (bytes === null) throw this.#lost;
      this.#bytes = null;
      const giveBack = (back: Uint8Array) => {
        this.#bytes = back;
      };
      try {
        return await (isLast ? work(bytes) : work(bytes, giveBack));
      } catch (error) {
        this.#lost = error;
        throw error;
      }
    });
    this.#turn = call.catch(() => {});
    return call;
  }
}
