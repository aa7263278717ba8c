/** Who asks, by the API key of the request, and whether they may. */
import type { Request, RequestHandler, Response } from "express";
import { AppError } from "../errors.js";
import { type ApiKeys, type KeyHolder, ROLES, type Role } from "../ports.js";

/** Finds the holder of the request's key. It refuses nobody: that is `allowRoles`' part, after wrong keys were counted. */
export function identify(apiKeys: ApiKeys | null): RequestHandler {
  return (request, response, next) => {
    const key = apiKeys === null ? undefined : keyOf(request);
    if (key !== undefined) response.locals["holder"] = apiKeys?.find(key) ?? null;
    next();
  };
}

/** The middleware of each role: it lets through whoever has that role or a higher one. */
export function allowRoles(anonymousRole: Role | "none"): (role: Role) => RequestHandler {
  return (role) => (_request, response, next) => {
    const holder = holderOf(response);
    if (holder === null) throw unauthorized(response, "This API key is not known; it may have been taken back.");
    if (mayAct(holder?.role ?? anonymousRole, role)) {
      next();
      return;
    }
    if (holder === undefined) {
      throw unauthorized(
        response,
        `This needs an API key of role ${role}: Authorization: Bearer KEY, or x-api-key: KEY.`,
      );
    }
    throw new AppError("forbidden", `The API key ${holder.name} has role ${holder.role}, and this needs role ${role}.`);
  };
}

/** The holder of the request's key; null when its key is not known, undefined when there is none. */
export function holderOf(response: Response): KeyHolder | null | undefined {
  return response.locals["holder"] as KeyHolder | null | undefined;
}

function mayAct(has: Role | "none", needed: Role): boolean {
  return has !== "none" && ROLES.indexOf(has) >= ROLES.indexOf(needed);
}

function keyOf(request: Request): string | undefined {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(request.get("authorization") ?? "") ?? [];
  return bearer ?? request.get("x-api-key");
}

function unauthorized(response: Response, detail: string): AppError {
  response.set("www-authenticate", 'Bearer realm="menagerie"');
  return new AppError("unauthorized", detail);
}
