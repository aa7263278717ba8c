/** Work on many photos, some at once. */

export interface Lanes {
  /** How many are worked on at once. */
  readonly count: number;
  readonly signal: AbortSignal;
  /** Hears what share is done. */
  readonly told: (share: number) => void;
}

/** The outcomes in the order of the items. Rejects with the first failure, and with the signal's reason. */
export async function inLanes<Item, Outcome>(
  items: readonly Item[],
  { count, signal, told }: Lanes,
  work: (item: Item, place: number) => Promise<Outcome>,
): Promise<Outcome[]> {
  const outcomes = new Array<Outcome>(items.length);
  const queue = items.entries();
  let done = 0;
  const lane = async () => {
    for (const [place, item] of queue) {
      signal.throwIfAborted();
      outcomes[place] = await work(item, place);
      done += 1;
      told(done / items.length);
    }
  };
  await Promise.all(Array.from({ length: count }, lane));
  return outcomes;
}
