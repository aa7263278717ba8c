/** Work that many ask for and that takes its time: one at a time by name, however many ask. */
export class SharedWork<T> {
  readonly #entries = new Map<string, { readonly running: Promise<T>; next: Promise<T> | null }>();

  /** Whoever asks while it runs shares the run after that, which sees all that there was when it was asked for. */
  ask(name: string, work: () => Promise<T>): Promise<T> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return this.#run(name, work);
    entry.next ??= entry.running.then(
      () => this.#run(name, work),
      () => this.#run(name, work),
    );
    return entry.next;
  }

  #run(name: string, work: () => Promise<T>): Promise<T> {
    const running = work();
    const entry = { running, next: null };
    this.#entries.set(name, entry);
    const end = () => {
      if (entry.next === null) this.#entries.delete(name);
    };
    running.then(end, end);
    return running;
  }
}
