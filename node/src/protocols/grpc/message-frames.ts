/**
 * The messages of one call on the wire, before they are put together: each is one byte that says whether it is
 * compressed, four that say how long it is, and its bytes
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
 */
import { AppError } from "../../errors.js";
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

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** @throws AppError `upload_too_large`, `field_invalid`: of what comes after that nothing may be kept. */
  take(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#remainingBytes > 0) {
        const bytes = Math.min(this.#remainingBytes, chunk.length - at);
        this.#remainingBytes -= bytes;
        at += bytes;
        continue;
      }
      this.#head.setUint8(this.#headBytes, chunk[at] ?? 0);
      at += 1;
      this.#headBytes += 1;
      if (this.#headBytes === HEAD_BYTES) this.#begin();
    }
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
  }
}
