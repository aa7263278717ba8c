/**
 * The messages of one call on the wire: each is one byte that says whether it is compressed, four that say how long it is,
 * and its bytes (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). They are put
 * together as they come: the library would copy a large one at its end, while nobody else is served.
 */
import { AppError } from "../../errors.js";
import { FileCollector } from "../../front/file-collector.js";
import { tooLarge } from "../../front/upload.js";

const HEAD_BYTES = 5;

export interface FrameLimits {
  /** Of each message. */
  readonly messageBytesMax: number;
  readonly messagesMax: number;
}

export class MessageFrames {
  readonly #limits: FrameLimits;
  readonly #head = new DataView(new ArrayBuffer(HEAD_BYTES));
  #headBytes = 0;
  /** Of the message that comes. */
  #remainingBytes = 0;
  #messageCount = 0;
  /** With its head. */
  #message: FileCollector | null = null;
  #whole: Buffer[] = [];

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** @throws AppError `upload_too_large`, `field_invalid`: of what comes after that nothing may be kept. */
  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#remainingBytes > 0) {
        const bytes = Math.min(this.#remainingBytes, chunk.length - at);
        this.#message?.add(chunk.subarray(at, at + bytes));
        this.#remainingBytes -= bytes;
        at += bytes;
        if (this.#remainingBytes === 0) this.#end();
        continue;
      }
      this.#head.setUint8(this.#headBytes, chunk[at] ?? 0);
      at += 1;
      this.#headBytes += 1;
      if (this.#headBytes === HEAD_BYTES) this.#begin();
    }
  }

  /** Those that are whole and were not handed out yet, with their heads. */
  handOut(): Buffer[] {
    return this.#whole.splice(0);
  }

  #begin(): void {
    this.#headBytes = 0;
    this.#remainingBytes = this.#head.getUint32(1);
    this.#messageCount += 1;
    const { messageBytesMax, messagesMax } = this.#limits;
    if (this.#messageCount > messagesMax) {
      throw new AppError("field_invalid", `This call takes ${messagesMax} message and no more.`);
    }
    if (this.#head.getUint8(0) !== 0) {
      const detail = "The message is compressed; send it as it is: photos are compressed already.";
      throw new AppError("field_invalid", detail);
    }
    if (this.#remainingBytes > messageBytesMax) throw tooLarge("The message", messageBytesMax);
    this.#message = new FileCollector("", false, HEAD_BYTES + this.#remainingBytes);
    this.#message.add(Buffer.from(this.#head.buffer.slice(0)));
    if (this.#remainingBytes === 0) this.#end();
  }

  #end(): void {
    const file = this.#message?.file();
    this.#message = null;
    if (file) this.#whole.push(Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.length));
  }
}
