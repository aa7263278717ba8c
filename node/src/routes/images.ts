/** Images that clients keep here, to ask about them again and again without sending them. */
import type { RequestHandler } from "express";
import { type ImageSources, nameOf, readImage } from "../classify.js";
import { AppError } from "../errors.js";
import type { CallerOf } from "../front/caller.js";
import { visitOf } from "../front/enter.js";
import type { Route, Schema } from "../front/route.js";
import { uploadOf } from "../front/upload.js";
import type { Classifier } from "../ports.js";
import {
  BYTES,
  COUNT,
  IMAGE,
  IMAGE_FILE_FIELD,
  json,
  objectOf,
  queryOf,
  SOURCE_FIELDS,
  STRING,
  WHEREABOUTS,
} from "./schemas.js";

export interface ImageDeps extends ImageSources {
  readonly classifier: Classifier;
  readonly callerOf: CallerOf;
  readonly keptMsMax: number;
}

const CREATED = 201;

/** What `POST /api/images` answers. */
export const KEPT_IMAGE: Schema = objectOf({
  id: STRING,
  name: STRING,
  width: COUNT,
  height: COUNT,
  format: STRING,
  bytes: COUNT,
  kept_ms: { ...COUNT, description: "How long it is kept after it was last asked for." },
});

export function imageRoutes(deps: ImageDeps): Route[] {
  return [
    {
      method: "post",
      path: "/api/images",
      access: "infer",
      uploads: true,
      summary: "Keeps an image for a while, for the requests of its sender that name its id.",
      parameters: queryOf(SOURCE_FIELDS),
      body: {
        "multipart/form-data": {
          schema: { type: "object", properties: { image_file: IMAGE_FILE_FIELD, ...SOURCE_FIELDS } },
        },
        "image/*": { schema: BYTES },
        "application/octet-stream": { schema: BYTES },
      },
      answers: {
        [CREATED]: { description: "It is kept.", content: json(KEPT_IMAGE) },
      },
      problems: [...IMAGE, ...WHEREABOUTS],
      handle: keepImage(deps),
    },
    {
      method: "delete",
      path: "/api/images/:id",
      access: "infer",
      summary: "Forgets an image that its sender keeps here.",
      parameters: [{ name: "id", in: "path", required: true, schema: STRING }],
      answers: { 204: { description: "It is gone." } },
      problems: ["image_unknown"],
      handle: forgetImage(deps),
    },
  ];
}

/** It is decoded at once, so that one that cannot be is refused here. */
function keepImage(deps: ImageDeps): RequestHandler {
  const { classifier, imageStore, keptMsMax } = deps;
  return async (_request, response) => {
    const [source, ...more] = uploadOf(response).images;
    if (source === undefined) throw new AppError("image_missing", "The request holds no image to keep.");
    if (more.length > 0) {
      throw new AppError("field_invalid", `The request holds ${1 + more.length} images; one at a time is kept.`);
    }
    const visit = visitOf(response);
    const kept = await visit.run(async () => {
      const content = await readImage(deps, visit, source);
      if (!(content instanceof Uint8Array))
        throw new AppError("field_invalid", "An image_id names what is kept already.");
      const look = await classifier.decode(content, visit);
      const name = nameOf(source, content);
      const { id } = imageStore.keep(visit.caller, name, look);
      return { id, name, ...look.image, bytes: look.bytes.length, kept_ms: keptMsMax };
    });
    response.status(CREATED).location(`/api/images/${kept.id}`).json(kept);
  };
}

function forgetImage({ imageStore, callerOf }: ImageDeps): RequestHandler {
  return (request, response) => {
    imageStore.remove(callerOf(request).name, String(request.params["id"]));
    response.status(204).end();
  };
}
