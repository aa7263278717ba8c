/** `POST /infer`: every image with every model, images outermost. */
import type { RequestHandler } from "express";
import { AppError } from "../errors.js";
import { holdPermit } from "../front/gate.js";
import type { HoldBytes } from "../front/hold-bytes.js";
import { formOf } from "../front/negotiate.js";
import { type ImageSource, uploadOf } from "../front/read-upload.js";
import { requestIdOf } from "../front/request-id.js";
import type { Route } from "../front/route.js";
import type { Classifier, ClassifyOptions, FetchImage, ModelChoice, Models, OpenModel } from "../ports.js";
import type { InferItem } from "./answer.js";
import { sendAnswer } from "./answer.js";
import { FIELD_SCHEMAS, type InferRequest, parseInferFields } from "./infer-fields.js";
import {
  BYTES,
  ENGINE,
  FORMAT,
  GRAPH,
  GRAPH_FIELDS,
  IMAGE,
  json,
  LABELS,
  listOf,
  MODEL_FIELD,
  named,
  ok,
  queryOf,
  STRING,
  URL_FIELD,
} from "./schemas.js";

export interface InferDeps {
  readonly models: Models;
  readonly classifier: Classifier;
  readonly modelsPerRequestMax: number;
  readonly imageBytesMax: number;
  readonly fetchImage: FetchImage;
  readonly hold: HoldBytes;
}

export function inferRoutes(deps: InferDeps): Route[] {
  return [
    {
      method: "post",
      path: "/infer",
      access: "infer",
      uploads: true,
      summary: "Classifies each image with each model, images outermost.",
      parameters: [FORMAT, ...queryOf({ image_url: URL_FIELD, model: MODEL_FIELD, ...FIELD_SCHEMAS })],
      body: {
        "multipart/form-data": {
          schema: {
            type: "object",
            properties: {
              image_file: { ...listOf(BYTES), description: "JPEG, PNG, WebP, GIF (first frame) or BMP." },
              image_url: URL_FIELD,
              model: MODEL_FIELD,
              ...GRAPH_FIELDS,
              ...FIELD_SCHEMAS,
            },
          },
        },
        "image/*": { schema: BYTES },
        "application/octet-stream": { schema: BYTES },
      },
      answers: ok("One item at least was classified.", {
        ...json(named("InferAnswer")),
        "text/html": { schema: STRING },
        "text/plain": { schema: STRING },
      }),
      problems: [
        ...IMAGE,
        ...GRAPH,
        ...LABELS,
        ...ENGINE,
        "model_unknown",
        "version_unknown",
        "url_forbidden",
        "url_unreachable",
      ],
      handle: infer(deps),
    },
  ];
}

function infer(deps: InferDeps): RequestHandler {
  return async (request, response) => {
    const form = formOf(request);
    const upload = uploadOf(response);
    const asked = parseInferFields(upload, deps.modelsPerRequestMax);
    // A page without JavaScript shows what the model saw.
    const options = form === "page" ? { ...asked.options, picture: true } : asked.options;
    const read = async (image: ImageSource): Promise<Uint8Array> => {
      if (!("url" in image)) return image.bytes;
      response.once("close", deps.hold(deps.imageBytesMax));
      return await deps.fetchImage(image.url);
    };
    const work = classifyAll(deps, upload.images, read, { ...asked, options }, requestIdOf(response));
    sendAnswer(response, form, await holdPermit(response, work));
  };
}

/** One item an image and model. Rejects with the first problem when not a single one succeeded. */
async function classifyAll(
  deps: InferDeps,
  images: readonly ImageSource[],
  read: (image: ImageSource) => Promise<Uint8Array>,
  { choices, settings, options }: InferRequest,
  requestId: string,
): Promise<InferItem[]> {
  const [opened, contents] = await Promise.all([
    Promise.allSettled(choices.map((choice) => deps.models.open(choice, settings))),
    Promise.allSettled(images.map(read)),
  ]);
  const calls = images.flatMap((image, imageIndex) => {
    const imageName = "url" in image ? image.url : image.name;
    const content = contents[imageIndex];
    return opened.map(async (model, index): Promise<InferItem> => {
      const name = nameOf(choices[index]);
      try {
        if (content?.status !== "fulfilled") throw content?.reason;
        if (model.status === "rejected") throw model.reason;
        // Classifying may take the bytes away: each model but the last gets a copy (`slice` of a Buffer is none).
        const bytes = index === opened.length - 1 ? content.value : new Uint8Array(content.value);
        return await classifyOne(deps.classifier, model.value, { name: imageName, bytes }, options);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return { image: { name: imageName }, model: name, error: error.problem(requestId), cause: error };
      }
    });
  });
  const items = await Promise.all(calls).finally(() => {
    for (const model of opened) if (model.status === "fulfilled") model.value.release();
  });
  const [first] = items;
  if (first !== undefined && "error" in first && items.every((item) => "error" in item)) throw first.cause;
  return items;
}

async function classifyOne(
  classifier: Classifier,
  { identity, target }: OpenModel,
  image: { readonly name: string; readonly bytes: Uint8Array },
  options: ClassifyOptions,
): Promise<InferItem> {
  const { image: facts, ...answer } = await classifier.classify(target, image.bytes, options);
  return { image: { name: image.name, ...facts }, model: identity, ...answer };
}

/** What the request called the model, for an item that failed before the model was known. */
function nameOf(choice: ModelChoice | undefined): { id: string } {
  return { id: choice?.kind === "zoo" ? (choice.id ?? "default") : "uploaded" };
}
