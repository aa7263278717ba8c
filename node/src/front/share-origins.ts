/** What pages of other origins may do with this service through the browsers of their visitors. */

import { isIP } from "node:net";
import cors from "cors";
import type { RequestHandler } from "express";
import { AppError } from "../errors.js";
import type { SetHeaders } from "./refuse-early.js";

const PREFLIGHT_SECONDS = 600;
const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/** Lets scripts of the pages of these origins call this service; those of others cannot read its answers. */
export function shareOrigins(origins: readonly string[]): SetHeaders {
  if (origins.length === 0) return (_request, _response, next) => next();
  return cors({
    origin: [...origins],
    methods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
    allowedHeaders: ["authorization", "content-type", "x-api-key", "x-request-id"],
    exposedHeaders: ["retry-after", "x-request-id"],
    maxAge: PREFLIGHT_SECONDS,
  });
}

/**
 * Refuses what a page of another site makes a browser send: no answer has to be read for a form to do harm. Browsers name
 * the relation in a header that no script can set (https://www.w3.org/TR/fetch-metadata/).
 */
export function refuseForeignForms(origins: readonly string[]): RequestHandler {
  return (request, _response, next) => {
    const isForeign = request.get("sec-fetch-site") === "cross-site" && !SAFE_METHODS.includes(request.method);
    if (isForeign && !origins.includes(request.get("origin") ?? "")) {
      throw new AppError("forbidden", "This came from a page of another site, which is not in CORS_ORIGINS.");
    }
    next();
  };
}

/**
 * Refuses names that are not this machine's, on a service for this machine alone: a page can have its own name resolve to
 * loopback, and then reads answers as its own (DNS rebinding).
 */
export function refuseForeignNames(): RequestHandler {
  return ({ hostname = "localhost" }, _response, next) => {
    const isLocal =
      hostname === "localhost" || hostname.endsWith(".localhost") || isIP(hostname.replace(/[[\]]/g, "")) > 0;
    if (!isLocal) {
      const detail = `${hostname} is no name of this machine; behind a proxy of that name, set TRUST_PROXY.`;
      throw new AppError("forbidden", detail);
    }
    next();
  };
}
