/** One image that is kept, with its photos: each was decoded at another reduction, and one call at a time has it. */
import type { DecodedPhoto, KeptImage } from "../ports.js";
import { unlessAborted } from "../unless-aborted.js";

/** Bytes for photos. */
export interface PhotoRoom {
  /** Whether there were so many. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

interface Place {
  /** Null where none is kept. */
  photo: DecodedPhoto | null;
  /** What was taken for it; it stays taken while a call has the photo. */
  bytes: number;
  isLent: boolean;
  /** The end of the last call that waits for it. */
  turn: Promise<void>;
}

export class OneImage implements KeptImage {
  readonly caller: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly photoJson: string;
  readonly #room: PhotoRoom;
  readonly #places = new Map<number, Place>();
  #isDropped = false;

  constructor(caller: string, file: Pick<KeptImage, "name" | "bytes">, photoJson: string, room: PhotoRoom) {
    this.caller = caller;
    this.name = file.name;
    this.bytes = file.bytes;
    this.photoJson = photoJson;
    this.#room = room;
  }

  async withPhoto<T>(
    shrink: number,
    signal: AbortSignal,
    work: (photo: DecodedPhoto | null) => Promise<{ photo: DecodedPhoto | null; value: T }>,
  ): Promise<T> {
    const place = this.#placeOf(shrink);
    const before = place.turn;
    let end = () => {};
    place.turn = new Promise((resolve) => {
      end = resolve;
    });
    try {
      await unlessAborted(signal, before);
    } catch (error) {
      // Who comes next waits for what this one waited for.
      void before.then(end);
      throw error;
    }
    place.isLent = true;
    let { photo } = place;
    try {
      const done = await work(photo);
      photo = done.photo;
      return done.value;
    } finally {
      place.isLent = false;
      this.#settle(place, photo);
      end();
    }
  }

  /** Keeps a photo for calls that ask for `shrink`, where there is room. */
  put(shrink: number, photo: DecodedPhoto): void {
    this.#settle(this.#placeOf(shrink), photo);
  }

  /** Forgets its photos, but those that a call has. */
  dropPhotos(): void {
    for (const place of this.#places.values()) if (!place.isLent) this.#settle(place, null);
  }

  /** Forgets its photos; those that a call has are forgotten as they come back. */
  drop(): void {
    this.#isDropped = true;
    this.dropPhotos();
  }

  #placeOf(shrink: number): Place {
    const known = this.#places.get(shrink);
    if (known !== undefined) return known;
    const place = { photo: null, bytes: 0, isLent: false, turn: Promise.resolve() };
    this.#places.set(shrink, place);
    return place;
  }

  /** Has the place hold this photo and its bytes alone. One whose memory was given away and did not come back is none. */
  #settle(place: Place, photo: DecodedPhoto | null): void {
    const bytes = this.#isDropped ? 0 : (photo?.rgb.length ?? 0);
    if (bytes !== place.bytes) {
      this.#room.giveBack(place.bytes);
      place.bytes = 0;
      if (bytes > 0 && this.#room.take(bytes)) place.bytes = bytes;
    }
    place.photo = place.bytes > 0 ? photo : null;
  }
}
