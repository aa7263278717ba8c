/**
 * Names that a route does not know are refused: a misspelt field would change nothing, and nobody would see it.
 */
import type { RequestHandler } from "express";
import { closestMatch } from "leven";
import { AppError } from "../errors.js";

/** Of a name that is repeated to the client. */
const SHOWN_CHARACTERS_MAX = 100;

/** @throws AppError `field_invalid` with the nearest of the names that there are. */
export function checkName(what: "field" | "query parameter", name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const shown = name.slice(0, SHOWN_CHARACTERS_MAX);
  const nearest = closestMatch(shown.toLowerCase(), known);
  const hint = nearest === undefined ? `this address takes none.` : `did you mean ${nearest}?`;
  throw new AppError("field_invalid", `There is no ${what} ${JSON.stringify(shown)}; ${hint}`);
}

/** Refuses a query string with another name than these. */
export function checkQuery(known: readonly string[]): RequestHandler {
  return (request, _response, next) => {
    for (const name of Object.keys(request.query)) checkName("query parameter", name, known);
    next();
  };
}

/** Refuses a JSON object with another name than these. */
export function checkBody(known: readonly string[]): RequestHandler {
  return ({ body }: { body: unknown }, _response, next) => {
    const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
    for (const name of isObject ? Object.keys(body) : []) checkName("field", name, known);
    next();
  };
}
