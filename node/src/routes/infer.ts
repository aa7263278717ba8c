/** `POST /infer`: every image with every model, images outermost. */

import type { RequestHandler } from "express";
import type { Classify } from "../classify.js";
import type { SendBytes } from "../front/answers.js";
import { visitOf } from "../front/enter.js";
import { formOf } from "../front/negotiate.js";
import type { Route } from "../front/route.js";
import { uploadOf } from "../front/upload.js";
import type { NoteProblem } from "../front/watch-requests.js";
import { sendAnswer } from "./answer.js";
import { answerEmpty, FALLBACK_SCHEMAS, isDegraded, wantsEmpty } from "./fallback.js";
import { FIELD_SCHEMAS, parseInferFields } from "./infer-fields.js";
import {
  CLASSIFY,
  EXAMPLE_FIELDS,
  FORMAT,
  imageBody,
  json,
  MODEL_FIELD,
  named,
  ok,
  queryOf,
  REFERENCE_FIELDS,
  STRING,
} from "./schemas.js";

export interface InferDeps {
  readonly classify: Classify;
  readonly sendBytes: SendBytes;
  readonly modelsPerRequestMax: number;
  readonly note: NoteProblem;
}

const FIELDS = { ...FIELD_SCHEMAS, ...FALLBACK_SCHEMAS };

export function inferRoutes(deps: InferDeps): Route[] {
  return [
    {
      method: "post",
      path: "/infer",
      access: "infer",
      uploads: true,
      summary: "Classifies each image with each model, images outermost.",
      parameters: [FORMAT, ...queryOf({ ...REFERENCE_FIELDS, model: MODEL_FIELD, ...FIELDS })],
      body: imageBody({ ...EXAMPLE_FIELDS, ...FIELDS }),
      answers: ok("One item at least was classified.", {
        ...json(named("InferAnswer")),
        "text/html": { schema: STRING },
        "text/plain": { schema: STRING },
      }),
      problems: CLASSIFY,
      handle: infer(deps),
      fallback: answerEmpty(deps.note),
    },
  ];
}

function infer({ classify, sendBytes, modelsPerRequestMax }: InferDeps): RequestHandler {
  return async (request, response) => {
    const form = formOf(request);
    const upload = uploadOf(response);
    const isEmptyWanted = wantsEmpty(upload);
    const asked = parseInferFields(upload, modelsPerRequestMax);
    // A page without JavaScript shows what the model saw.
    const options = form === "page" ? { ...asked.options, picture: true } : asked.options;
    const items = await classify(visitOf(response), { images: upload.images, ...asked, options });
    await sendAnswer(sendBytes, response, form, items, isEmptyWanted && items.some(isDegraded));
  };
}
