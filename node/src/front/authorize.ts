/** Whether whoever asks may. Wrong keys are refused here, after they were counted. */
import type { RequestHandler, Response } from "express";
import { AppError } from "../errors.js";
import { ROLES, type Role } from "../ports.js";
import type { CallerOf } from "./caller.js";

/** The middleware of each role: it lets through whoever has that role or a higher one. */
export function allowRoles(callerOf: CallerOf, anonymousRole: Role | "none"): (role: Role) => RequestHandler {
  return (role) => (request, response, next) => {
    const { holder } = callerOf(request);
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

function mayAct(has: Role | "none", needed: Role): boolean {
  return has !== "none" && ROLES.indexOf(has) >= ROLES.indexOf(needed);
}

function unauthorized(response: Response, detail: string): AppError {
  response.set("www-authenticate", 'Bearer realm="menagerie"');
  return new AppError("unauthorized", detail);
}
