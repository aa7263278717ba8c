/** Works on up to `laneCount` items at once and gives the outcomes in the order of the items. `work` must not reject. */
export async function* inOrder<Item, Outcome>(
  items: readonly Item[],
  laneCount: number,
  work: (item: Item) => Promise<Outcome>,
): AsyncGenerator<Outcome> {
  const running: Promise<Outcome>[] = [];
  for (const item of items) {
    running.push(work(item));
    if (running.length < laneCount) continue;
    const [first] = running.splice(0, 1);
    if (first !== undefined) yield await first;
  }
  for (const rest of running) yield await rest;
}
