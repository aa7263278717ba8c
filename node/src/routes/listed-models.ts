/** Models that the operator listed without their files: fetched, while the service runs, from where the list says. */
import type { RequestHandler } from "express";
import { AppError } from "../errors.js";
import type { Route } from "../front/route.js";
import type { ModelFetcher, Role } from "../ports.js";
import { fetchJson, idOf } from "./models.js";
import { ID, json, named, objectOf, STRING } from "./schemas.js";

export interface ListedModelDeps {
  readonly fetcher: ModelFetcher;
  /** Refuses whoever has not the role. */
  readonly allow: (role: Role) => RequestHandler;
}

const TRUST = "trust_on_first_use";

export function listedModelRoutes({ fetcher, allow }: ListedModelDeps): Route[] {
  return [
    {
      method: "post",
      path: "/api/models/:id/fetch",
      access: "models",
      summary: "Begins to fetch the files of a listed model. GET /api/models says how far they are.",
      parameters: [
        ID,
        {
          name: TRUST,
          in: "query",
          description:
            "1: a graph whose SHA-256 is not known is taken as it comes, and its SHA-256 recorded. Needs admin.",
          schema: { type: "string", enum: ["0", "1"] },
        },
      ],
      answers: {
        202: {
          description: "They are on their way.",
          content: json(objectOf({ id: STRING, fetch: named("FetchState") })),
        },
      },
      problems: ["model_unknown", "version_unknown", "model_exists"],
      handle: beginFetch(fetcher, allow),
    },
    {
      method: "delete",
      path: "/api/models/:id/fetch",
      access: "models",
      summary: "Ends the fetching of a listed model; the next one goes on from what came.",
      parameters: [ID],
      answers: { 204: { description: "It has ended." } },
      problems: ["not_found"],
      handle: (request, response) => {
        fetcher.cancel(idOf(request).id);
        response.status(204).end();
      },
    },
  ];
}

function beginFetch(fetcher: ModelFetcher, allow: ListedModelDeps["allow"]): RequestHandler {
  return (request, response) => {
    const { id, version } = idOf(request);
    const { [TRUST]: trust = "0" } = request.query;
    if (trust !== "0" && trust !== "1")
      throw new AppError("field_invalid", `${TRUST}=${String(trust)}: it must be 0 or 1.`);
    if (trust === "1") allow("admin")(request, response, () => {});
    response.status(202).json({ id, fetch: fetchJson(fetcher.begin(id, version, trust === "1")) });
  };
}
