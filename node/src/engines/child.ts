/** The operating system's side of an engine process: how it is started, and what it says on stderr. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { EngineError, messageOf } from "../errors.js";

/** How an engine process is started. */
export interface EngineCommand {
  readonly path: string;
  readonly args: readonly string[];
  /** The whole environment of the process: nothing of the service's own is handed on. */
  readonly environment: Readonly<Record<string, string>>;
  /** Folder that it is started in; `/` where it is absent. */
  readonly folder?: string;
}

/** A line that the process wrote on stderr. */
export type LogLine = (pid: number, line: string) => void;

/** A process with its pipes. */
export interface Child {
  readonly pid?: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  kill(signal: NodeJS.Signals): boolean;
  /** It could not be started. */
  once(event: "error", listener: (error: Error) => void): unknown;
  /** It has ended, and all that it wrote was read. */
  once(event: "close", listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
}

/**
 * Starts a process. What keeps a program from being run (it is not there, say) comes as an `error` event.
 * @throws EngineError `engine_unavailable` where the system has no memory or descriptors for another process.
 */
export type StartChild = (command: EngineCommand) => Child;

const LOG_LINE_CHARS_MAX = 4096;

/** By Node, whose `spawn` holds the main thread up while the kernel copies the page tables of all its memory. */
export const spawnChild: StartChild = ({ path, args, environment, folder = "/" }) => {
  let child: ChildProcess;
  try {
    child = spawn(path, args, {
      cwd: folder,
      env: environment,
      // A session of its own: Ctrl-C in a terminal reaches the service, which lets the engine finish.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
  } catch (error) {
    throw unavailable(messageOf(error), error);
  }
  if (hasPipes(child)) return child;
  // Node makes no pipes once there are no descriptors, and tells why in an event.
  child.on("error", () => {});
  throw unavailable("this system has no descriptors left for another process");
};

/** Hands on each line, and remembers the last one: its message is for the operator's log, clients do not see it. */
export function readLog(child: Child, log: LogLine): () => Error {
  let rest = "";
  let last = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, LOG_LINE_CHARS_MAX);
    for (const line of lines) {
      if (line.trim() === "") continue;
      last = line.slice(0, LOG_LINE_CHARS_MAX);
      log(child.pid ?? 0, last);
    }
  });
  return () => new Error(last === "" ? "it wrote nothing on stderr" : sayingOf(last));
}

/** The types say that they are always there. */
function hasPipes(child: ChildProcess): child is ChildProcess & Child {
  return [child.stdin, child.stdout, child.stderr].every((pipe) => pipe instanceof Object);
}

function unavailable(reason: string, cause?: unknown): EngineError {
  return new EngineError("engine_unavailable", "starting", `The engine cannot be started: ${reason}.`, { cause });
}

/** The message of a JSON log line; any other line as it is. */
function sayingOf(line: string): string {
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown };
    return typeof msg === "string" ? msg : line;
  } catch {
    return line;
  }
}
