import { describe, expect, it } from "vitest";
import { jsonInTurns } from "../src/routes/json-in-turns.js";

const joined = (body: Awaited<ReturnType<typeof jsonInTurns>>) =>
  JSON.parse(typeof body === "string" ? body : Buffer.concat(body).toString());

describe("JSON of many items", () => {
  it.each([
    [{}, []],
    [{}, [{ a: 1 }]],
    [{ id: "x" }, [{ a: 1 }, { b: "ü" }]],
    [{ id: "x" }, Array.from({ length: 50 }, (_, place) => ({ place, padding: "ü".repeat(5000) }))],
  ])("has them after the facts", async (facts, items) => {
    expect(joined(await jsonInTurns(facts, "items", items))).toEqual({ ...facts, items });
  });

  it("leaves the event loop to others between pieces, and makes each item in its turn", async () => {
    let turn = 0;
    const next = () => {
      turn += 1;
      immediate = setImmediate(next);
    };
    let immediate = setImmediate(next);
    const turns: number[] = [];
    const items = function* () {
      for (let place = 0; place < 10; place += 1) {
        turns.push(turn);
        yield { padding: "x".repeat(100_000) };
      }
    };
    await jsonInTurns({}, "items", items());
    clearImmediate(immediate);
    expect(new Set(turns).size).toBe(10);
  });
});
