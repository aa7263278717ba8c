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

const possible = possibleFaults();

it.for(Object.keys(FAULTS))("nothing is lost or wrong while it happens: %s", async (name, { skip }) => {
  if (!possible.includes(name)) skip("a disk of its own needs root on Linux");
  const { strikes, tally } = await runFault(name, { seconds: 5, clientCount: 4 });
  expect({ lost: tally.lost, wrong: tally.wrong }).toEqual({ lost: [], wrong: [] });
  expect(strikes).toBeGreaterThan(0);
  expect(tally.answered).toBeGreaterThan(0);
});

it("only a fault of the disk may be one that cannot be made", () => {
  expect(Object.keys(FAULTS).filter((name) => name !== "disk" && !possible.includes(name))).toEqual([]);
});
