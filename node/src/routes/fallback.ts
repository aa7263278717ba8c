/**
 * `fallback=empty`: where the service cannot answer in time, or at all now, a 200 that says so and holds no label, so that
 * a page that shows the answer goes on without it. What is wrong with a request stays a problem.
 */
import type { ErrorRequestHandler, Request, Response } from "express";
import { z } from "zod";
import type { Item } from "../classify.js";
import { AppError } from "../errors.js";
import { html } from "../front/html.js";
import { formOf } from "../front/negotiate.js";
import { page } from "../front/page.js";
import { requestIdOf } from "../front/request-id.js";
import { fieldsOf, type Upload, uploadOf } from "../front/upload.js";
import type { NoteProblem } from "../front/watch-requests.js";
import type { ErrorCode } from "../generated/contract.js";
import { printable } from "../printable.js";
import { parseOnce, schemasOf } from "./infer-fields.js";

const FALLBACK = z.object({
  fallback: z
    .literal("empty", "must be empty")
    .optional()
    .describe(
      "empty: where the service is full, late or without its engine, a 200 without labels in place of the problem.",
    ),
});

export const FALLBACK_SCHEMAS = schemasOf(FALLBACK);

/** Failures of time, of the engine and of a service that is full. */
const DEGRADED: ReadonlySet<ErrorCode> = new Set([
  "overloaded",
  "engine_failed",
  "engine_unavailable",
  "engine_timeout",
]);

/** Whether an answer without labels is wanted where there is no other. @throws AppError `field_invalid`. */
export function wantsEmpty(upload: Pick<Upload, "fields">): boolean {
  return parseOnce(upload, FALLBACK).fallback !== undefined;
}

/** Whether an item lacks its labels for such a failure. */
export function isDegraded(item: Item): boolean {
  return "error" in item && DEGRADED.has(item.error.code);
}

/** Answers requests that want it without labels. */
export function answerEmpty(note: NoteProblem): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (!(error instanceof AppError) || !DEGRADED.has(error.code) || !asked(request, response)) {
      next(error);
      return;
    }
    note(error, response);
    const form = formOf(request);
    response.type(form === "page" ? "html" : form);
    response.send(bodyOf(form, error, response));
  };
}

/** The form is not read yet where its request was refused before. */
function asked(request: Request, response: Response): boolean {
  const upload: Upload | undefined = uploadOf(response);
  return (upload?.fields ?? fieldsOf(request)).get("fallback")?.join() === "empty";
}

function bodyOf(form: ReturnType<typeof formOf>, error: AppError, response: Response): string {
  const requestId = requestIdOf(response);
  const sentence = html`No label: ${error.message}`;
  switch (form) {
    case "json":
      return JSON.stringify({ request_id: requestId, degraded: true, results: [], error: error.problem(requestId) });
    case "html":
      return `${sentence.markup}\n`;
    case "page":
      return page(response.req, "Answer", html`<p>${sentence}</p>`);
    case "text":
      return `No label: ${printable(error.message)}\n`;
  }
}
