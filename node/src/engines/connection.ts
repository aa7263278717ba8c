/**
 * One engine process: its life, its frames and its deadlines.
 *
 * The process speaks first (hello). Requests carry ids; replies may come out of order. Whatever goes wrong with it
 * (exit, desync, deadline), it is ended and every pending request fails with one `AppError` that says why.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { AppError } from "../errors.js";
import { FRAME_BYTES_MAX, FRAME_KIND, type Hello, PROTOCOL } from "../generated/contract.js";
import type { Pieces } from "../ports.js";
import type { Reply } from "../wasm-module.js";
import { createFrameSplitter, DesyncError, kindOf, requestIdOf, stampRequestId } from "./frame-splitter.js";

/** Reads and writes the frames that Node does not look into. */
export interface FrameCodec {
  encodeLoadHead(requestId: number, loadRequestJson: string, graphBytes: number): Uint8Array;
  decodeReply(frame: Uint8Array): Reply;
}

/** How an engine process is started. */
export interface EngineCommand {
  readonly path: string;
  readonly args: readonly string[];
  /** The whole environment of the process: nothing of the service's own is handed on. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A line that the process wrote on stderr. */
export type LogLine = (pid: number, line: string) => void;

interface Pending {
  resolve(frame: Uint8Array): void;
  reject(error: AppError): void;
  readonly timer: NodeJS.Timeout;
}

const REQUEST_ID_MAX = 0xffff_ffff;
const LOG_LINE_CHARS_MAX = 4096;
const BROKEN_PIPE_WAIT_MS = 1000;

export class EngineConnection {
  /** Resolves with the first frame; rejects with `engine_unavailable`. */
  readonly hello: Promise<Hello>;
  /** Resolves once the process is gone. */
  readonly ended: Promise<void>;

  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #codec: FrameCodec;
  readonly #pending = new Map<number, Pending>();
  readonly #helloFrame: { resolve(hello: Hello): void; reject(error: AppError): void };
  #greeted = false;
  #nextRequestId = 1;
  /** Why nothing more is sent; null while it lives. */
  #failure: string | null = null;
  #closing = false;
  #lastLogLine = "";
  #drained: Promise<void> | null = null;

  constructor(command: EngineCommand, codec: FrameCodec, helloMsMax: number, log: LogLine) {
    this.#codec = codec;
    this.#child = spawn(command.path, command.args, {
      cwd: "/",
      env: command.environment,
      // A session of its own: Ctrl-C in a terminal reaches the service, which lets the engine finish.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { promise, ...settle } = withResolvers<Hello>();
    this.#helloFrame = settle;
    this.hello = promise;
    // A spare that fails before anyone waits for it is no unhandled rejection: whoever takes it sees the failure.
    this.hello.catch(() => {});

    const helloTimer = setTimeout(() => this.#kill(`it did not say hello within ${helloMsMax} ms`), helloMsMax);
    this.hello.then(
      () => clearTimeout(helloTimer),
      () => clearTimeout(helloTimer),
    );

    const split = createFrameSplitter(FRAME_BYTES_MAX, (frame) => this.#receive(frame));
    this.#child.stdout.on("data", (chunk: Buffer) => {
      if (this.#failure !== null) return;
      try {
        split(chunk);
      } catch (error) {
        if (!(error instanceof DesyncError)) throw error;
        this.#kill(`it wrote bytes that are no frame: ${error.message}`);
      }
    });
    this.#child.stdin.on("error", (error) => {
      // Mostly the process is ending, and its end says more than the broken pipe.
      setTimeout(() => this.#kill(`its stdin broke: ${error.message}`), BROKEN_PIPE_WAIT_MS).unref();
    });
    this.#readLog(log);

    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#fail(`it could not be started: ${error.message}`);
        resolve();
      });
      this.#child.once("close", (code, signal) => {
        this.#fail(signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`);
        resolve();
      });
    });
  }

  /** Whether it takes requests. */
  get alive(): boolean {
    return this.#failure === null && !this.#closing;
  }

  /** Whether it ended, or was ended, for a reason of its own. */
  get dead(): boolean {
    return this.#failure !== null;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Loads a graph. Resolves with the reply frame. */
  load(loadRequestJson: string, graph: Pieces, msMax: number): Promise<Uint8Array> {
    const byteLength = graph.reduce((sum, piece) => sum + piece.length, 0);
    return this.#send((id) => [this.#codec.encodeLoadHead(id, loadRequestJson, byteLength), ...graph], msMax);
  }

  /** Sends one infer frame, whose request id is overwritten. Resolves with the reply frame. */
  infer(frame: Uint8Array, msMax: number): Promise<Uint8Array> {
    return this.#send((id) => {
      stampRequestId(frame, id);
      return [frame];
    }, msMax);
  }

  /** Lets the process finish what it has, then waits for its end; past `msMax` it is killed. */
  async close(msMax: number): Promise<void> {
    this.#closing = true;
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#kill(`it did not stop within ${msMax} ms`), msMax);
    await this.ended;
    clearTimeout(timer);
  }

  #send(encode: (requestId: number) => Uint8Array[], msMax: number): Promise<Uint8Array> {
    if (!this.alive) return Promise.reject(this.#gone());
    const id = this.#nextRequestId;
    this.#nextRequestId = id === REQUEST_ID_MAX ? 1 : id + 1;
    // First, for it throws where a request fits no frame: nothing may be pending then.
    const chunks = encode(id);
    const { promise, resolve, reject } = withResolvers<Uint8Array>();
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      reject(new AppError("engine_timeout", `The engine did not answer within ${msMax} ms and was ended.`));
      this.#kill("another request passed its deadline");
    }, msMax);
    this.#pending.set(id, { resolve, reject, timer });
    this.#write(chunks);
    return promise;
  }

  /** The one writer: frames go out whole and in order, and not faster than the process reads. */
  #write(chunks: Uint8Array[]): void {
    if (this.#drained !== null) {
      this.#drained.then(() => this.#write(chunks));
      return;
    }
    if (this.#failure !== null) return;
    const stdin = this.#child.stdin;
    stdin.cork();
    let flowing = true;
    for (const chunk of chunks) flowing = stdin.write(chunk);
    stdin.uncork();
    if (flowing) return;
    this.#drained = new Promise((resolve) => {
      const resume = () => {
        // A listener that stayed would keep its frame for as long as the process lives.
        stdin.off("drain", resume).off("close", resume);
        this.#drained = null;
        resolve();
      };
      stdin.on("drain", resume).on("close", resume);
    });
  }

  #receive(frame: Uint8Array): void {
    if (!this.#greeted) {
      this.#greet(frame);
      return;
    }
    const kind = kindOf(frame);
    const pending = this.#pending.get(requestIdOf(frame));
    const isReply = kind === FRAME_KIND.scores || kind === FRAME_KIND.loaded || kind === FRAME_KIND.error;
    if (pending === undefined || !isReply) {
      this.#kill(`it sent a frame that nobody asked for (kind ${kind}, request ${requestIdOf(frame)})`);
      return;
    }
    this.#pending.delete(requestIdOf(frame));
    clearTimeout(pending.timer);
    pending.resolve(frame);
  }

  #greet(frame: Uint8Array): void {
    const hello = this.#readHello(frame);
    if (hello === null) {
      this.#kill("its first frame is no hello");
    } else if (hello.protocol !== PROTOCOL) {
      this.#kill(`it speaks protocol ${hello.protocol}, this service ${PROTOCOL}`);
    } else {
      this.#greeted = true;
      this.#helloFrame.resolve(hello);
    }
  }

  #readHello(frame: Uint8Array): Hello | null {
    if (kindOf(frame) !== FRAME_KIND.hello) return null;
    try {
      const reply = this.#codec.decodeReply(frame);
      return reply.kind === "hello" ? reply.hello : null;
    } catch {
      return null;
    }
  }

  #kill(reason: string): void {
    this.#fail(reason);
    this.#child.kill("SIGKILL");
  }

  /** The first reason counts: what follows from it (such as the exit after a kill) says nothing new. */
  #fail(reason: string): void {
    if (this.#failure !== null) return;
    this.#failure = reason;
    this.#helloFrame.reject(
      new AppError("engine_unavailable", `The engine cannot be started: ${reason}.`, { cause: this.#lastWords() }),
    );
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#gone());
    }
    this.#pending.clear();
  }

  #gone(): AppError {
    return new AppError("engine_failed", `The engine ended before it answered: ${this.#failure ?? "it is closing"}.`, {
      cause: this.#lastWords(),
    });
  }

  /** For the operator's log; clients do not see it. */
  #lastWords(): Error {
    return new Error(this.#lastLogLine === "" ? "it wrote nothing on stderr" : sayingOf(this.#lastLogLine));
  }

  #readLog(log: LogLine): void {
    let rest = "";
    this.#child.stderr.setEncoding("utf8");
    this.#child.stderr.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = (lines.pop() ?? "").slice(0, LOG_LINE_CHARS_MAX);
      for (const line of lines) {
        if (line.trim() === "") continue;
        this.#lastLogLine = line.slice(0, LOG_LINE_CHARS_MAX);
        log(this.#child.pid ?? 0, this.#lastLogLine);
      }
    });
  }
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

function withResolvers<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: AppError): void } {
  let settle: { resolve(value: T): void; reject(error: AppError): void } | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new Error("a Promise runs its executor at once");
  return { promise, ...settle };
}
