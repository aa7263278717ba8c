import { setImmediate } from "node:timers/promises";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { createReadingTurns, type TakeTurn } from "../src/front/reading-turns.js";

const CHUNK_BYTES = 64 * 1024;
const LARGE_BYTES = 1024 * 1024;
const CHUNKS_A_MS = 1;
const SENDER = "sender";
const OTHER = "other";

let nowMs: number;
let takeTurn: TakeTurn;
let readCounts: Record<string, number>;

beforeEach(() => {
  nowMs = 1000;
  takeTurn = createReadingTurns(() => nowMs).take;
  readCounts = {};
});

/** So many chunks of large bodies, each in its own request, wait for their turns. */
function ask(caller: string, count: number): void {
  const counts = readCounts;
  counts[caller] ??= 0;
  for (let index = 0; index < count; index += 1) {
    const request = {};
    expect(takeTurn({ caller, request }, LARGE_BYTES)).toBeUndefined();
    void takeTurn({ caller, request }, CHUNK_BYTES)?.then(() => {
      counts[caller] = (counts[caller] ?? 0) + 1;
    });
  }
}

async function turnManyTimes(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await setImmediate();
}

describe("large bodies", () => {
  test("what is small is read without waiting for a turn, of each body", () => {
    for (let body = 0; body < 3; body += 1) {
      const request = {};
      for (let chunk = 0; chunk < 4; chunk += 1) {
        expect(takeTurn({ caller: SENDER, request }, CHUNK_BYTES)).toBeUndefined();
      }
      expect(takeTurn({ caller: SENDER, request }, CHUNK_BYTES)).toBeDefined();
    }
  });

  test("what comes in many chunks waits for its turns, however small they are", () => {
    const request = {};
    for (let chunk = 0; chunk < 256; chunk += 1) {
      expect(takeTurn({ caller: SENDER, request }, 1)).toBeUndefined();
    }
    expect(takeTurn({ caller: SENDER, request }, 1)).toBeDefined();
  });

  test("as many tiny chunks have one turn together as take the time of a large one", () => {
    const request = {};
    const turns = Array.from({ length: 1025 }, () => takeTurn({ caller: SENDER, request }, 1));
    expect(turns.filter((turn) => turn !== undefined)).toHaveLength(4);
  });

  test("a caller that is alone is read in each turn of the event loop", async () => {
    ask(SENDER, 100);
    await turnManyTimes();
    expect(readCounts[SENDER]).toBe(100);
  });

  test("while others are about, one caller's come at a pace", async () => {
    takeTurn({ caller: OTHER, request: {} }, 0);
    ask(SENDER, 100);
    for (let ms = 1; ms <= 5; ms += 1) {
      await vi.waitFor(() => expect(readCounts[SENDER]).toBe(ms * CHUNKS_A_MS));
      await turnManyTimes();
      expect(readCounts[SENDER]).toBe(ms * CHUNKS_A_MS);
      nowMs += 1;
    }
  });

  test("what says itself whether there is time left for it has no other pace", async () => {
    const turns = createReadingTurns(() => nowMs);
    turns.take({ caller: OTHER, request: {} }, 0);
    let left = 10;
    let count = 0;
    for (let piece = 0; piece < 20; piece += 1) {
      void turns
        .wait({ caller: SENDER, request: {} }, () => left > 0)
        .then(() => {
          left -= 1;
          count += 1;
        });
    }
    await turnManyTimes();
    expect(count).toBeGreaterThanOrEqual(10);
    expect(count).toBeLessThan(20);
  });

  test("the pace of one caller holds up no other one", async () => {
    ask(SENDER, 100);
    ask(OTHER, CHUNKS_A_MS);
    await turnManyTimes();
    expect(readCounts).toEqual({ [SENDER]: CHUNKS_A_MS, [OTHER]: CHUNKS_A_MS });
  });

  test("a caller that others have left is read as fast as it sends again", async () => {
    takeTurn({ caller: OTHER, request: {} }, 0);
    ask(SENDER, 100);
    await turnManyTimes();
    nowMs += 1000;
    await vi.waitFor(() => expect(readCounts[SENDER]).toBe(100));
  });
});
