import { beforeEach, describe, expect, test } from "vitest";
import { createReadingTurns } from "../src/front/reading-turns.js";
import { TurnShares } from "../src/front/turn-shares.js";

let nowMs: number;
let shares: TurnShares;

beforeEach(() => {
  nowMs = 1000;
  shares = new TurnShares(() => nowMs);
});

describe("the time of one address", () => {
  test("is a fifth while others are about, all its connections together, and little of it at once", () => {
    const [one, other] = [shares.of("many"), shares.of("many")];
    let spentMs = 0;
    for (; nowMs < 2000; nowMs += 1) {
      shares.of("other").isLeft();
      while (one.isLeft()) {
        other.spend(0.5);
        spentMs += 0.5;
      }
    }
    expect(spentMs).toBeGreaterThan(190);
    expect(spentMs).toBeLessThanOrEqual(202);
  });

  test("is all where nobody else is about", () => {
    const many = shares.of("many");
    many.spend(1000);
    expect(many.isLeft()).toBe(true);
    shares.of("other").isLeft();
    expect(many.isLeft()).toBe(false);
    nowMs += 251;
    expect(many.isLeft()).toBe(true);
  });

  test("is not that of others", () => {
    shares.of("many").spend(1000);
    expect(shares.of("other").isLeft()).toBe(true);
  });
});

test("whoever waits while its address has no time left is passed by those of others", async () => {
  const turns = createReadingTurns(() => nowMs);
  const read: string[] = [];
  let isLeft = false;
  void turns.wait({ caller: "many", request: {} }, () => isLeft).then(() => read.push("many"));
  await turns.wait({ caller: "other", request: {} }).then(() => read.push("other"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(read).toEqual(["other"]);
  isLeft = true;
  await expect.poll(() => read).toEqual(["other", "many"]);
});
