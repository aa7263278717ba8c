/** Calls of worker threads: their order, their end, and what a thread's death costs. */
import { afterEach, describe, expect, it } from "vitest";
import { Company } from "../src/fair-queue.js";
import { TooLongError, WorkerPool } from "../src/worker-pool.js";
import { party } from "./support/party.js";

const ASKED = { party: party() };

interface Call {
  readonly name: string;
  /** The thread waits until it is released. */
  readonly lock?: SharedArrayBuffer;
  readonly bytes?: Uint8Array;
}

/** The names of all calls that the thread has made. */
interface Reply {
  readonly seen: string[];
  readonly bytes?: number;
}

const pools: WorkerPool<Call, Reply>[] = [];

const FILE = new URL("./fixtures/pool-worker.mjs", import.meta.url);

function create(threadsMax: number, callMsMax = 60_000, company?: Company): WorkerPool<Call, Reply> {
  const pool = new WorkerPool<Call, Reply>(FILE, threadsMax, callMsMax, company);
  pools.push(pool);
  return pool;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

/** A call that goes on until it is released. */
function held(name: string): { call: Call; release(): void } {
  const lock = new SharedArrayBuffer(4);
  const release = () => {
    Atomics.store(new Int32Array(lock), 0, 1);
    Atomics.notify(new Int32Array(lock), 0);
  };
  return { call: { name, lock }, release };
}

describe("a pool of worker threads", () => {
  it("makes calls in their order, the urgent ones first", async () => {
    const pool = create(1);
    const first = held("first");
    const calls = [
      pool.call(first.call, ASKED),
      pool.call({ name: "second" }, ASKED),
      pool.call({ name: "third" }, ASKED),
      pool.call({ name: "urgent" }, { ...ASKED, urgent: true }),
    ];
    first.release();
    const replies = await Promise.all(calls);
    expect(replies.map(({ seen }) => seen.at(-1))).toEqual(["first", "second", "third", "urgent"]);
    expect(replies[2]?.seen).toEqual(["first", "urgent", "second", "third"]);
  });

  it("makes as many at once as it has threads", async () => {
    const pool = create(2);
    const [one, other] = [held("one"), held("other")];
    const calls = [pool.call(one.call, ASKED), pool.call(other.call, ASKED)];
    other.release();
    expect((await calls[1])?.seen).toEqual(["other"]);
    one.release();
    expect((await calls[0])?.seen).toEqual(["one"]);
  });

  it("gives memory away with a call", async () => {
    const bytes = new Uint8Array(1000);
    const reply = await create(1).call({ name: "bytes", bytes }, { ...ASKED, transfer: [bytes.buffer] });
    expect([reply.bytes, bytes.length]).toEqual([1000, 0]);
  });

  it.each([
    ["throws", "throw", "thrown on purpose"],
    ["exits", "exit", "a worker thread ended with code 3"],
  ])("replaces a thread that %s, which fails its own call alone", async (_what, name, message) => {
    const pool = create(1);
    const outcomes = await Promise.allSettled([
      pool.call({ name: "before" }, ASKED),
      pool.call({ name }, ASKED),
      pool.call({ name: "after" }, ASKED),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: { message } });
    expect(outcomes[2]).toMatchObject({ value: { seen: ["after"] } });
  });

  it("fails a call that cannot be sent, and keeps its thread", async () => {
    const pool = create(1);
    const unsendable = { name: "function", bytes: (() => {}) as unknown as Uint8Array };
    await expect(pool.call(unsendable, ASKED)).rejects.toThrow("could not be cloned");
    expect((await pool.call({ name: "next" }, ASKED)).seen).toEqual(["next"]);
  });

  it("takes a call out of the queue when its signal aborts", async () => {
    const pool = create(1);
    const first = held("first");
    const controller = new AbortController();
    const calls = [
      pool.call(first.call, ASKED),
      pool.call({ name: "cancelled" }, { party: party("a", controller.signal) }),
    ];
    controller.abort(new Error("too late"));
    await expect(calls[1]).rejects.toThrow("too late");
    first.release();
    await calls[0];
    expect((await pool.call({ name: "last" }, ASKED)).seen).toEqual(["first", "last"]);
  });

  it("makes a call to its end though nobody waits for it, and no later one of that party", async () => {
    const pool = create(1);
    const controller = new AbortController();
    const first = held("first");
    const left = pool.call(first.call, { party: party("a", controller.signal) });
    controller.abort(new Error("too late"));
    first.release();
    expect((await left).seen).toEqual(["first"]);
    await expect(pool.call({ name: "x" }, { party: party("a", controller.signal) })).rejects.toThrow("too late");
  });

  it("ends the thread of a call that takes too long, and starts another", async () => {
    const pool = create(1, 3000);
    await pool.call({ name: "warm" }, ASKED);
    await expect(pool.call(held("endless").call, ASKED)).rejects.toThrow(TooLongError);
    expect((await pool.call({ name: "next" }, ASKED)).seen).toEqual(["next"]);
  });

  it("gives turns to callers, however many calls one has", async () => {
    const pool = create(1);
    const first = held("first");
    const [many, other] = [{ party: party("many") }, { party: party("other") }];
    const calls = [pool.call(first.call, ASKED)];
    for (const name of ["m1", "m2", "m3"]) calls.push(pool.call({ name }, many));
    calls.push(pool.call({ name: "o1" }, other));
    first.release();
    expect((await Promise.all(calls))[3]?.seen).toEqual(["first", "m1", "o1", "m2", "m3"]);
  });

  it("keeps one thread for light calls", async () => {
    const pool = create(3);
    const heavy = Array.from({ length: 3 }, (_, index) => held(`heavy ${index}`));
    const calls = heavy.map(({ call }) => pool.call(call, { ...ASKED, heavy: true }));
    expect((await pool.call({ name: "light" }, { party: party() })).seen).toEqual(["light"]);
    for (const { release } of heavy) release();
    const threads = (await Promise.all(calls)).map(({ seen }) => seen);
    expect(threads.every((seen) => !seen.includes("light"))).toBe(true);
  });

  it("leaves a thread for the heavy calls of others while they are about", async () => {
    const pool = create(3, 60_000, new Company(8, () => 0));
    await pool.call({ name: "somebody else was here" }, { party: party("other") });
    const greedy = Array.from({ length: 2 }, (_, index) => held(`greedy ${index}`));
    const calls = greedy.map(({ call }) => pool.call(call, { party: party("greedy"), heavy: true }));
    expect((await pool.call({ name: "heavy" }, { party: party("other"), heavy: true })).seen.at(-1)).toBe("heavy");
    for (const { release } of greedy) release();
    await Promise.all(calls);
  });

  it("leaves a core to the light calls of others too, and to what shares the processor with it", async () => {
    const company = new Company(2, () => 0);
    const pool = create(3, 60_000, company);
    await pool.call({ name: "somebody else was here" }, { party: party("other") });
    company.begin("greedy");
    const waiting = pool.call({ name: "light" }, { party: party("greedy") });
    expect((await pool.call({ name: "another's" }, { party: party("other") })).seen.at(-1)).toBe("another's");
    expect(pool.waitingCount).toBe(1);
    company.end("greedy");
    expect((await waiting).seen.at(-1)).toBe("light");
  });

  it("fails what is not done when it is closed", async () => {
    const pool = create(1);
    const calls = [pool.call(held("endless").call, ASKED), pool.call({ name: "waiting" }, ASKED)];
    const settled = Promise.allSettled(calls);
    await pool.close();
    expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(pool.call({ name: "later" }, ASKED)).rejects.toThrow("the threads were ended");
  });
});
