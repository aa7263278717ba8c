/** The one table from the contract's codes to gRPC's, and how an error is told there. */
import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import type { AppError } from "../../errors.js";
import type { ErrorCode } from "../../generated/contract.js";
import { printable } from "../../printable.js";

/** Trailing metadata that has the contract's code. */
export const CODE_KEY = "x-error-code";
const RETRY_KEY = "retry-after";
/** Of a message, which travels among the headers: clients take 8 KiB of those, and a character may come to nine bytes. */
const DETAIL_CHARACTERS_MAX = 600;

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html. A code that is missing here does not compile. */
export const GRPC_STATUS: Readonly<Record<ErrorCode, status>> = {
  image_missing: status.INVALID_ARGUMENT,
  field_invalid: status.INVALID_ARGUMENT,
  labels_missing: status.INVALID_ARGUMENT,
  unauthorized: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  model_unknown: status.NOT_FOUND,
  version_unknown: status.NOT_FOUND,
  request_unknown: status.NOT_FOUND,
  image_unknown: status.NOT_FOUND,
  job_unknown: status.NOT_FOUND,
  not_found: status.NOT_FOUND,
  method_not_allowed: status.UNIMPLEMENTED,
  model_exists: status.ALREADY_EXISTS,
  job_busy: status.FAILED_PRECONDITION,
  upload_too_large: status.RESOURCE_EXHAUSTED,
  image_unsupported: status.INVALID_ARGUMENT,
  image_undecodable: status.INVALID_ARGUMENT,
  image_too_large: status.INVALID_ARGUMENT,
  image_animated_limit: status.INVALID_ARGUMENT,
  graph_invalid: status.INVALID_ARGUMENT,
  graph_op_forbidden: status.INVALID_ARGUMENT,
  graph_ambiguous: status.INVALID_ARGUMENT,
  graph_too_large: status.INVALID_ARGUMENT,
  graph_untranslated: status.INVALID_ARGUMENT,
  labels_mismatch: status.INVALID_ARGUMENT,
  labels_invalid: status.INVALID_ARGUMENT,
  url_forbidden: status.INVALID_ARGUMENT,
  url_unreachable: status.FAILED_PRECONDITION,
  rate_limited: status.RESOURCE_EXHAUSTED,
  overloaded: status.UNAVAILABLE,
  storage_full: status.RESOURCE_EXHAUSTED,
  engine_failed: status.UNAVAILABLE,
  engine_unavailable: status.UNAVAILABLE,
  engine_timeout: status.DEADLINE_EXCEEDED,
  internal: status.INTERNAL,
};

/** The status of an error, with its code, and the time to wait where there is one, in trailing metadata. */
export function statusOf(error: AppError): StatusObject {
  const metadata = new Metadata();
  metadata.set(CODE_KEY, error.code);
  if (error.retryAfterSeconds !== undefined) metadata.set(RETRY_KEY, String(error.retryAfterSeconds));
  return { code: GRPC_STATUS[error.code], details: detailOf(error.message), metadata };
}

/** Text that can be percent-encoded: halves of characters cannot. */
function detailOf(message: string): string {
  return printable(message)
    .replace(/\p{Surrogate}/gu, "\uFFFD")
    .slice(0, DETAIL_CHARACTERS_MAX)
    .replace(/\p{Surrogate}/gu, "");
}
