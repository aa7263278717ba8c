/**
 * Processes that the addon starts, on a thread of its own. It shares this process's memory with the new one until its
 * program runs, where Node's `spawn` forks: the kernel then copies the page tables of all that the service has in memory,
 * some 60 ms for each GiB, in which nothing is answered.
 */
import { EventEmitter } from "node:events";
import { Socket } from "node:net";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import type { Child, ProcessCommand, StartChild } from "../start-child.js";
import { spawnChild } from "./child.js";

/** What `@menagerie/native` exports for this; the types stand here so that this room compiles before it is built. */
interface Addon {
  startProcess(command: Required<ProcessCommand>, onNews: (news: ProcessNews) => void): ProcessStreams;
}

interface ProcessStreams {
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

/** Its `pid` or the `problem` that kept it from starting, and later how it ended. */
interface ProcessNews {
  readonly pid?: number | null;
  readonly problem?: string | null;
  readonly code?: number | null;
  readonly signal?: number | null;
}

const PACKAGE = "@menagerie/native";

/** Names of signals by their numbers on this system. */
const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]));

/** Rejects where the addon is not there. Where it has no room for another process, Node says why. */
export async function loadNativeStart(): Promise<StartChild> {
  const { default: addon } = (await import(PACKAGE)) as { default: Addon };
  return (command) => {
    try {
      return new NativeChild(addon, command);
    } catch {
      return spawnChild(command);
    }
  };
}

class NativeChild extends EventEmitter implements Child {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #outputs: Promise<unknown>;
  #pid: number | undefined;
  #state: "starting" | "running" | "ended" = "starting";
  /** What was sent to it before it had started. */
  #early: NodeJS.Signals | null = null;

  constructor(addon: Addon, { path, args, environment, folder = "/" }: ProcessCommand) {
    super();
    const streams = addon.startProcess({ path, args, environment, folder }, (news) => this.#hear(news));
    this.stdin = new Socket({ fd: streams.stdin, readable: false, writable: true });
    this.stdout = new Socket({ fd: streams.stdout, readable: true, writable: false });
    this.stderr = new Socket({ fd: streams.stderr, readable: true, writable: false });
    this.#outputs = Promise.all([this.stdout, this.stderr].map(closed));
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  /** Whether there was still a process to send it to, or will be one. */
  kill(signal: NodeJS.Signals): boolean {
    if (this.#state === "starting") this.#early = signal;
    if (this.#pid === undefined) return this.#state === "starting";
    try {
      return this.#state === "running" && process.kill(this.#pid, signal);
    } catch {
      return false;
    }
  }

  #hear({ pid, problem, code = null, signal }: ProcessNews): void {
    if (typeof pid === "number") this.#begin(pid);
    else if (typeof problem === "string") this.#fail(problem);
    else void this.#end(code, SIGNALS.get(signal ?? 0) ?? null);
  }

  #begin(pid: number): void {
    this.#pid = pid;
    this.#state = "running";
    this.emit("spawn");
    if (this.#early !== null) this.kill(this.#early);
  }

  #fail(problem: string): void {
    this.#state = "ended";
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.destroy();
    this.emit("error", new Error(problem));
  }

  async #end(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    this.#state = "ended";
    this.stdin.destroy();
    await this.#outputs;
    this.emit("close", code, signal);
  }
}

function closed(output: Readable): Promise<void> {
  // What breaks an output closes it too.
  output.on("error", () => {});
  return new Promise((resolve) => output.once("close", resolve));
}
