/** TensorFlow Serving's REST API, and the list of models that KServe's first protocol adds to it. */
import type { Request, RequestHandler, Response } from "express";
import type { SendBytes } from "../../front/answers.js";
import { visitOf } from "../../front/enter.js";
import { bodyOf } from "../../front/read-raw.js";
import type { Route } from "../../front/route.js";
import { IMAGE, json, MODEL_IN_PATH, NAMED_MODEL, ok, VERSION_IN_PATH } from "../../front/schema.js";
import type { Classifier, JsonValue, Models, ModelZoo } from "../../ports.js";
import type { InferDeps, NamedModel } from "../oip/infer.js";
import { modelMetadata } from "../oip/metadata.js";
import { classifyExamples } from "./classify.js";
import { predict } from "./predict.js";
import { readClassify, readPredict } from "./rest-request.js";
import { writeClassify, writeMetadata, writePredict, writeStatus } from "./rest-response.js";
import {
  CLASSIFY_REQUEST_SCHEMA,
  CLASSIFY_RESPONSE_SCHEMA,
  METADATA_SCHEMA,
  MODELS_SCHEMA,
  PREDICT_REQUEST_SCHEMA,
  PREDICT_RESPONSE_SCHEMA,
  STATUS_SCHEMA,
} from "./schemas.js";
import { modelNames, versionStatuses } from "./status.js";

export interface TfServingDeps extends InferDeps {
  readonly models: Models;
  readonly zoo: ModelZoo;
  readonly classifier: Pick<Classifier, "readJson">;
  readonly sendBytes: SendBytes;
}

/** What stands before these has a place of its own in the table, before the model's: no parameter of Express ends at a colon. */
const CALL = /:(predict|classify)$/;

export function tfServingRoutes(deps: TfServingDeps): Route[] {
  const { models, zoo } = deps;
  return [
    {
      method: "get",
      path: "/v1/models",
      access: "infer",
      summary: "TensorFlow Serving, as KServe lists it: the ids of the models that answer.",
      answers: ok("All of them.", json(MODELS_SCHEMA)),
      problems: [],
      handle: (_request, response) => {
        response.json({ models: modelNames(models, zoo) });
      },
    },
    ...["/v1/models/:model", "/v1/models/:model/versions/:version"].flatMap((path) => modelRoutes(deps, path)),
  ];
}

function modelRoutes(deps: TfServingDeps, path: string): Route[] {
  const { models, zoo } = deps;
  const parameters = path.includes(":version") ? [MODEL_IN_PATH, VERSION_IN_PATH] : [MODEL_IN_PATH];
  return [
    {
      method: "post",
      path: `${path}\\:predict`,
      access: "infer",
      reads: true,
      summary: "TensorFlow Serving: what the graph gives for images, pixels, or what it is fed.",
      parameters,
      body: json(PREDICT_REQUEST_SCHEMA),
      answers: ok("In the format of the request.", json(PREDICT_RESPONSE_SCHEMA)),
      problems: [...IMAGE, ...NAMED_MODEL],
      handle: answering(deps, async (message, visit, model) => {
        const { request, format } = readPredict(message);
        return writePredict(await predict(deps, visit, { model, ...request, outputs: [] }), format);
      }),
    },
    {
      method: "post",
      path: `${path}\\:classify`,
      access: "infer",
      reads: true,
      summary: "TensorFlow Serving: the classes of encoded images, the best first, with their probabilities.",
      parameters,
      body: json(CLASSIFY_REQUEST_SCHEMA),
      answers: ok("Labels and probabilities.", json(CLASSIFY_RESPONSE_SCHEMA)),
      problems: [...IMAGE, ...NAMED_MODEL],
      handle: answering(deps, async (message, visit, model) =>
        writeClassify(await classifyExamples(deps, visit, { model, ...readClassify(message) })),
      ),
    },
    {
      method: "get",
      path,
      access: "infer",
      summary: "TensorFlow Serving: whether the versions of a model answer.",
      parameters,
      answers: ok("Each with its state.", json(STATUS_SCHEMA)),
      problems: ["model_unknown", "version_unknown"],
      handle: (request, response, next) => {
        // Of a call, which takes another method.
        if (CALL.test(request.path)) next("route");
        else response.json(writeStatus(versionStatuses(models, zoo, modelOf(request))));
      },
    },
    {
      method: "get",
      path: `${path}/metadata`,
      access: "infer",
      works: true,
      summary: "TensorFlow Serving: the signatures of a model. It is loaded where needed.",
      parameters,
      answers: ok("What it takes and answers.", json(METADATA_SCHEMA)),
      problems: NAMED_MODEL,
      handle: async (request, response) => {
        const model = modelOf(request);
        const metadata = await modelMetadata(models, zoo, visitOf(response), model);
        response.json(writeMetadata(metadata, model.version ?? zoo.find(model.id)?.manifest.version ?? ""));
      },
    },
  ];
}

type Answer = (message: JsonValue, visit: ReturnType<typeof visitOf>, model: NamedModel) => Promise<object>;

/** JSON to JSON, whatever the request says of its type: `curl -d` says that it is a form. */
function answering({ classifier, sendBytes }: TfServingDeps, answer: Answer): RequestHandler {
  return async (request: Request, response: Response) => {
    const visit = visitOf(response);
    const message = await classifier.readJson(bodyOf(response), visit);
    const answered = await answer(message, visit, modelOf(request));
    response.type("json");
    await sendBytes(response, Buffer.from(JSON.stringify(answered)));
  };
}

function modelOf({ params }: Request): NamedModel {
  const { model, version } = params;
  return { id: String(model), version: typeof version === "string" ? version : null };
}
