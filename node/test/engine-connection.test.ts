import { describe, expect, it } from "vitest";
import { spawnChild } from "../src/engines/child.js";
import { EngineConnection } from "../src/engines/connection.js";
import { loadNativeStart } from "../src/engines/native-child.js";
import type { AppError } from "../src/errors.js";
import type { Child, StartChild } from "../src/start-child.js";
import { codec, fixtureCommand, ignoreLog } from "./support/engines.js";
import { frameOf, scoresOf } from "./support/fake-engine.js";

const MS_MAX = 30_000;
/** More than the system takes before the process reads. */
const LARGE_BYTES = 1_000_000;
/** A value of pixels that is another client's. */
const VICTIM = 7;

function infer(connection: EngineConnection, msMax = MS_MAX): Promise<Uint8Array> {
  return connection.infer(frameOf(4, 0, new Uint8Array(7)), msMax);
}

/** The error of a promise that must fail. */
async function failure(promise: Promise<unknown>): Promise<AppError> {
  return await promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: AppError) => error,
  );
}

const STARTS = { Node: spawnChild, "the addon": await loadNativeStart() };

/** A process whose outputs nobody wants. */
function startAlone(start: StartChild, behaviour: string): Child {
  const child = start(fixtureCommand(behaviour));
  for (const output of [child.stdout, child.stderr]) output.resume();
  return child;
}

it("nobody waits for a process that the addon starts", async () => {
  const child = startAlone(STARTS["the addon"], "answers");
  expect(child.pid).toBeUndefined();
  await new Promise<void>((resolve) => child.once("spawn", resolve));
  expect(child.pid).toBeGreaterThan(0);
  child.stdin.end();
  await new Promise((resolve) => child.once("close", resolve));
});

describe.each(Object.entries(STARTS))("a connection to an engine process that %s starts", (_starter, start) => {
  function connect(behaviour: string, options: { helloMsMax?: number; lines?: string[] } = {}): EngineConnection {
    const log = options.lines === undefined ? ignoreLog : (_pid: number, line: string) => options.lines?.push(line);
    return new EngineConnection(fixtureCommand(behaviour), codec(), options.helloMsMax ?? MS_MAX, log, start);
  }

  it("answers requests, and ends with stdin", async () => {
    const connection = connect("answers");
    expect((await connection.hello).engine).toBe("fixture");
    expect(scoresOf(await infer(connection))).toEqual([0.25, 0.75]);
    await connection.close(MS_MAX);
    expect(connection.alive).toBe(false);
    expect((await failure(infer(connection))).code).toBe("engine_failed");
  });

  it("ends one that is not wanted any more before it has started", async () => {
    const child = startAlone(start, "ignores-stdin-end");
    expect(child.kill("SIGKILL")).toBe(true);
    const end = await new Promise((resolve) => child.once("close", (...how) => resolve(how)));
    expect(end).toEqual([null, "SIGKILL"]);
    expect(child.kill("SIGKILL")).toBe(false);
  });

  it("is told of its number before it is asked for anything", async () => {
    const told: string[] = [];
    const command = fixtureCommand("answers");
    const connection = new EngineConnection(command, codec(), MS_MAX, ignoreLog, start, (pid) => {
      told.push(`started ${pid}`);
    });
    await connection.hello.then(() => told.push("hello"));
    expect(told).toEqual([`started ${connection.pid}`, "hello"]);
    await connection.close(MS_MAX);
  });

  it("takes no harm from a load that cannot be written as a frame", async () => {
    const connection = connect("answers");
    await connection.hello;
    const load = connection.load("no JSON", [new Uint8Array(1)], MS_MAX);
    await expect(load).rejects.toThrow("the load request cannot be read");
    expect(scoresOf(await infer(connection))).toEqual([0.25, 0.75]);
    // Nothing of it is pending: a rejection that nobody waits for would end the service.
    await connection.close(MS_MAX);
  });

  it("gives replies that come out of order to those who asked", async () => {
    const connection = connect("answers-in-reverse");
    await connection.hello;
    const frames = [0, 1, 2].map(() => frameOf(4, 0, new Uint8Array(7)));
    const replies = await Promise.all(frames.map((frame) => connection.infer(frame, MS_MAX)));
    for (const [index, reply] of replies.entries()) {
      expect(reply.slice(5, 9)).toEqual(frames[index]?.slice(5, 9));
    }
    await connection.close(MS_MAX);
  });

  it("keeps no frame that was answered, however often it had to wait for the process to read", async () => {
    const warnings: Error[] = [];
    const collect = (warning: Error) => warnings.push(warning);
    process.on("warning", collect);
    const connection = connect("answers");
    await connection.hello;
    // More than a stream takes at once, so that each is waited for.
    for (let count = 0; count < 30; count += 1) {
      await connection.infer(frameOf(4, 0, new Uint8Array(100_000)), MS_MAX);
    }
    await connection.close(MS_MAX);
    process.off("warning", collect);
    expect(warnings.filter(({ name }) => name === "MaxListenersExceededWarning")).toEqual([]);
  });

  it("sends what it was given before it closes", async () => {
    const connection = connect("slow-reader");
    await connection.hello;
    // More than the system takes on its way together, so that most of it is still here.
    const frames = Array.from({ length: 4 }, () => frameOf(4, 0, new Uint8Array(LARGE_BYTES)));
    const replies = Promise.all(frames.map((frame) => connection.infer(frame, MS_MAX)));
    await connection.close(MS_MAX);
    expect(await replies).toHaveLength(4);
  });

  it("answers a request once all of it was written", async () => {
    const connection = connect("slow-reader");
    await connection.hello;
    const frame = frameOf(4, 0, new Uint8Array(LARGE_BYTES));
    expect(scoresOf(await connection.infer(frame, MS_MAX))).toEqual([0.25, 0.75]);
    await connection.close(MS_MAX);
  });

  it("ends a process that answers what it cannot have read, and shows it nothing of what comes into that memory", async () => {
    const lines: string[] = [];
    const connection = connect("answers-early", { lines });
    await connection.hello;
    const frame = frameOf(4, 0, new Uint8Array(LARGE_BYTES).fill(1));
    const error = await failure(connection.infer(frame, MS_MAX));
    expect(error.code).toBe("engine_failed");
    expect(error.message).toMatch(/answered a request that it cannot have read yet/);
    frame.fill(VICTIM);
    await connection.ended;
    expect(lines.flatMap((line) => JSON.parse(line))).not.toContain(VICTIM);
  });

  it("reads nothing of a request any more once that has failed", async () => {
    const lines: string[] = [];
    const connection = connect("reads-on", { lines });
    await connection.hello;
    const frame = frameOf(4, 0, new Uint8Array(LARGE_BYTES).fill(1));
    expect((await failure(connection.infer(frame, 50))).code).toBe("engine_timeout");
    frame.fill(VICTIM);
    await connection.ended;
    expect(lines.flatMap((line) => JSON.parse(line))).not.toContain(VICTIM);
  });

  it("hears of a process that is there, and ends one that is stopped", async () => {
    const connection = connect("answers");
    await connection.hello;
    await connection.ping(MS_MAX);
    process.kill(connection.pid ?? 0, "SIGSTOP");
    expect((await failure(connection.ping(200))).code).toBe("engine_timeout");
    await connection.ended;
    expect(connection.alive).toBe(false);
  });

  it("waits for a process that reads slowly, and loses nothing", async () => {
    const connection = connect("slow-reader");
    await connection.hello;
    const frames = Array.from({ length: 40 }, () => frameOf(4, 0, new Uint8Array(200_000)));
    const replies = await Promise.all(frames.map((frame) => connection.infer(frame, MS_MAX)));
    expect(replies).toHaveLength(40);
    await connection.close(MS_MAX);
  });

  it.each([
    ["says-nothing", /within 300 ms/, 300],
    ["wrong-protocol", /speaks protocol 99, this service 2/, MS_MAX],
    ["garbage-first", /bytes that are no frame/, MS_MAX],
    ["exits-first", /exited with code 1/, MS_MAX],
  ])("a process that %s is engine_unavailable", async (behaviour, message, helloMsMax) => {
    const connection = connect(behaviour, { helloMsMax });
    const error = await failure(connection.hello);
    expect(error.code).toBe("engine_unavailable");
    expect(error.message).toMatch(message);
    await connection.ended;
  });

  it("a missing executable is engine_unavailable", async () => {
    const command = { path: "/nowhere/menagerie-engine", args: [], environment: {} };
    const connection = new EngineConnection(command, codec(), MS_MAX, ignoreLog, start);
    expect((await failure(connection.hello)).message).toMatch(/could not be started/);
    await connection.ended;
  });

  it.each([
    ["dies-on-infer", /ended by SIGKILL/],
    ["exits-on-infer", /exited with code 3/],
    ["writes-garbage", /bytes that are no frame/],
    ["answers-another", /a frame that nobody asked for/],
    ["answers-a-load", /a frame that nobody asked for/],
    ["long-reply", /bytes that are no frame: a frame of 16777217 bytes/],
  ])("when a process %s, everything pending fails with engine_failed and the reason", async (behaviour, message) => {
    const connection = connect(behaviour);
    await connection.hello;
    const errors = await Promise.all([failure(infer(connection)), failure(infer(connection))]);
    for (const error of errors) {
      expect(error.code).toBe("engine_failed");
      expect(error.message).toMatch(message);
    }
    await connection.ended;
    expect(connection.alive).toBe(false);
  });

  it("keeps the process's last words for the operator, not for the client", async () => {
    const connection = connect("exits-on-infer");
    await connection.hello;
    const error = await failure(infer(connection));
    expect(error.message).not.toMatch(/out of memory/);
    expect(String(error.cause)).toMatch(/out of memory, says the fixture/);
    await connection.ended;
  });

  it("a request past its deadline is engine_timeout, and the process is ended", async () => {
    const connection = connect("never-answers");
    await connection.hello;
    const patient = failure(infer(connection));
    const hasty = await failure(infer(connection, 100));
    expect(hasty.code).toBe("engine_timeout");
    expect((await patient).message).toMatch(/another request passed its deadline/);
    await connection.ended;
  });

  it("kills a process that does not stop", async () => {
    const connection = connect("ignores-stdin-end");
    await connection.hello;
    await connection.close(200);
    expect(connection.alive).toBe(false);
  });

  it("hands nothing of its own environment on", async () => {
    const lines: string[] = [];
    const connection = connect("environment", { lines });
    await connection.hello;
    await connection.close(MS_MAX);
    expect(JSON.parse(lines[0] ?? "")).toEqual({ environment: {} });
  });
});
