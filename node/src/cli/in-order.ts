/** Works on up to `laneCount` items at once, however many there are, and gives the outcomes in the order of the items. `work` must not reject. */
export async function* inOrder<Item, Outcome>(
  items: Iterable<Item> | AsyncIterable<Item>,
  laneCount: number,
  work: (item: Item) => Promise<Outcome>,
): AsyncGenerator<Outcome> {
  const running: Promise<Outcome>[] = [];
  for await (const item of items) {
    running.push(work(item));
    if (running.length < laneCount) continue;
    const [first] = running.splice(0, 1);
    if (first !== undefined) yield await first;
  }
  for (const rest of running) yield await rest;
}
