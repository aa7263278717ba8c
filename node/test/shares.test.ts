import { describe, expect, it } from "vitest";
import { capOf, holderOf, Permits, Shares } from "../src/shares.js";
import { party } from "./support/party.js";

/** Takes as much as it may, one by one. */
function fill(shares: Shares, caller: string): number {
  while (shares.allows(caller)) shares.take(caller);
  return shares.heldBy(caller);
}

describe("shares", () => {
  it("leave half to others where one caller takes what it can", () => {
    expect(fill(new Shares(32), "a")).toBe(16);
  });

  it("leave a part for the next caller, however many there are", () => {
    const shares = new Shares(32);
    expect(["a", "b", "c", "d"].map((caller) => fill(shares, caller))).toEqual([16, 8, 4, 2]);
    expect(shares.allows("e")).toBe(true);
  });

  it("give the last one to whoever holds nothing", () => {
    const shares = new Shares(1);
    expect(shares.allows("a")).toBe(true);
    shares.take("a");
    expect(shares.allows("b")).toBe(false);
    shares.giveBack("a");
    expect(shares.allows("b")).toBe(true);
  });

  it("count amounts, and take back what was given", () => {
    const shares = new Shares(100);
    expect(shares.allows("a", 101)).toBe(false);
    shares.take("a", 60);
    expect([shares.allows("b", 41), shares.allows("b", 40), shares.allows("a", 1)]).toEqual([false, true, false]);
    shares.giveBack("a", 60);
    expect([shares.total, shares.heldBy("a")]).toEqual([0, 0]);
  });
});

describe("permits", () => {
  it("go round robin to those who wait", async () => {
    const permits = new Permits(1);
    const first = await permits.take(party("a"));
    const order: string[] = [];
    const ask = async (caller: string) => {
      const release = await permits.take(party(caller));
      order.push(caller);
      release();
    };
    const all = ["a", "a", "a", "b"].map(ask);
    first();
    await Promise.all(all);
    expect(order).toEqual(["a", "b", "a", "a"]);
    expect(permits.held).toBe(0);
  });

  it("are not waited for past the party's deadline, and nobody else is held up by one who left", async () => {
    const permits = new Permits(1);
    const release = await permits.take(party("a"));
    const late = new AbortController();
    const waiting = permits.take(party("b", late.signal));
    const next = permits.take(party("c"));
    late.abort(new Error("too late"));
    await expect(waiting).rejects.toThrow("too late");
    release();
    (await next)();
    expect(permits.held).toBe(0);
    await expect(permits.take(party("b", late.signal))).rejects.toThrow("too late");
  });

  it("are kept for others while one caller holds its share", async () => {
    const permits = new Permits(4);
    const held = [await permits.take(party("a")), await permits.take(party("a"))];
    let isIn = false;
    const third = permits.take(party("a")).then((release) => {
      isIn = true;
      return release;
    });
    const other = await permits.take(party("b"));
    expect(isIn).toBe(false);
    for (const release of held) release();
    (await third)();
    other();
    expect(permits.held).toBe(0);
  });
});

describe("what is kept", () => {
  it("is capped for those who have most alone, who keep as much as each other", () => {
    expect(capOf([], 10)).toBe(Number.POSITIVE_INFINITY);
    expect(capOf([1, 9], 10)).toBe(Number.POSITIVE_INFINITY);
    expect(capOf([11], 10)).toBe(10);
    expect(capOf([1, 100], 10)).toBe(9);
    expect(capOf([100, 2, 50], 10)).toBe(4);
    expect(capOf([5, 5, 5], 10)).toBe(3);
  });

  it("tells callers apart by a number that tells none, the same after a restart", () => {
    const holders = Array.from({ length: 10_000 }, (_, place) => holderOf(`address 10.0.${place >> 8}.${place & 255}`));
    expect(Math.min(...holders)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...holders)).toBeLessThanOrEqual(4096);
    expect(new Set(holders).size).toBeGreaterThan(3000);
    expect([holderOf("key ann"), holderOf("key bob")]).toEqual([2023, 3524]);
  });
});
