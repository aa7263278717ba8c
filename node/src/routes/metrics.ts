import type { Route } from "../front/route.js";
import type { Role } from "../ports.js";
import { ok, STRING } from "./schemas.js";

/** Version 0.0.4 of the text format is what every Prometheus reads. */
const TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function metricsRoutes(metrics: () => Promise<string>, role: Role | "none"): Route[] {
  return [
    {
      method: "get",
      path: "/metrics",
      access: role === "none" ? "probe" : role,
      summary: "What happened since the start and what is held now, for Prometheus.",
      answers: ok("The metrics.", { "text/plain": { schema: STRING } }),
      problems: [],
      handle: async (_request, response) => {
        // `send` would put the charset of its own into the type.
        response.set("content-type", TYPE).end(await metrics());
      },
    },
  ];
}
