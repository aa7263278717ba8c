/** What a call fails with, and what its answer tells of that. */
import type { ErrorCode } from "../generated/contract.js";

/**
 * The service's own code, or: `unreachable` (nothing answered, or a proxy did so in place of the service), `timed_out`
 * (`timeoutMs` ran out), `unexpected` (what answered is no such service).
 */
export type ClientErrorCode = ErrorCode | "unreachable" | "timed_out" | "unexpected";

/** Statuses that a proxy answers with when the service behind it does not. */
const OF_PROXIES = [502, 503, 504];

export class MenagerieError extends Error {
  override readonly name = "MenagerieError";
  /** HTTP status; absent where no answer came. */
  readonly status: number | undefined;
  /** `x-request-id` of the answer, under which the service's log has the request. */
  readonly requestId: string | undefined;
  /** What `Retry-After` said. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: ClientErrorCode,
    detail: string,
    about: { status?: number; requestId?: string; retryAfterSeconds?: number | undefined; cause?: unknown } = {},
  ) {
    super(detail, "cause" in about ? { cause: about.cause } : undefined);
    this.status = about.status;
    this.requestId = about.requestId;
    this.retryAfterSeconds = about.retryAfterSeconds;
  }
}

/** The error that an answer of another status than those expected stands for. */
export function errorOf({ status, headers }: Response, body: unknown): MenagerieError {
  const requestId = headers.get("x-request-id");
  const about = {
    status,
    ...(requestId === null ? {} : { requestId }),
    retryAfterSeconds: secondsOf(headers.get("retry-after")),
  };
  const { code, detail } = (body ?? {}) as { code?: unknown; detail?: unknown };
  if (typeof code === "string" && typeof detail === "string") {
    return new MenagerieError(code as ErrorCode, detail, about);
  }
  const kind = OF_PROXIES.includes(status) ? "unreachable" : "unexpected";
  return new MenagerieError(kind, `Something answered with status ${status}, and not as the service does.`, about);
}

/** `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). */
function secondsOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter);
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
