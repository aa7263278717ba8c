/**
 * Processes that the addon starts. It shares this process's memory with the new one until its program runs, where Node's
 * `spawn` forks: the kernel then copies the page tables of all that the service has in memory, some 60 ms for each GiB,
 * in which nothing is answered.
 */
import { EventEmitter } from "node:events";
import { Socket } from "node:net";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { type Child, type EngineCommand, type StartChild, spawnChild } from "./child.js";

/** What `@menagerie/native` exports for this; the types stand here so that this room compiles before it is built. */
interface Addon {
  startProcess(command: Required<EngineCommand>, onEnd: (end: ProcessEnd) => void): StartedProcess;
}

interface StartedProcess {
  readonly pid: number;
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

interface ProcessEnd {
  readonly code?: number | null;
  readonly signal?: number | null;
}

const PACKAGE = "@menagerie/native";

/** Names of signals by their numbers on this system. */
const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]));

/** Rejects where the addon is not there. What it cannot start is left to Node, which says why. */
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
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #outputs: Promise<unknown>;
  #running = true;

  constructor(addon: Addon, { path, args, environment, folder = "/" }: EngineCommand) {
    super();
    const started = addon.startProcess({ path, args, environment, folder }, (end) => void this.#end(end));
    this.pid = started.pid;
    this.stdin = new Socket({ fd: started.stdin, readable: false, writable: true });
    this.stdout = new Socket({ fd: started.stdout, readable: true, writable: false });
    this.stderr = new Socket({ fd: started.stderr, readable: true, writable: false });
    this.#outputs = Promise.all([this.stdout, this.stderr].map(closed));
  }

  /** Whether there was still a process to send it to. */
  kill(signal: NodeJS.Signals): boolean {
    try {
      return this.#running && process.kill(this.pid, signal);
    } catch {
      return false;
    }
  }

  async #end({ code = null, signal }: ProcessEnd): Promise<void> {
    this.#running = false;
    this.stdin.destroy();
    await this.#outputs;
    this.emit("close", code, SIGNALS.get(signal ?? 0) ?? null);
  }
}

function closed(output: Readable): Promise<void> {
  // What breaks an output closes it too.
  output.on("error", () => {});
  return new Promise((resolve) => output.once("close", resolve));
}
