/**
 * What waits for a thread, an engine, a slot or a permit, handed out in fair shares: round robin by who asks, and by
 * request within them. A caller with a thousand items waiting delays another caller's first one by one item, and so does
 * a request with a hundred images another request of the same caller.
 */

import type { Party } from "./ports.js";

type Asker = Pick<Party, "caller" | "request">;

/** By request; both in the order of their turns. */
type Turns<T> = Map<object, T[]>;

export class FairQueue<T> {
  readonly #callers = new Map<string, Turns<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push({ caller, request }: Asker, item: T): void {
    const turns = this.#callers.get(caller) ?? new Map<object, T[]>();
    this.#callers.set(caller, turns);
    const items = turns.get(request);
    if (items === undefined) turns.set(request, [item]);
    else items.push(item);
    this.#size += 1;
  }

  /** Takes out the next item that `fits`; whoever had it goes to the end of the line. */
  shift(fits: (item: T) => boolean = () => true): T | undefined {
    for (const [caller, turns] of this.#callers) {
      for (const [request, items] of turns) {
        const [item] = items;
        if (item === undefined || !fits(item)) continue;
        items.shift();
        this.#size -= 1;
        rotate(turns, request, items.length > 0);
        rotate(this.#callers, caller, turns.size > 0);
        return item;
      }
    }
    return undefined;
  }

  /** Takes out an item that waits no more. Whether it was here. */
  remove({ caller, request }: Asker, item: T): boolean {
    const turns = this.#callers.get(caller);
    const items = turns?.get(request);
    const index = items?.indexOf(item) ?? -1;
    if (turns === undefined || items === undefined || index < 0) return false;
    items.splice(index, 1);
    this.#size -= 1;
    if (items.length === 0) turns.delete(request);
    if (turns.size === 0) this.#callers.delete(caller);
    return true;
  }

  /** Takes out everything. */
  drain(): T[] {
    const items = [...this.#callers.values()].flatMap((turns) => [...turns.values()].flat());
    this.#callers.clear();
    this.#size = 0;
    return items;
  }
}

/** To the end of the line, or out of it. */
function rotate<K, V>(line: Map<K, V>, key: K, stays: boolean): void {
  const value = line.get(key);
  line.delete(key);
  if (stays && value !== undefined) line.set(key, value);
}
