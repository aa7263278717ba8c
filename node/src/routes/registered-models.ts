/** Models that clients keep here: registered, versioned, removed. */

import { json as jsonBody, type Request, type RequestHandler } from "express";
import { z } from "zod";
import { AppError } from "../errors.js";
import { visitOf } from "../front/enter.js";
import { checkBody } from "../front/known-names.js";
import type { Route } from "../front/route.js";
import { type Upload, uploadOf } from "../front/upload.js";
import type { Registrar } from "../ports.js";
import { parseExamples, parseSettings, SETTINGS_SCHEMAS } from "./infer-fields.js";
import { described, idOf } from "./models.js";
import {
  CHANGE,
  ENGINE,
  EXAMPLE_FIELDS,
  GRAPH,
  GRAPH_FIELDS,
  ID,
  json,
  LABELS,
  named,
  objectOf,
  ok,
  queryOf,
  REGISTRATION_FIELDS,
  STRING,
  VERSION_IN_PATH,
} from "./schemas.js";

const CREATED = 201;
const SERVED_BODY = z.strictObject({ version: z.string() });

/** Whether whoever asks leaves room to others: all but who may do everything. */
export type LeavesRoom = (request: Request) => boolean;

export function registeredModelRoutes(registrar: Registrar, leavesRoom: LeavesRoom): Route[] {
  return [
    {
      method: "post",
      path: "/api/models",
      access: "models",
      uploads: true,
      summary: "Registers a model: it is loaded, checked and kept.",
      parameters: queryOf({ ...REGISTRATION_FIELDS, ...SETTINGS_SCHEMAS }),
      body: {
        "multipart/form-data": {
          schema: {
            type: "object",
            properties: { ...GRAPH_FIELDS, ...EXAMPLE_FIELDS, ...REGISTRATION_FIELDS, ...SETTINGS_SCHEMAS },
          },
        },
      },
      answers: {
        ...ok("The very same model was registered before.", json(named("DescribedModel"))),
        201: { description: "The model is registered.", content: json(named("DescribedModel")) },
      },
      problems: [...GRAPH, ...LABELS, ...ENGINE, "model_exists", "storage_full"],
      handle: registerModel(registrar, leavesRoom),
    },
    {
      method: "delete",
      path: "/api/models/:id",
      access: "models",
      summary: "Removes a registered model with every version; with id@version that version.",
      parameters: [ID],
      answers: { 204: { description: "It is gone; requests that use it are finished." } },
      problems: CHANGE,
      handle: removeModel(registrar),
    },
    {
      method: "delete",
      path: "/api/models/:id/versions/:version",
      access: "models",
      summary: "Removes a version of a registered model.",
      parameters: [ID, VERSION_IN_PATH],
      answers: { 204: { description: "It is gone; requests that use it are finished." } },
      problems: CHANGE,
      handle: removeModel(registrar),
    },
    {
      method: "put",
      path: "/api/models/:id/default",
      access: "models",
      summary: "Chooses the version of a registered model for requests that name none.",
      parameters: [ID],
      body: json(objectOf({ version: STRING })),
      answers: ok("It is chosen.", json(objectOf({ id: STRING, served: STRING }))),
      problems: [...CHANGE, "field_invalid"],
      handle: serveVersion(registrar),
    },
  ];
}

/** 201 with the resolved spec; 200 where the very same model was registered before. */
function registerModel(registrar: Registrar, leavesRoom: LeavesRoom): RequestHandler {
  return async (request, response) => {
    const upload = uploadOf(response);
    const { graph, labels } = upload;
    if (graph === null) throw new AppError("field_invalid", "model_file is missing; send the graph to register.");
    const visit = visitOf(response);
    const registration = {
      id: single(upload, "id"),
      version: single(upload, "version"),
      manifest: single(upload, "manifest"),
      graph,
      labels,
      settings: parseSettings(upload),
      examples: parseExamples(upload),
    };
    const { identity, spec, confidence, added } = await visit.run(
      () => registrar.register(registration, visit, leavesRoom(request)),
      "strangers",
    );
    response.location(`/api/models/${identity.id}@${identity.version}`);
    if (added) response.status(CREATED);
    response.json(described(identity, spec, confidence));
  };
}

/** Removes `{id}` with every version, or the version that the address names. */
function removeModel(registrar: Registrar): RequestHandler {
  return async (request, response) => {
    const { id, version } = idOf(request);
    await registrar.remove(id, typeof request.params["version"] === "string" ? request.params["version"] : version);
    response.status(204).end();
  };
}

/** Takes `{"version"}`. */
function serveVersion(registrar: Registrar): RequestHandler[] {
  return [
    jsonBody({ limit: "1kb" }),
    checkBody(Object.keys(SERVED_BODY.shape)),
    async (request, response) => {
      const { id } = idOf(request);
      const body = SERVED_BODY.safeParse(request.body);
      if (!body.success) {
        const detail = 'version is missing; send {"version":"…"} with Content-Type application/json.';
        throw new AppError("field_invalid", detail);
      }
      await registrar.serve(id, body.data.version);
      response.json({ id, served: body.data.version });
    },
  ];
}

function single({ fields }: Upload, name: string): string | null {
  const values = fields.get(name) ?? [];
  if (values.length > 1) throw new AppError("field_invalid", `${name}=${values.join(" and ")}: it may be sent once.`);
  return values[0] ?? null;
}
