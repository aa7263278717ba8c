/** `bench/load/faults.mjs` for a few seconds: the whole run is its own. */
import { expect, it } from "vitest";

interface Faults {
  readonly FAULTS: Readonly<Record<string, object>>;
  possibleFaults(): string[];
  runFault(
    name: string,
    options: { seconds: number; clientCount: number },
  ): Promise<{ strikes: number; tally: { answered: number; lost: string[]; wrong: string[] } }>;
}

const { FAULTS, possibleFaults, runFault } = (await import(
  new URL("../../../bench/load/faults.mjs", import.meta.url).href
)) as Faults;

it.each(possibleFaults())("nothing is lost or wrong while it happens: %s", async (name) => {
  const { strikes, tally } = await runFault(name, { seconds: 5, clientCount: 4 });
  expect({ lost: tally.lost, wrong: tally.wrong }).toEqual({ lost: [], wrong: [] });
  expect(strikes).toBeGreaterThan(0);
  expect(tally.answered).toBeGreaterThan(0);
});

const impossible = Object.keys(FAULTS).filter((name) => !possibleFaults().includes(name));
it.skipIf(impossible.length > 0)("every fault can be made here: a full disk needs root on Linux", () => {
  expect(impossible).toEqual([]);
});
