/** Calls of worker threads: their order, their end, and what a thread's death costs. */
import { afterEach, describe, expect, it } from "vitest";
import { WorkerPool } from "../src/images/worker-pool.js";

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

function create(threadsMax: number): WorkerPool<Call, Reply> {
  const pool = new WorkerPool<Call, Reply>(new URL("./fixtures/pool-worker.mjs", import.meta.url), threadsMax);
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
      pool.call(first.call),
      pool.call({ name: "second" }),
      pool.call({ name: "third" }),
      pool.call({ name: "urgent" }, { urgent: true }),
    ];
    first.release();
    const replies = await Promise.all(calls);
    expect(replies.map(({ seen }) => seen.at(-1))).toEqual(["first", "second", "third", "urgent"]);
    expect(replies[2]?.seen).toEqual(["first", "urgent", "second", "third"]);
  });

  it("makes as many at once as it has threads", async () => {
    const pool = create(2);
    const [one, other] = [held("one"), held("other")];
    const calls = [pool.call(one.call), pool.call(other.call)];
    other.release();
    expect((await calls[1])?.seen).toEqual(["other"]);
    one.release();
    expect((await calls[0])?.seen).toEqual(["one"]);
  });

  it("gives memory away with a call", async () => {
    const bytes = new Uint8Array(1000);
    const reply = await create(1).call({ name: "bytes", bytes }, { transfer: [bytes.buffer] });
    expect([reply.bytes, bytes.length]).toEqual([1000, 0]);
  });

  it.each([
    ["throws", "throw", "thrown on purpose"],
    ["exits", "exit", "a worker thread ended with code 3"],
  ])("replaces a thread that %s, which fails its own call alone", async (_what, name, message) => {
    const pool = create(1);
    const outcomes = await Promise.allSettled([
      pool.call({ name: "before" }),
      pool.call({ name }),
      pool.call({ name: "after" }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: { message } });
    expect(outcomes[2]).toMatchObject({ value: { seen: ["after"] } });
  });

  it("fails a call that cannot be sent, and keeps its thread", async () => {
    const pool = create(1);
    const unsendable = { name: "function", bytes: (() => {}) as unknown as Uint8Array };
    await expect(pool.call(unsendable)).rejects.toThrow("could not be cloned");
    expect((await pool.call({ name: "next" })).seen).toEqual(["next"]);
  });

  it("takes a call out of the queue when its signal aborts", async () => {
    const pool = create(1);
    const first = held("first");
    const controller = new AbortController();
    const calls = [pool.call(first.call), pool.call({ name: "cancelled" }, { signal: controller.signal })];
    controller.abort(new Error("too late"));
    await expect(calls[1]).rejects.toThrow("too late");
    first.release();
    await calls[0];
    expect((await pool.call({ name: "last" })).seen).toEqual(["first", "last"]);
  });

  it("ends the thread of a call whose signal aborts, and starts another", async () => {
    const pool = create(1);
    const controller = new AbortController();
    const endless = pool.call(held("endless").call, { signal: controller.signal });
    controller.abort(new Error("too late"));
    await expect(endless).rejects.toThrow("too late");
    expect((await pool.call({ name: "next" })).seen).toEqual(["next"]);
    await expect(pool.call({ name: "x" }, { signal: controller.signal })).rejects.toThrow("too late");
  });

  it("fails what is not done when it is closed", async () => {
    const pool = create(1);
    const calls = [pool.call(held("endless").call), pool.call({ name: "waiting" })];
    const settled = Promise.allSettled(calls);
    await pool.close();
    expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(pool.call({ name: "later" })).rejects.toThrow("the threads were ended");
  });
});
