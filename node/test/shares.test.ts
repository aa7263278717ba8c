import { describe, expect, it } from "vitest";
import { Permits, Shares } from "../src/shares.js";
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
