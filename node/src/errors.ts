/**
 * The one error of the service and the one table from its code to the HTTP status.
 */
import { STATUS_CODES } from "node:http";
import type { Problem } from "./generated/api.js";
import type { ErrorCode } from "./generated/contract.js";

export type { Problem };

/** HTTP status of each code. A code that is missing here does not compile. */
export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  image_missing: 400,
  field_invalid: 400,
  labels_missing: 400,
  unauthorized: 401,
  forbidden: 403,
  model_unknown: 404,
  version_unknown: 404,
  request_unknown: 404,
  image_unknown: 404,
  job_unknown: 404,
  not_found: 404,
  method_not_allowed: 405,
  model_exists: 409,
  job_busy: 409,
  upload_too_large: 413,
  image_unsupported: 415,
  image_undecodable: 422,
  image_too_large: 422,
  image_animated_limit: 422,
  graph_invalid: 422,
  graph_op_forbidden: 422,
  graph_ambiguous: 422,
  graph_too_large: 422,
  graph_untranslated: 422,
  labels_mismatch: 422,
  labels_invalid: 422,
  url_forbidden: 422,
  url_unreachable: 422,
  rate_limited: 429,
  overloaded: 503,
  storage_full: 507,
  engine_failed: 502,
  engine_unavailable: 503,
  engine_timeout: 504,
  internal: 500,
};

/** Of 500 and up, what comes of how much is asked, and of how soon it is wanted: clients bring it about as they like. */
const BY_DEMAND: readonly ErrorCode[] = ["overloaded", "engine_timeout"];

/** Whether an operator should look at what ended with this code. */
export function isFault(code: ErrorCode): boolean {
  return HTTP_STATUS[code] >= 500 && !BY_DEMAND.includes(code);
}

/** An error that a client may see: `message` is plain text, not escaped. */
export class AppError extends Error {
  override readonly name = "AppError";

  constructor(
    readonly code: ErrorCode,
    detail: string,
    options?: { cause?: unknown; retryAfterSeconds?: number },
  ) {
    super(detail, options?.cause === undefined ? undefined : { cause: options.cause });
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }

  readonly retryAfterSeconds: number | undefined;

  get status(): number {
    return HTTP_STATUS[this.code];
  }

  /** RFC 9457 problem details, with `error` for Open Inference Protocol and TensorFlow Serving clients. */
  problem(requestId: string): Problem {
    return {
      type: "about:blank",
      title: STATUS_CODES[this.status] ?? "Error",
      status: this.status,
      detail: this.message,
      code: this.code,
      request_id: requestId,
      error: this.message,
    };
  }
}

/**
 * How far an engine had got when it failed: `starting` (it was not given a graph yet), `loading` (it was given one and had
 * not answered), `running` (it had loaded it).
 */
export type EngineStage = "starting" | "loading" | "running";

/** The engine of a request is gone, or cannot be had. */
export class EngineError extends AppError {
  constructor(
    code: Extract<ErrorCode, "engine_failed" | "engine_timeout" | "engine_unavailable">,
    readonly stage: EngineStage,
    detail: string,
    options?: { cause?: unknown; retryAfterSeconds?: number },
  ) {
    super(code, detail, options);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether the system failed with one of these codes, such as `ENOENT`. */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is Error & { readonly code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

/**
 * A clause, as Rust words its errors, with a capital and a full stop. What starts with a field and its value, as in
 * `size=0: …`, keeps its small letter.
 */
export function sentence(clause: string): string {
  const begun = clause.replace(/^[a-z]+(?=[ ,])/, (word) => word.charAt(0).toUpperCase() + word.slice(1));
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
