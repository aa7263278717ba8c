/**
 * What waits for a thread, an engine, a slot or a permit, handed out in fair shares: round robin by who asks, and by
 * request within them. A caller with a thousand items waiting delays another caller's first one by one item, and so does
 * a request with a hundred images another request of the same caller.
 *
 * The first item of a request passes the later ones of the same caller's other requests, as the new flows of FQ-CoDel
 * (RFC 8290, 4.2) pass the old ones: who asks for little does not wait for a round of those who ask for much. In its
 * place one of those that were passed goes before the next first item.
 */

import { availableParallelism } from "node:os";
import type { Party } from "./ports.js";

type Asker = Pick<Party, "caller" | "request">;

/** By request, in the order of their turns. */
type Turns<T> = Map<object, T[]>;

/** What one caller waits for. */
class Line<T> {
  /** Of requests that got nothing yet. */
  readonly fresh: Turns<T> = new Map();
  readonly begun: Turns<T> = new Map();
  /** Whether a fresh one passed those that had begun. */
  #passed = false;

  get isEmpty(): boolean {
    return this.fresh.size + this.begun.size === 0;
  }

  /** Takes out the next item that `fits`, with its request; the others of the request go to the end of the line. */
  shift(fits: (item: T) => boolean): { item: T; request: object } | undefined {
    for (const turns of this.#passed ? [this.begun, this.fresh] : [this.fresh, this.begun]) {
      for (const [request, items] of turns) {
        const [item] = items;
        if (item === undefined || !fits(item)) continue;
        this.#passed = turns === this.fresh && this.begun.size > 0;
        items.shift();
        turns.delete(request);
        if (items.length > 0) this.begun.set(request, items);
        return { item, request };
      }
    }
    return undefined;
  }
}

export class FairQueue<T> {
  readonly #callers = new Map<string, Line<T>>();
  /** Requests that got something. */
  readonly #begun = new WeakSet<object>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push({ caller, request }: Asker, item: T): void {
    const line = this.#callers.get(caller) ?? new Line<T>();
    this.#callers.set(caller, line);
    const turns = this.#turnsOf(line, request);
    const items = turns.get(request);
    if (items === undefined) turns.set(request, [item]);
    else items.push(item);
    this.#size += 1;
  }

  /** Takes out the next item that `fits`; whoever had it goes to the end of the line. */
  shift(fits: (item: T) => boolean = () => true): T | undefined {
    for (const [caller, line] of this.#callers) {
      const next = line.shift(fits);
      if (next === undefined) continue;
      this.#begun.add(next.request);
      this.#size -= 1;
      this.#callers.delete(caller);
      if (!line.isEmpty) this.#callers.set(caller, line);
      return next.item;
    }
    return undefined;
  }

  /** Takes out an item that waits no more. Whether it was here. */
  remove({ caller, request }: Asker, item: T): boolean {
    const line = this.#callers.get(caller);
    if (line === undefined) return false;
    const turns = this.#turnsOf(line, request);
    const items = turns.get(request);
    const index = items?.indexOf(item) ?? -1;
    if (items === undefined || index < 0) return false;
    items.splice(index, 1);
    this.#size -= 1;
    if (items.length === 0) turns.delete(request);
    if (line.isEmpty) this.#callers.delete(caller);
    return true;
  }

  #turnsOf(line: Line<T>, request: object): Turns<T> {
    return this.#begun.has(request) ? line.begun : line.fresh;
  }

  /** Takes out everything. */
  drain(): T[] {
    const items = [...this.#callers.values()].flatMap(({ fresh, begun }) =>
      [...fresh.values(), ...begun.values()].flat(),
    );
    this.#callers.clear();
    this.#size = 0;
    return items;
  }
}

interface Waiting<Ask, Got> {
  readonly ask: Ask;
  readonly caller: string;
  resolve(got: Got): void;
  reject(error: unknown): void;
}

/** Parties that wait for something, each until its own signal. */
export class FairLine<Ask, Got> {
  readonly #queue = new FairQueue<Waiting<Ask, Got>>();

  get size(): number {
    return this.#queue.size;
  }

  /** Resolves with what `serve` gives; rejects with the reason of the party's signal. */
  async wait(party: Party, ask: Ask): Promise<Got> {
    party.signal.throwIfAborted();
    let leave = () => {};
    try {
      return await new Promise<Got>((resolve, reject) => {
        const waiting = { ask, caller: party.caller, resolve, reject };
        leave = () => {
          if (this.#queue.remove(party, waiting)) reject(party.signal.reason);
        };
        party.signal.addEventListener("abort", leave);
        this.#queue.push(party, waiting);
      });
    } finally {
      party.signal.removeEventListener("abort", leave);
    }
  }

  /** What `give` has for the party now, without waiting; undefined where there is nothing, or others wait. */
  at(party: Party, ask: Ask, give: (ask: Ask, caller: string) => Got | undefined): Got | undefined {
    party.signal.throwIfAborted();
    return this.size === 0 ? give(ask, party.caller) : undefined;
  }

  /** Calls `give` for those whose turn it is; it answers undefined where there is nothing for that one now. */
  serve(give: (ask: Ask, caller: string) => Got | undefined): void {
    for (;;) {
      let got: Got | undefined;
      const next = this.#queue.shift(({ ask, caller }) => {
        got = give(ask, caller);
        return got !== undefined;
      });
      if (next === undefined || got === undefined) return;
      next.resolve(got);
    }
  }

  /** Sends all of them away. */
  close(error: unknown): void {
    for (const { reject } of this.#queue.drain()) reject(error);
  }
}

/** How many each caller has. */
export class Counts {
  readonly #counts = new Map<string, number>();

  of(caller: string): number {
    return this.#counts.get(caller) ?? 0;
  }

  add(caller: string, change: 1 | -1): void {
    const count = this.of(caller) + change;
    if (count > 0) this.#counts.set(caller, count);
    else this.#counts.delete(caller);
  }
}

/** For so long after somebody asked, what there is is not all given to another one. */
const RECENT_MS = 250;

/**
 * Who asked lately, and what each has at work, in whatever shares the processor. A thread or a core that works cannot be
 * taken back, so one caller leaves one of them free while others are about; a caller alone may have all.
 */
export class Company {
  /** The two callers that asked last, the last one first. */
  #last: { readonly caller: string; at: number }[] = [];
  readonly #coreCount: number;
  readonly #now: () => number;
  readonly #atWork = new Counts();
  readonly #onEnd: (() => void)[] = [];

  constructor(coreCount = availableParallelism(), now: () => number = () => performance.now()) {
    this.#coreCount = coreCount;
    this.#now = now;
  }

  note(caller: string): void {
    const [first] = this.#last;
    if (first?.caller === caller) first.at = this.#now();
    else this.#last = [{ caller, at: this.#now() }, ...(first === undefined ? [] : [first])];
  }

  /** How many of `countMax` this caller may have now. */
  share(caller: string, countMax: number): number {
    return this.hasOthers(caller) ? Math.max(1, countMax - 1) : countMax;
  }

  /** Whether this caller leaves a core to the others with one more piece of work. What does not fit is tried again `onEnd`. */
  fits(caller: string): boolean {
    return !this.hasOthers(caller) || this.#atWork.of(caller) < Math.max(1, this.#coreCount - 1);
  }

  begin(caller: string): void {
    this.#atWork.add(caller, 1);
  }

  end(caller: string): void {
    this.#atWork.add(caller, -1);
    for (const listener of this.#onEnd) listener();
  }

  /** Calls it whenever a piece of work has ended. */
  onEnd(listener: () => void): void {
    this.#onEnd.push(listener);
  }

  /** Whether another caller asked lately. */
  hasOthers(caller: string): boolean {
    const since = this.#now() - RECENT_MS;
    return this.#last.some((other) => other.caller !== caller && other.at > since);
  }
}
