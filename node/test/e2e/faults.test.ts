/** `bench/load/faults.mjs` for a few seconds: the whole run is its own. */
import { expect, it } from "vitest";

interface Faults {
  readonly FAULTS: Readonly<Record<string, { title: string }>>;
  runFault(
    name: string,
    options: { seconds: number; clientCount: number },
  ): Promise<{ strikes: number; tally: { answered: number; lost: string[]; wrong: string[] } }>;
}

const { FAULTS, runFault } = (await import(new URL("../../../bench/load/faults.mjs", import.meta.url).href)) as Faults;

it.each(Object.entries(FAULTS))("nothing is lost or wrong while it happens: %s", async (name) => {
  const { strikes, tally } = await runFault(name, { seconds: 5, clientCount: 4 });
  expect({ lost: tally.lost, wrong: tally.wrong }).toEqual({ lost: [], wrong: [] });
  expect(strikes).toBeGreaterThan(0);
  expect(tally.answered).toBeGreaterThan(0);
});
