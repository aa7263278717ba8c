/**
 * What the service answers, as far as the page reads it.
 */
import type { Answer, ErrorCode, ModelSpec } from "../../src/generated/contract.js";

/** One entry of the `results` of `POST /infer`. The page sends one image and one model, so that it reads the first alone. */
export interface Result extends Answer {
  readonly model: { readonly id: string; readonly version: string; readonly sha256: string };
}

/** RFC 9457 problem details. */
export interface ProblemDetails {
  readonly title: string;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly request_id?: string;
}

/** Why there is no answer: the service's own words, or `unreachable` when it did not speak. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly code: ErrorCode | "unreachable",
    readonly title: string,
    detail: string,
    readonly requestId: string | null,
    readonly retryAfterSeconds: number | null,
  ) {
    super(detail);
  }
}

/** The result in a body of status 200, or `null` when the body is none. */
export function readResult(body: unknown): Result | null {
  const first = (body as { results?: readonly Partial<Result>[] } | null)?.results?.[0];
  return Array.isArray(first?.top) ? (first as Result) : null;
}

/** The spec in a body of `POST /api/models/inspect`, or `null` when the body is none. */
export function readSpec(body: unknown): ModelSpec | null {
  const spec = body as Partial<ModelSpec> | null;
  return spec?.input && spec.output && Array.isArray(spec.evidence) ? (spec as ModelSpec) : null;
}

/** The problem in a body of another status, or `null` when the body is none (a proxy's page, for example). */
export function readProblem(body: unknown): ProblemDetails | null {
  const problem = body as Partial<ProblemDetails> | null;
  return typeof problem?.code === "string" && typeof problem.detail === "string" ? (problem as ProblemDetails) : null;
}
