/**
 * Which form of the answer a client wants: `?format=`, else its Accept header.
 *
 * A browser that submits a form asks for HTML as for a page; curl and scripts say that they take anything, and get the
 * bare sentence.
 */
import type { IncomingMessage } from "node:http";
import type { Request } from "express";
import { AppError } from "../errors.js";

/** `html` is the bare sentence, `page` a whole page with it. */
export type Form = "json" | "html" | "page" | "text";

const FORMATS = ["json", "html", "text"] as const;
const JSON_TYPES = ["application/json", "application/problem+json"];
const TYPES = ["text/html", ...JSON_TYPES, "text/plain"];

/** @throws AppError `field_invalid` for an unknown `format`. */
export function formOf(request: Request): Form {
  const { format } = request.query;
  if (format !== undefined && format !== "") {
    const known = FORMATS.find((name) => name === format);
    if (known === undefined) {
      throw new AppError("field_invalid", `format=${String(format)} is none of ${FORMATS.join(", ")}.`);
    }
    return known;
  }
  if (asksForPage(request)) return "page";
  const type = request.accepts(TYPES);
  if (type !== false && JSON_TYPES.includes(type)) return "json";
  return type === "text/plain" ? "text" : "html";
}

/** The form of an error: a page for people, problem details for everyone else. */
export function errorFormOf(request: Request): "json" | "page" {
  const { format } = request.query;
  if (format !== undefined) return format === "html" && asksForPage(request) ? "page" : "json";
  return asksForPage(request) ? "page" : "json";
}

/** Browsers alone ask for XHTML when they open a page. */
export function asksForPage({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes("application/xhtml+xml") ?? false;
}
