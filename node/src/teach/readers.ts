/** Who listens to jobs. Each holds a connection for as long as it likes, so a caller has so many, and its first gives way to one more. */
const READERS_OF_CALLER_MAX = 32;

export class Readers {
  readonly #byCaller = new Map<string, Set<() => void>>();

  /** `end` is called where this one gives way; the function that is answered says that it has left. */
  add(caller: string, end: () => void): () => void {
    const own = this.#byCaller.get(caller) ?? new Set();
    this.#byCaller.set(caller, own.add(end));
    const [first] = own;
    if (own.size > READERS_OF_CALLER_MAX && first !== undefined) {
      own.delete(first);
      first();
    }
    return () => {
      own.delete(end);
      if (own.size === 0 && this.#byCaller.get(caller) === own) this.#byCaller.delete(caller);
    };
  }
}
