/** Garbage that is collected at rest, where there is some. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { collectGarbage, createRestCollector } from "../src/collect-garbage.js";

const MIB = 2 ** 20;

/** What is called at rest, and how often that collected. */
function resting(rssBytes: () => number) {
  const collect = vi.fn();
  return { rest: createRestCollector(collect, rssBytes), collected: () => collect.mock.calls.length };
}

describe("a service at rest", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("collects where it has grown since it rested, and not again and again", () => {
    let rss = 200 * MIB;
    const { rest, collected } = resting(() => rss);
    rest();
    rss = 220 * MIB;
    rest();
    expect(collected()).toBe(0);
    rss = 600 * MIB;
    rest();
    expect(collected()).toBe(1);
    // Once more where that did not help, and then it is kept.
    vi.advanceTimersByTime(2000);
    expect(collected()).toBe(2);
    rest();
    expect(collected()).toBe(2);
    rss = 700 * MIB;
    rest();
    rss = 610 * MIB;
    vi.advanceTimersByTime(2000);
    expect(collected()).toBe(3);
  });

  it("collects what has grown where more was given back before, by threads that rested later", () => {
    let rss = 200 * MIB;
    const { rest, collected } = resting(() => rss);
    rss = 1000 * MIB;
    rest();
    vi.advanceTimersByTime(2000);
    expect(collected()).toBe(2);
    rss = 300 * MIB;
    vi.advanceTimersByTime(20_000);
    rss = 600 * MIB;
    rest();
    expect(collected()).toBe(3);
    vi.advanceTimersByTime(20_000);
    expect(collected()).toBe(4);
    rss = 400 * MIB;
    rest();
    rss = 500 * MIB;
    rest();
    expect(collected()).toBe(5);
  });

  it("gives back what nothing refers to", () => {
    const before = process.memoryUsage().external;
    let large: Uint8Array | null = new Uint8Array(200 * MIB);
    expect(process.memoryUsage().external).toBeGreaterThan(before + large.length / 2);
    large = null;
    collectGarbage();
    expect(process.memoryUsage().external).toBeLessThan(before + 100 * MIB);
  });
});
