/** The window of frames that are with an engine, on an engine that answers when the test says so. */
import { describe, expect, it } from "vitest";
import { Lanes } from "../src/engines/lanes.js";
import { party } from "./support/party.js";

/** Lanes whose engine has been given `sent` and has not answered `running`. */
function lanesOf(count: number) {
  const sent: number[] = [];
  const running: (() => void)[] = [];
  const lanes = new Lanes(count, async (frame) => {
    sent.push(frame[0] ?? 0);
    await new Promise<void>((resolve) => running.push(resolve));
    return frame;
  });
  return { lanes, sent, answerNext: () => running.shift()?.() };
}

const frame = (id: number) => Uint8Array.of(id);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("the lanes of a model", () => {
  it("give the engine as many frames as run at once, and each further one for an answer", async () => {
    const { lanes, sent, answerNext } = lanesOf(2);
    const replies = Promise.all([1, 2, 3, 4].map((id) => lanes.exchange(frame(id), party())));
    await turn();
    expect(sent).toEqual([1, 2]);
    answerNext();
    await turn();
    expect(sent).toEqual([1, 2, 3]);
    for (let left = 3; left > 0; left -= 1) {
      answerNext();
      await turn();
    }
    expect((await replies).map(([id]) => id)).toEqual([1, 2, 3, 4]);
  });

  it("go round by who asks", async () => {
    const { lanes, sent, answerNext } = lanesOf(1);
    const greedy = party("greedy");
    const replies = [1, 2, 3].map((id) => lanes.exchange(frame(id), greedy));
    replies.push(lanes.exchange(frame(4), party("modest")));
    for (let left = 4; left > 0; left -= 1) {
      await turn();
      answerNext();
    }
    await Promise.all(replies);
    expect(sent.indexOf(4)).toBeLessThan(sent.indexOf(3));
  });

  it("never send a frame whose party gave up while it waited", async () => {
    const { lanes, sent, answerNext } = lanesOf(1);
    const running = lanes.exchange(frame(1), party());
    const giveUp = new AbortController();
    const waiting = lanes.exchange(frame(2), party("impatient", giveUp.signal));
    const last = lanes.exchange(frame(3), party());
    giveUp.abort(new Error("it took too long"));
    await expect(waiting).rejects.toThrow("it took too long");
    answerNext();
    await turn();
    answerNext();
    await Promise.all([running, last]);
    expect(sent).toEqual([1, 3]);
  });

  it("tell a party that gives up at once, and keep its lane until the engine has done with the frame", async () => {
    const { lanes, sent, answerNext } = lanesOf(1);
    const giveUp = new AbortController();
    const running = lanes.exchange(frame(1), party("impatient", giveUp.signal));
    const next = lanes.exchange(frame(2), party());
    giveUp.abort(new Error("it took too long"));
    await expect(running).rejects.toThrow("it took too long");
    await turn();
    expect(sent).toEqual([1]);
    answerNext();
    await turn();
    answerNext();
    expect((await next)[0]).toBe(2);
  });

  it("once closed answer what they have, waiting or not, and refuse the rest", async () => {
    const { lanes, answerNext } = lanesOf(1);
    const replies = Promise.all([1, 2].map((id) => lanes.exchange(frame(id), party())));
    let isClosed = false;
    const closed = lanes.close().then(() => {
      isClosed = true;
    });
    await expect(lanes.exchange(frame(3), party())).rejects.toMatchObject({ code: "engine_failed" });
    answerNext();
    await turn();
    expect(isClosed).toBe(false);
    answerNext();
    await closed;
    expect((await replies).map(([id]) => id)).toEqual([1, 2]);
  });

  it("go on after a frame that failed", async () => {
    const lanes = new Lanes(1, async (sent) => {
      if (sent[0] === 1) throw new Error("the engine is gone");
      return sent;
    });
    const failed = lanes.exchange(frame(1), party());
    const next = lanes.exchange(frame(2), party());
    await expect(failed).rejects.toThrow("the engine is gone");
    expect((await next)[0]).toBe(2);
  });
});
