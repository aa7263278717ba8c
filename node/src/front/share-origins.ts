/** What pages of other origins may do with this service through the browsers of their visitors. */

import { isIP } from "node:net";
import cors from "cors";
import type { Request, RequestHandler } from "express";
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
    allowedHeaders: ["authorization", "content-type", "inference-header-content-length", "x-api-key", "x-request-id"],
    exposedHeaders: ["inference-header-content-length", "retry-after", "x-request-id"],
    maxAge: PREFLIGHT_SECONDS,
  });
}

/**
 * Refuses what a page of another origin makes a browser send: no answer has to be read for a form to do harm.
 */
export function refuseForeignForms(origins: readonly string[]): RequestHandler {
  return (request, _response, next) => {
    const origin = request.get("origin")?.toLowerCase();
    if (!SAFE_METHODS.includes(request.method) && isForeign(request, origin) && !origins.includes(origin ?? "")) {
      const from = origin === undefined ? "another site" : origin;
      const own = "if it is this service's own, let the proxy in front send Host on, or name it in TRUST_PROXY";
      throw new AppError("forbidden", `This came from a page of ${from}, which is not in CORS_ORIGINS; ${own}.`);
    }
    next();
  };
}

/**
 * Browsers name the relation in a header that no script can set (https://www.w3.org/TR/fetch-metadata/). Old ones do not,
 * nor do others to an address without TLS; all name the origin of what they post. What names none is no browser's.
 */
function isForeign(request: Request, origin: string | undefined): boolean {
  const site = request.get("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const { protocol, host } = new URL(origin);
  const own = `${protocol}//${request.host}`;
  return !URL.canParse(own) || new URL(own).host !== host;
}

/**
 * Refuses names that are not this machine's, on a service for this machine alone: a page can have its own name resolve to
 * loopback, and then reads answers as its own (DNS rebinding).
 */
export function refuseForeignNames(): RequestHandler {
  return (request, _response, next) => {
    const hostname = (request.hostname ?? "localhost").toLowerCase();
    const isLocal = /(^|\.)localhost\.?$/.test(hostname) || isIP(hostname.replace(/[[\]]/g, "")) > 0;
    if (!isLocal) {
      const detail = `${hostname} is no name of this machine; behind a proxy of that name, set TRUST_PROXY.`;
      throw new AppError("forbidden", detail);
    }
    next();
  };
}
