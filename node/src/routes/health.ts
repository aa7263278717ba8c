import type { RequestHandler } from "express";
import type { Route } from "../front/route.js";
import type { Readiness } from "../ports.js";
import { json, named, objectOf, ok } from "./schemas.js";

export function healthRoutes(readiness: () => Readiness): Route[] {
  return [
    {
      method: "get",
      path: "/healthz",
      access: "probe",
      summary: "Whether the process runs.",
      answers: ok("It does.", json(objectOf({ live: { const: true } }))),
      problems: [],
      handle: healthz(),
    },
    {
      method: "get",
      path: "/readyz",
      access: "probe",
      summary: "Whether requests are served now, and by what.",
      answers: {
        ...ok("They are.", json(named("Readiness"))),
        503: { description: "They are not; reason says why.", content: json(named("Readiness")) },
      },
      problems: [],
      handle: readyz(readiness),
    },
  ];
}

function healthz(): RequestHandler {
  return (_request, response) => {
    response.json({ live: true });
  };
}

function readyz(readiness: () => Readiness): RequestHandler {
  return (_request, response) => {
    const now = readiness();
    response.status(now.ready ? 200 : 503).json(now);
  };
}
