/**
 * A client's own deadline: `deadline_ms` in the query string, or in the form, of every call that works. In the query string
 * it holds while the body still comes.
 */
import type { Request, RequestHandler, Response } from "express";
import { AppError } from "../errors.js";
import { unlessAborted } from "../unless-aborted.js";
import { visitOf } from "./enter.js";
import { isAdmitted, type Route, type Schema } from "./route.js";
import { fieldsOf } from "./upload.js";

const FIELD = "deadline_ms";
/** An hour, as for every setting in ms. */
const DEADLINE_MS_MAX = 3_600_000;

export const DEADLINE_SCHEMAS = {
  [FIELD]: {
    type: "integer",
    minimum: 1,
    maximum: DEADLINE_MS_MAX,
    description:
      "From the arrival of the request to its answer, in ms; past it: 504. It shortens CLASSIFY_MS_MAX alone.",
  },
} as const satisfies Readonly<Record<string, Schema>>;

/** A route with the field, where it works. */
export function withDeadline(route: Route): Route {
  if (!isAdmitted(route)) return route;
  const { parameters = [], body } = route;
  const form = body?.["multipart/form-data"]?.schema;
  const longer = form && { ...form, properties: { ...(form["properties"] as Schema), ...DEADLINE_SCHEMAS } };
  return {
    ...route,
    parameters: [...parameters, { name: FIELD, in: "query", schema: DEADLINE_SCHEMAS[FIELD] }],
    ...(longer && { body: { ...body, "multipart/form-data": { schema: longer } } }),
  };
}

/** Holds an admitted request to the deadline of its query string. */
export function keepDeadline(): RequestHandler {
  return (request, response, next) => {
    takeDeadline(response, fieldsOf(request));
    next();
  };
}

/** @throws AppError `field_invalid`. */
export function takeDeadline(response: Response, fields: ReadonlyMap<string, readonly string[]>): void {
  const values = fields.get(FIELD);
  if (values === undefined) return;
  const [text = ""] = values;
  const ms = Number(text);
  if (values.length > 1 || !/^\d+$/.test(text) || ms < 1 || ms > DEADLINE_MS_MAX) {
    const range = `must be one whole number from 1 to ${DEADLINE_MS_MAX}`;
    throw new AppError("field_invalid", `${FIELD}=${values.join(" and ")}: it ${range}.`);
  }
  visitOf(response).answerWithin(ms);
}

/** The reading of a body, given up at the deadline. Of a client that went away the reading itself says so. */
export async function untilDeadline<T>(request: Request, response: Response, reading: Promise<T>): Promise<T> {
  return await unlessAborted(visitOf(response).signal, reading).catch((error: unknown) => {
    if (request.socket.destroyed) return reading;
    throw error;
  });
}
