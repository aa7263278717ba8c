/** Whether whoever asks may. Wrong keys are refused here, after they were counted. */
import type { RequestHandler } from "express";
import { AppError } from "../errors.js";
import { ROLES, type Role } from "../ports.js";
import type { Caller, CallerOf } from "./caller.js";

/** The middleware of each role: it lets through whoever has that role or a higher one. */
export function allowRoles(callerOf: CallerOf, anonymousRole: Role | "none"): (role: Role) => RequestHandler {
  return (role) => (request, response, next) => {
    try {
      checkRole(callerOf(request), anonymousRole, role);
    } catch (error) {
      if (error instanceof AppError && error.code === "unauthorized") {
        response.set("www-authenticate", 'Bearer realm="menagerie"');
      }
      throw error;
    }
    next();
  };
}

/** @throws AppError `unauthorized` or `forbidden` for whoever has neither that role nor a higher one. */
export function checkRole({ holder }: Caller, anonymousRole: Role | "none", role: Role): void {
  if (holder === null) {
    throw new AppError("unauthorized", "This API key is not known; it may have been taken back.");
  }
  if (mayAct(holder?.role ?? anonymousRole, role)) return;
  if (holder === undefined) {
    const detail = `This needs an API key of role ${role}: Authorization: Bearer KEY, or x-api-key: KEY.`;
    throw new AppError("unauthorized", detail);
  }
  throw new AppError("forbidden", `The API key ${holder.name} has role ${holder.role}, and this needs role ${role}.`);
}

function mayAct(has: Role | "none", needed: Role): boolean {
  return has !== "none" && ROLES.indexOf(has) >= ROLES.indexOf(needed);
}
