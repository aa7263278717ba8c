import type { Request, Response } from "express";
import { expect, it } from "vitest";
import { AppError } from "../src/errors.js";
import { allowRoles } from "../src/front/authorize.js";
import type { Role } from "../src/ports.js";

/** What becomes of a request of `holder` at a route for `needed`: `passed`, or the error's code. */
function outcome(holder: Role | "unknown" | "anonymous", needed: Role, anonymousRole: Role | "none"): string {
  const known = { role: holder as Role, name: "a" };
  const holders = { anonymous: undefined, unknown: null };
  const callerOf = () => ({
    name: "",
    holder: holder === "anonymous" || holder === "unknown" ? holders[holder] : known,
  });
  let passed = false;
  try {
    allowRoles(callerOf, anonymousRole)(needed)({} as Request, { set() {} } as unknown as Response, () => {
      passed = true;
    });
  } catch (error) {
    if (error instanceof AppError) return error.code;
  }
  return passed ? "passed" : "nothing";
}

it.each<[Role, string[]]>([
  ["infer", ["passed", "forbidden", "forbidden"]],
  ["models", ["passed", "passed", "forbidden"]],
  ["admin", ["passed", "passed", "passed"]],
])("a key of role %s at routes for infer, models, admin: %j", (role, outcomes) => {
  expect((["infer", "models", "admin"] as const).map((needed) => outcome(role, needed, "none"))).toEqual(outcomes);
});

it.each<[Role | "none", string[]]>([
  ["none", ["unauthorized", "unauthorized", "unauthorized"]],
  ["infer", ["passed", "unauthorized", "unauthorized"]],
  ["admin", ["passed", "passed", "passed"]],
])("no key, where the anonymous role is %s: %j", (role, outcomes) => {
  expect((["infer", "models", "admin"] as const).map((needed) => outcome("anonymous", needed, role))).toEqual(outcomes);
});

it("a key that is not known is refused, also where none is needed", () => {
  expect(outcome("unknown", "infer", "admin")).toBe("unauthorized");
});
