/**
 * What was read of a connection, handed to HTTP/2 a few frames at a time, in turns of the event loop. Node would take apart all that
 * it has read at once, 64 KiB of each connection, before anybody else is served: that is two thousand calls, of which each takes as
 * long as a small request. To end a session from within that, as is done where calls are too many, also ends the process: some
 * versions of Node go on with what was read, for streams that are gone (https://github.com/nodejs/node/issues/64850). So the session
 * has this between itself and its socket, and it is ended here, between two pieces.
 */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { ReadingTurns } from "../../front/reading-turns.js";
import type { TurnShare, TurnShares } from "../../front/turn-shares.js";

/** Handed over at once, of frames that neither open nor end a call: an eighth of a MiB of messages in the frames that libraries make. */
const FRAMES_A_PIECE = 8;
/**
 * HEADERS, RST_STREAM, GOAWAY and CONTINUATION (RFC 9113, section 6). Node tells of what they do once the piece is taken apart: a call
 * that had ended by then would be told of to nobody. A GOAWAY that names an error has it end the session at once, in the midst of the piece.
 */
const LAST_OF_PIECE = [1, 3, 7, 9];
/** Of a frame (RFC 9113, section 4.1): three bytes say how long the rest is. */
const HEAD_BYTES = 9;
const LENGTH_BYTES = 3;
const TYPE_AT = 3;
/** Of what comes before the first frame (RFC 9113, section 3.4). */
const PREFACE_BYTES = 24;
/** Pieces of one read that follow each other without a turn of the event loop between them take so long at most. */
const READ_MS_MAX = 0.5;
/** Written and not taken by the system, beyond which whoever writes is told so. */
const WRITTEN_BYTES = 64 * 1024;

export interface FrameTurns {
  readonly turnShares: TurnShares;
  readonly turns: Pick<ReadingTurns, "wait">;
}

export class FramesInTurns extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly #socket: Socket;
  readonly #splitter = new FrameSplitter();
  readonly #share: TurnShare;
  readonly #turn: () => Promise<void>;
  /** What was read and not handed over; nothing is read meanwhile. */
  #rest: Buffer | null = null;
  #bytesGiven = 0;
  /** Of the last piece. */
  #pieceBytes = 0;
  #isWaiting = false;
  /** What the pieces of this read have taken in this turn of the event loop. */
  #ms = 0;
  /** Whether nothing comes after the rest. */
  #isLast = false;

  constructor(socket: Socket, caller: string, { turnShares, turns }: FrameTurns) {
    super({ writableHighWaterMark: WRITTEN_BYTES });
    this.remoteAddress = socket.remoteAddress;
    this.#socket = socket;
    this.#share = turnShares.of(caller);
    this.#turn = () => turns.wait({ caller, request: socket }, this.#share.isLeft);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    // One that ends with its client would be gone before the rest.
    socket.allowHalfOpen = true;
    socket.on("end", () => {
      this.#isLast = true;
      this.#goOn();
    });
    this.on("resume", () => this.#goOn());
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** Bytes that the session has seen for sure: while it cannot write it stops reading, in the midst of a piece too. */
  get bytesSeen(): number {
    return this.#bytesGiven - (this.isPaused() ? this.#pieceBytes : 0);
  }

  #take(chunk: Buffer): void {
    this.#rest = chunk;
    this.#ms = 0;
    if (this.#share.isLeft()) this.#handOver();
    else this.#waitForTurn();
    if (this.#rest !== null) this.#socket.pause();
  }

  #handOver(): void {
    const rest = this.#rest;
    // What the session does not take at once would gather here, and be taken apart together.
    if (rest === null || this.destroyed || this.isPaused()) return;
    const bytes = this.#splitter.pieceOf(rest);
    this.#rest = bytes === rest.length ? null : rest.subarray(bytes);
    this.#pieceBytes = bytes;
    this.#bytesGiven += bytes;
    const began = performance.now();
    this.push(bytes === rest.length ? rest : rest.subarray(0, bytes));
    // Behind what the session has put off until then, such as to tell of calls.
    process.nextTick(() => {
      const ms = performance.now() - began;
      this.#ms += ms;
      this.#share.spend(ms);
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.isPaused() || this.#isWaiting || this.destroyed) return;
    if (this.#rest === null && this.#isLast) this.push(null);
    else if (this.#rest === null) this.#socket.resume();
    else if (this.#ms < READ_MS_MAX && this.#share.isLeft()) this.#handOver();
    else this.#waitForTurn();
  }

  #waitForTurn(): void {
    this.#isWaiting = true;
    void this.#turn().then(() => {
      this.#isWaiting = false;
      this.#ms = 0;
      this.#handOver();
    });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.cork();
    for (const [index, { chunk }] of chunks.entries()) {
      this.#socket.write(chunk, index === chunks.length - 1 ? done : undefined);
    }
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** Where frames end, in chunks that have them in any pieces. */
class FrameSplitter {
  #headBytes = HEAD_BYTES;
  #payloadBytes = PREFACE_BYTES;
  #type = 0;

  /** How many bytes of the chunk are handed over at once. */
  pieceOf(chunk: Buffer): number {
    let at = 0;
    for (let count = 0; count < FRAMES_A_PIECE && at < chunk.length; count += 1) {
      for (; this.#headBytes < HEAD_BYTES && at < chunk.length; at += 1) {
        const byte = chunk[at] ?? 0;
        if (this.#headBytes < LENGTH_BYTES) this.#payloadBytes = 256 * this.#payloadBytes + byte;
        if (this.#headBytes === TYPE_AT) this.#type = byte;
        this.#headBytes += 1;
      }
      const bytes = Math.min(this.#payloadBytes, chunk.length - at);
      at += bytes;
      this.#payloadBytes -= bytes;
      if (this.#headBytes < HEAD_BYTES || this.#payloadBytes > 0) break;
      this.#headBytes = 0;
      if (LAST_OF_PIECE.includes(this.#type)) break;
    }
    return at;
  }
}
