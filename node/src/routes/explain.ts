/** `POST /api/explain`: what an answer hangs on, as numbers or as a picture. */

import type { Request, RequestHandler } from "express";
import { AppError } from "../errors.js";
import type { Explain } from "../explain.js";
import type { SendBytes } from "../front/answers.js";
import { visitOf } from "../front/enter.js";
import { requestIdOf } from "../front/request-id.js";
import type { Route } from "../front/route.js";
import { uploadOf } from "../front/upload.js";
import { FIELD_SCHEMAS, parseWhyFields, WHY_SCHEMAS } from "./infer-fields.js";
import {
  BYTES,
  CLASSIFY,
  FORMAT,
  imageBody,
  json,
  MODEL_FIELD,
  named,
  ok,
  queryOf,
  REFERENCE_FIELDS,
} from "./schemas.js";

export interface ExplainDeps {
  readonly explain: Explain;
  readonly sendBytes: SendBytes;
}

const FORMATS = ["json", "png"] as const;
const TYPES = { json: "application/json", png: "image/png" } as const;
const FIELDS = { ...FIELD_SCHEMAS, ...WHY_SCHEMAS };

export function explainRoutes(deps: ExplainDeps): Route[] {
  return [
    {
      method: "post",
      path: "/api/explain",
      access: "infer",
      uploads: true,
      summary: "What the answer for one image and one model hangs on, as a map of the photo.",
      parameters: [
        { ...FORMAT, schema: { type: "string", enum: FORMATS } },
        ...queryOf({ ...REFERENCE_FIELDS, model: MODEL_FIELD, ...FIELDS }),
      ],
      body: imageBody(FIELDS),
      answers: ok("The map: in numbers, or over the photo as the model saw it.", {
        ...json(named("ExplainedItem")),
        "image/png": { schema: BYTES },
      }),
      problems: CLASSIFY,
      handle: explainAnswer(deps),
    },
  ];
}

function explainAnswer({ explain, sendBytes }: ExplainDeps): RequestHandler {
  return async (request, response) => {
    const format = formatOf(request);
    const { options, ...question } = parseWhyFields(uploadOf(response));
    const picture = options.picture || format === "png";
    const item = await explain(visitOf(response), { ...question, options: { ...options, picture } });
    response.type(TYPES[format]).vary("Accept");
    const [, png = ""] = item.explanation.picture?.split(",") ?? [];
    const text = JSON.stringify({ request_id: requestIdOf(response), ...item });
    await sendBytes(response, format === "png" ? Buffer.from(png, "base64") : Buffer.from(text));
  };
}

/** `?format=`, else by `Accept`. @throws AppError `field_invalid`. */
function formatOf(request: Request): (typeof FORMATS)[number] {
  const { format } = request.query;
  if (format === undefined || format === "") {
    return request.accepts(Object.values(TYPES)) === TYPES.png ? "png" : "json";
  }
  const known = FORMATS.find((name) => name === format);
  if (known !== undefined) return known;
  throw new AppError("field_invalid", `format=${String(format)} is none of ${FORMATS.join(", ")}.`);
}
