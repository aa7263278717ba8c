/** Numbers that are the same in every run (xorshift, Marsaglia 2003). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** A whole number from 0 to `end - 1`. */
  below(end: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % end;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}

/** A file of the family: what it is in words, its bytes and its size in pixels. */
export interface Picture {
  readonly name: string;
  readonly file: Buffer;
  readonly width: number;
  readonly height: number;
}

/** Around the ends of bytes, passes and tables. */
export const SIZES = [
  [1, 1],
  [2, 1],
  [1, 3],
  [3, 5],
  [7, 9],
  [8, 8],
  [17, 15],
  [40, 24],
] as const;
