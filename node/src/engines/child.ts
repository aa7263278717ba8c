/** The operating system's side of an engine process: how it is started, and what it says on stderr. */
import { type ChildProcess, spawn } from "node:child_process";
import { EngineError, messageOf } from "../errors.js";
import type { Child, StartChild } from "../start-child.js";

/** A line that the process wrote on stderr. */
export type LogLine = (pid: number, line: string) => void;

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
