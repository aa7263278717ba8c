/** Models that clients keep here: registered, versioned, removed. */
import { json, type RequestHandler } from "express";
import { z } from "zod";
import { AppError } from "../errors.js";
import { holdPermit } from "../front/gate.js";
import { type Upload, uploadOf } from "../front/read-upload.js";
import type { Registrar } from "../ports.js";
import { parseSettings } from "./infer-fields.js";
import { idOf } from "./models.js";

const CREATED = 201;
const SERVED_BODY = z.strictObject({ version: z.string() });

/** 201 with the resolved spec; 200 where the very same model was registered before. */
export function registerModel(registrar: Registrar): RequestHandler {
  return async (_request, response) => {
    const upload = uploadOf(response);
    const { graph, labels } = upload;
    if (graph === null) throw new AppError("field_invalid", "model_file is missing; send the graph to register.");
    const registering = registrar.register({
      id: single(upload, "id"),
      version: single(upload, "version"),
      manifest: single(upload, "manifest"),
      graph,
      labels,
      settings: parseSettings(upload),
    });
    const { identity, spec, added } = await holdPermit(response, registering);
    response.location(`/api/models/${identity.id}@${identity.version}`);
    if (added) response.status(CREATED);
    response.json({ ...identity, ...spec });
  };
}

/** Removes `{id}` with every version, or the version that the address names. */
export function removeModel(registrar: Registrar): RequestHandler {
  return async (request, response) => {
    const { id, version } = idOf(request);
    await registrar.remove(id, typeof request.params["version"] === "string" ? request.params["version"] : version);
    response.status(204).end();
  };
}

/** Takes `{"version"}`. */
export function serveVersion(registrar: Registrar): RequestHandler[] {
  return [
    json({ limit: "1kb" }),
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
