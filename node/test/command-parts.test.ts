/** What the verbs of the command are made of. */
import { describe, expect, it } from "vitest";
import { inOrder } from "../src/cli/in-order.js";
import { Progress } from "../src/cli/progress.js";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("work in order", () => {
  it("goes on in as many lanes as there are, and gives the outcomes in the order of the items", async () => {
    let running = 0;
    let runningMax = 0;
    const work = async (item: number) => {
      running += 1;
      runningMax = Math.max(runningMax, running);
      // Later items are done earlier.
      for (let turn = 0; turn < 20 - item; turn += 1) await Promise.resolve();
      running -= 1;
      return item;
    };
    const items = Array.from({ length: 10 }, (_, index) => index);
    expect(await all(inOrder(items, 3, work))).toEqual(items);
    expect(runningMax).toBe(3);
  });

  it("ends with the items, be there fewer than lanes or none", async () => {
    const double = async (item: number) => 2 * item;
    expect(await all(inOrder([1, 2], 8, double))).toEqual([2, 4]);
    expect(await all(inOrder([], 8, double))).toEqual([]);
  });
});

describe("the progress of a command", () => {
  const shown = (total: number, isTTY: boolean) => {
    const written: string[] = [];
    const progress = new Progress(total, { isTTY, write: (text) => written.push(text) });
    progress.step();
    progress.clear();
    return written.join("");
  };

  it("is one line of a terminal, which goes away", () => {
    expect(shown(4, true)).toMatch(/█{8}░{22} 1 of 4/);
    expect(shown(4, true).endsWith("\r\u001b[K")).toBe(true);
  });

  it("tells how far a download is, also where nobody knows its size", () => {
    const written: string[] = [];
    const progress = new Progress(1, { isTTY: true, write: (text) => written.push(text) });
    progress.bytes("net", 2_500_000, 10_000_000);
    progress.bytes("net", 2_500_000, null);
    expect(written[0]).toMatch(/█{8}░{22} net: 2\.5 of 10\.0 MB$/);
    expect(written[1]).toMatch(/░{30} net: 2\.5 MB$/);
  });

  it("is not written where nobody watches, nor for a single step", () => {
    expect(shown(4, false)).toBe("");
    expect(shown(1, true)).toBe("");
  });
});
