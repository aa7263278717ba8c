/** How processes are started: the port between those who start some and what starts them. */
import type { Readable, Writable } from "node:stream";

/** How a process is started. */
export interface ProcessCommand {
  readonly path: string;
  readonly args: readonly string[];
  /** The whole environment of the process: nothing of the service's own is handed on. */
  readonly environment: Readonly<Record<string, string>>;
  /** Folder that it is started in; `/` where it is absent. */
  readonly folder?: string;
}

/** A process with its pipes. */
export interface Child {
  /** Its number, once it has started. */
  readonly pid?: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  kill(signal: NodeJS.Signals): boolean;
  /** It has started. */
  once(event: "spawn", listener: () => void): unknown;
  /** It could not be started. */
  once(event: "error", listener: (error: Error) => void): unknown;
  /** It has ended, and all that it wrote was read. */
  once(event: "close", listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
}

/**
 * Starts a process. What keeps a program from being run (it is not there, say) comes as an `error` event.
 * @throws EngineError `engine_unavailable` where the system has no memory or descriptors for another process.
 */
export type StartChild = (command: ProcessCommand) => Child;
