/**
 * One engine process: its life, its frames and its deadlines.
 *
 * The process speaks first (hello). Requests carry ids; replies may come out of order. Whatever goes wrong with it
 * (exit, desync, deadline), it is ended and every pending request fails with one `EngineError` that says why.
 *
 * Until a request settles its bytes are the connection's. Then they are nobody's that can still be read: a reply counts
 * once all of its request was written, and what fails a request closes the pipe first.
 */
import { type AppError, EngineError, type EngineStage } from "../errors.js";
import { FRAME_KIND, type Hello, PROTOCOL, REPLY_BYTES_MAX } from "../generated/contract.js";
import type { Pieces } from "../ports.js";
import type { Child, ProcessCommand, StartChild } from "../start-child.js";
import type { Reply } from "../wasm-module.js";
import { type LogLine, readLog, spawnChild } from "./child.js";
import { createFrameSplitter, DesyncError, emptyFrame, kindOf, requestIdOf, stampRequestId } from "./frame-splitter.js";

/** Reads and writes the frames that Node does not look into. */
export interface FrameCodec {
  encodeLoadHead(requestId: number, loadRequestJson: string, graphBytes: number): Uint8Array;
  decodeReply(frame: Uint8Array): Reply;
}

interface Request {
  /** What it is answered with, where not with an error. */
  readonly reply: "loaded" | "scores" | "pong";
  readonly msMax: number;
  /** The frame in pieces. */
  encode(requestId: number): Uint8Array[];
}

interface Pending {
  readonly reply: Request["reply"];
  readonly timer: NodeJS.Timeout;
  /** Whether all of it has left this process. */
  written: boolean;
  answered: boolean;
  resolve(frame: Uint8Array): void;
  reject(error: AppError): void;
}

const REQUEST_ID_MAX = 0xffff_ffff;
const BROKEN_PIPE_WAIT_MS = 1000;

export class EngineConnection {
  /** Resolves with the first frame; rejects with `engine_unavailable`. */
  readonly hello: Promise<Hello>;
  /** Resolves once the process is gone. */
  readonly ended: Promise<void>;

  readonly #child: Child;
  /** Resolves once its start was heard of, which may be after its first frame. */
  readonly #started: Promise<void>;
  readonly #codec: FrameCodec;
  readonly #lastWords: () => Error;
  readonly #pending = new Map<number, Pending>();
  readonly #outgoing: { readonly pieces: readonly Uint8Array[]; readonly pending: Pending }[] = [];
  #writing = false;
  readonly #helloFrame: { resolve(hello: Hello): void; reject(error: AppError): void };
  #greeted = false;
  #nextRequestId = 1;
  /** How far the process has got with its graph. */
  #stage: EngineStage = "starting";
  /** Why nothing more is sent; null while it lives. */
  #failure: string | null = null;
  #closing = false;

  /**
   * Starts the process; `started` is called with its number before it is asked for anything.
   * @throws EngineError `engine_unavailable` where the system has no room for another one.
   */
  constructor(
    command: ProcessCommand,
    codec: FrameCodec,
    helloMsMax: number,
    log: LogLine,
    start: StartChild = spawnChild,
    started: (pid: number) => void = () => {},
  ) {
    this.#codec = codec;
    this.#child = start(command);
    this.#started = new Promise((resolve) => {
      this.#child.once("spawn", () => {
        const { pid } = this.#child;
        if (pid !== undefined) started(pid);
        resolve();
      });
    });
    this.#lastWords = readLog(this.#child, log);
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

    const split = createFrameSplitter(REPLY_BYTES_MAX, (frame) => this.#receive(frame));
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

  /** Whether it was asked to end, or to finish what it has and end. */
  get isClosing(): boolean {
    return this.#closing;
  }

  /** Of the process, once it has started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks whether anybody is there. A process that does not say so in time is ended. */
  async ping(msMax: number): Promise<void> {
    await this.#send({ reply: "pong", msMax, encode: (id) => [emptyFrame(FRAME_KIND.ping, id)] });
  }

  /** Loads a graph. Resolves with the reply frame. */
  async load(loadRequestJson: string, graph: Pieces, msMax: number): Promise<Uint8Array> {
    const byteLength = graph.reduce((sum, piece) => sum + piece.length, 0);
    const encode = (id: number) => [this.#codec.encodeLoadHead(id, loadRequestJson, byteLength), ...graph];
    const frame = await this.#send({ reply: "loaded", msMax, encode });
    this.#stage = "running";
    return frame;
  }

  /** Sends one infer or tensors frame, whose request id is overwritten. Resolves with the reply frame. */
  infer(frame: Uint8Array, msMax: number): Promise<Uint8Array> {
    const encode = (id: number) => {
      stampRequestId(frame, id);
      return [frame];
    };
    return this.#send({ reply: "scores", msMax, encode });
  }

  /**
   * Lets the process finish what it has, and what is still sent until `sent` resolves, then waits for its end; past
   * `msMax` it is killed.
   */
  async close(msMax: number, sent: Promise<void> = Promise.resolve()): Promise<void> {
    const timer = setTimeout(() => this.#kill(`it did not stop within ${msMax} ms`), msMax);
    await Promise.race([sent, this.ended]);
    this.#closing = true;
    this.#write();
    await this.ended;
    clearTimeout(timer);
  }

  async #send({ reply, msMax, encode }: Request): Promise<Uint8Array> {
    if (!this.alive) throw this.#gone();
    const id = this.#nextRequestId;
    this.#nextRequestId = id === REQUEST_ID_MAX ? 1 : id + 1;
    // First, for it throws where a request fits no frame: nothing may be pending then.
    const pieces = encode(id);
    if (reply === "loaded") this.#stage = "loading";
    const { promise, resolve, reject } = withResolvers<Uint8Array>();
    const timer = setTimeout(() => {
      const detail = `The engine did not answer within ${msMax} ms and was ended.`;
      const error = new EngineError("engine_timeout", this.#stage, detail);
      this.#pending.delete(id);
      this.#kill("another request passed its deadline");
      reject(error);
    }, msMax);
    const pending: Pending = { reply, timer, written: false, answered: false, resolve, reject };
    this.#pending.set(id, pending);
    this.#outgoing.push({ pieces, pending });
    this.#write();
    return await promise;
  }

  /** The one writer: frames go out whole and in order, one at a time, since a stream tells of several together. */
  #write(): void {
    if (this.#writing || this.#failure !== null) return;
    const { stdin } = this.#child;
    const next = this.#outgoing.shift();
    if (next === undefined) {
      if (this.#closing) stdin.end();
      return;
    }
    this.#writing = true;
    const { pieces, pending } = next;
    stdin.cork();
    for (const [index, piece] of pieces.entries()) {
      stdin.write(piece, (error) => {
        if (index < pieces.length - 1 || error) return;
        pending.written = true;
        this.#writing = false;
        this.#write();
      });
    }
    stdin.uncork();
  }

  #receive(frame: Uint8Array): void {
    if (!this.#greeted) {
      this.#greet(frame);
      return;
    }
    const kind = kindOf(frame);
    const id = requestIdOf(frame);
    const pending = this.#pending.get(id);
    const fits = pending !== undefined && (kind === FRAME_KIND[pending.reply] || kind === FRAME_KIND.error);
    if (!fits || pending.answered) {
      this.#kill(`it sent a frame that nobody asked for (kind ${kind}, request ${id})`);
      return;
    }
    pending.answered = true;
    const settle = () => {
      if (!this.#pending.delete(id)) return;
      clearTimeout(pending.timer);
      pending.resolve(frame);
    };
    if (pending.written) {
      settle();
      return;
    }
    // A write that ended in this turn of the event loop is told of before the turn is over.
    setImmediate(() => {
      if (pending.written) settle();
      else if (this.#failure === null) this.#kill("it answered a request that it cannot have read yet");
    });
  }

  #greet(frame: Uint8Array): void {
    const hello = this.#readHello(frame);
    if (hello === null) {
      this.#kill("its first frame is no hello");
    } else if (hello.protocol !== PROTOCOL) {
      this.#kill(`it speaks protocol ${hello.protocol}, this service ${PROTOCOL}`);
    } else {
      this.#greeted = true;
      void this.#started.then(() => this.#helloFrame.resolve(hello));
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
    this.#child.kill("SIGKILL");
    this.#fail(reason);
  }

  /** The first reason counts: what follows from it (such as the exit after a kill) says nothing new. */
  #fail(reason: string): void {
    if (this.#failure !== null) return;
    this.#failure = reason;
    // Closes the pipe at once: from here on nothing reads the bytes of the requests that are failed now.
    this.#child.stdin.destroy();
    const detail = `The engine cannot be started: ${reason}.`;
    this.#helloFrame.reject(new EngineError("engine_unavailable", this.#stage, detail, { cause: this.#lastWords() }));
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#gone());
    }
    this.#pending.clear();
  }

  #gone(): EngineError {
    const detail = `The engine ended before it answered: ${this.#failure ?? "it is closing"}.`;
    return new EngineError("engine_failed", this.#stage, detail, { cause: this.#lastWords() });
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
