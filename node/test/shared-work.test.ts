/** Work that is shared by those who ask for it at once. */
import { expect, it } from "vitest";
import { SharedWork } from "../src/feedback/shared-work.js";

/** Runs that end when they are told, each with its number. */
function runs() {
  const ends: ((error?: Error) => void)[] = [];
  const work = () =>
    new Promise<number>((resolve, reject) => {
      const number = ends.length;
      ends.push((error) => (error === undefined ? resolve(number) : reject(error)));
    });
  return { ends, work };
}

it("runs once at a time, and again for all who asked meanwhile", async () => {
  const { ends, work } = runs();
  const shared = new SharedWork<number>();
  const first = shared.ask("a", work);
  const others = [shared.ask("a", work), shared.ask("a", work)];
  expect(ends).toHaveLength(1);
  ends[0]?.();
  expect(await first).toBe(0);
  expect(ends).toHaveLength(2);
  const last = shared.ask("a", work);
  ends[1]?.();
  expect(await Promise.all(others)).toEqual([1, 1]);
  expect(ends).toHaveLength(3);
  ends[2]?.();
  expect(await last).toBe(2);
  void shared.ask("a", work);
  expect(ends).toHaveLength(4);
});

it("goes on after a run that failed, and lets other names go beside it", async () => {
  const { ends, work } = runs();
  const shared = new SharedWork<number>();
  const first = shared.ask("a", work);
  const second = shared.ask("a", work);
  const beside = shared.ask("b", work);
  ends[1]?.();
  expect(await beside).toBe(1);
  ends[0]?.(new Error("it broke"));
  await expect(first).rejects.toThrow("it broke");
  ends[2]?.();
  expect(await second).toBe(2);
});
