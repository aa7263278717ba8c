/** What goes wrong with a server that runs tensors, in the words of an engine. */
import { AppError, EngineError, messageOf } from "../../errors.js";

const RETRY_SECONDS_MAX = 60;

/** There is no connection, or it ended before an answer began. */
export function unreachable(cause: unknown): EngineError {
  const known = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (/^(ECONNRESET|EPIPE|HPE_.*)$/.test(known)) {
    const detail = `The remote server ended the connection before it answered (${known}).`;
    return new EngineError("engine_failed", "running", detail, { cause });
  }
  const code = known === "" ? "" : ` (${known})`;
  const detail = `The remote server cannot be reached${code}.`;
  return new EngineError("engine_unavailable", "running", detail, { cause, retryAfterSeconds: 1 });
}

export function tooLate(msMax: number, cause: unknown): EngineError {
  return new EngineError("engine_timeout", "running", `The remote server did not answer within ${msMax} ms.`, {
    cause,
  });
}

export function tooLong(bytesMax: number): AppError {
  return new AppError("engine_failed", `The remote server's answer has more than ${bytesMax} bytes; it is not read.`);
}

/** What the server proposes to wait, within reason; a second where it does not say. */
export function atMostSeconds(header: string | undefined): number {
  const seconds = Number(header);
  return Number.isInteger(seconds) && seconds > 0 ? Math.min(seconds, RETRY_SECONDS_MAX) : 1;
}

/** Why a server is not ready, for whoever looks after this service. */
export function clauseOf(error: unknown): string {
  return messageOf(error).replace(/^The /, "the ").replace(/\.$/, "");
}
