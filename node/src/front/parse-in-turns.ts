/**
 * Small pieces of what was read of a connection, parsed in turns of the event loop. Node parses all that it has read at
 * once, 64 KiB, with a call for each chunk of a body: of chunks of one byte that is 11,000 calls, in which nothing else
 * runs, and how small chunks are is the client's choice. Chunks that nobody has taken yet have no others parsed behind them: each
 * is an object of a hundred times its byte. A body whose length is declared has no chunks of its own, and is parsed as it comes.
 * What the connections of one address have beyond its part of the time waits, but for bodies that have begun: those have the turns
 * that are left. What comes once the connection is closed for writing is for nothing, and not parsed.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { CallerOf } from "./caller.js";
import type { ReadingTurns } from "./reading-turns.js";
import type { TurnShare, TurnShares } from "./turn-shares.js";

/** Of a head mostly, and of chunks of one byte those that take a third of a millisecond. */
const PIECE_BYTES_FIRST = 1024;
const PIECE_BYTES_MIN = 512;
/** Of chunks of one byte two or three milliseconds: those before may have been larger. */
const PIECE_BYTES_MAX = 8 * 1024;
/** Pieces grow while they take less, and shrink where they take more; a turn is for as many as take no longer. */
const PIECE_MS = { least: 0.05, most: 0.2 };
/** To open a connection and to close it, whatever it asks. */
const CONNECTION_MS = 0.1;

/** To be called before the server listens. */
export function parseInTurns(
  server: Server,
  callerOf: CallerOf,
  turns: Pick<ReadingTurns, "wait">,
  shares: TurnShares,
  now: () => number = () => performance.now(),
): void {
  const connections = new WeakMap<Socket, Connection>();
  server.on("connection", (socket) => {
    const { name: caller } = callerOf({ headers: {}, socket });
    const share = shares.of(caller);
    share.spend(CONNECTION_MS);
    const turn = (isLeft: () => boolean) => turns.wait({ caller, request: socket }, isLeft);
    connections.set(socket, new Connection(socket, turn, share, now));
  });
  server.on("request", (request) => connections.get(request.socket)?.begin(request));
}

class Connection {
  readonly #socket: Socket;
  readonly #turn: (isLeft: () => boolean) => Promise<void>;
  readonly #share: TurnShare;
  readonly #now: () => number;
  /** What Node does with what comes. */
  readonly #parse: (chunk: Buffer) => void;
  /** Whose body comes, or came last. */
  #request: IncomingMessage | null = null;
  /** What is to come of a body whose length is known. */
  #bodyBytes = 0;
  #pieceBytes = PIECE_BYTES_FIRST;
  #hasBegun = false;
  /** What was read and not parsed; nothing is read meanwhile. */
  #rest: Buffer | null = null;
  /** Whether Node has stopped reading, which it does as bodies and answers are taken; it is to be handed nothing then. */
  #isStopped = false;
  #isWaiting = false;

  constructor(socket: Socket, turn: (isLeft: () => boolean) => Promise<void>, share: TurnShare, now: () => number) {
    this.#socket = socket;
    this.#turn = turn;
    this.#share = share;
    this.#now = now;
    const listeners = socket.listeners("data") as ((chunk: Buffer) => void)[];
    this.#parse = (chunk) => {
      for (const listener of listeners) listener.call(socket, chunk);
    };
    for (const listener of listeners) socket.off("data", listener);
    socket.on("data", (chunk: Buffer) => {
      if (socket.writableEnded) return;
      const rest = share.isLeft() ? this.#parsePieces(chunk) : chunk;
      if (rest !== null && !socket.destroyed) this.#hold(rest);
    });
  }

  begin(request: IncomingMessage): void {
    this.#request = request;
    this.#bodyBytes = Number(request.headers["content-length"] ?? 0);
    this.#hasBegun = true;
  }

  #hold(rest: Buffer): void {
    const socket = this.#socket;
    this.#rest = rest;
    this.#isStopped = socket.isPaused();
    socket.pause();
    socket.pause = () => {
      this.#isStopped = true;
      return socket;
    };
    socket.resume = () => {
      this.#isStopped = false;
      this.#waitForTurn();
      return socket;
    };
    this.#waitForTurn();
  }

  #waitForTurn(): void {
    if (this.#isWaiting || this.#isStopped) return;
    this.#isWaiting = true;
    void this.#untilTaken()
      .then(() => this.#turn(() => this.#isInBody() || this.#share.isLeft()))
      .then(() => {
        this.#isWaiting = false;
        if (this.#rest === null || this.#isStopped || this.#socket.destroyed) return;
        this.#rest = this.#socket.writableEnded ? null : this.#parsePieces(this.#rest);
        if (this.#rest === null) this.#release();
        else this.#waitForTurn();
      });
  }

  /** Resolves once what was parsed of a body is taken, or is for nobody. */
  async #untilTaken(): Promise<void> {
    const request = this.#request;
    // A stream that gives what it has asks for more first.
    await Promise.resolve();
    while (request !== null && !this.#isTaken()) {
      await new Promise<void>((resolve) => {
        const go = () => {
          request.off("resume", go).off("close", go);
          resolve();
        };
        request.on("resume", go).on("close", go);
      });
    }
  }

  #release(): void {
    Reflect.deleteProperty(this.#socket, "pause");
    Reflect.deleteProperty(this.#socket, "resume");
    if (!this.#isStopped) this.#socket.resume();
  }

  /** Parses pieces, and what is known to follow of a body, for as long as a piece may take; gives what is left. */
  #parsePieces(chunk: Buffer): Buffer | null {
    const end = this.#now() + PIECE_MS.most;
    let rest: Buffer | null = chunk;
    do {
      rest = this.#parsePiece(rest, this.#pieceBytes);
      if (rest !== null && this.#bodyBytes > 0 && this.#takesMore()) rest = this.#parsePiece(rest, 0);
    } while (rest !== null && this.#takesMore() && this.#isTaken() && this.#now() < end);
    return rest;
  }

  /** Little follows of a piece of a body: those that wait have the turns that are left, and delay what else the address asks no further. */
  #isInBody(): boolean {
    return this.#request !== null && !this.#request.complete;
  }

  #takesMore(): boolean {
    return !(this.#rest === null ? this.#socket.isPaused() : this.#isStopped);
  }

  /** Whether nothing that was parsed of a body still waits to be taken. */
  #isTaken(): boolean {
    const request = this.#request;
    return request === null || request.readableLength === 0 || request.closed || this.#socket.writableEnded;
  }

  #parsePiece(chunk: Buffer, pieceBytes: number): Buffer | null {
    const bytes = Math.min(chunk.length, Math.max(pieceBytes, this.#bodyBytes));
    this.#bodyBytes = Math.max(0, this.#bodyBytes - bytes);
    this.#hasBegun = false;
    const began = this.#now();
    this.#parse(bytes === chunk.length ? chunk : chunk.subarray(0, bytes));
    const ms = this.#now() - began;
    if (!this.#isInBody() || this.#share.isLeft()) this.#share.spend(ms);
    if (bytes === pieceBytes && !this.#hasBegun) this.#adapt(ms);
    return bytes === chunk.length ? null : chunk.subarray(bytes);
  }

  #adapt(ms: number): void {
    if (ms < PIECE_MS.least) this.#pieceBytes = Math.min(PIECE_BYTES_MAX, 2 * this.#pieceBytes);
    if (ms > PIECE_MS.most) this.#pieceBytes = Math.max(PIECE_BYTES_MIN, this.#pieceBytes / 2);
  }
}
