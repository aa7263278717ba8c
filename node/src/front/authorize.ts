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
export function checkRole(caller: Caller, anonymousRole: Role | "none", role: Role): void {
  const { holder } = caller;
  if (hasRole(caller, anonymousRole, role)) return;
  if (holder === null) {
    throw new AppError("unauthorized", "This API key is not known; it may have been taken back.");
  }
  if (holder === undefined) {
    const detail = `This needs an API key of role ${role}: Authorization: Bearer KEY, or x-api-key: KEY.`;
    throw new AppError("unauthorized", detail);
  }
  throw new AppError("forbidden", `The API key ${holder.name} has role ${holder.role}, and this needs role ${role}.`);
}

/** Whether somebody has that role or a higher one. */
export function hasRole({ holder }: Caller, anonymousRole: Role | "none", role: Role): boolean {
  const has = holder === null ? "none" : (holder?.role ?? anonymousRole);
  return has !== "none" && ROLES.indexOf(has) >= ROLES.indexOf(role);
}
