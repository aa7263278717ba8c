/**
 * Image classification as Hugging Face's inference API has it.
 * https://huggingface.co/docs/inference-providers/tasks/image-classification
 */
import type { Request, RequestHandler } from "express";
import type { Classify } from "../../classify.js";
import type { SendBytes } from "../../front/answers.js";
import { visitOf } from "../../front/enter.js";
import { bodyOf } from "../../front/read-raw.js";
import type { Route } from "../../front/route.js";
import { BYTES, IMAGE, json, listOf, NAMED_MODEL, objectOf, ok, STRING } from "../../front/schema.js";
import { type Classifier, NO_SETTINGS } from "../../ports.js";
import type { NamedModel } from "../oip/infer.js";
import { answeredOf } from "../oip/infer.js";
import { type HubRequest, readHubRequest, TOP_K_DEFAULT, TOP_K_MAX } from "./message.js";

export interface HuggingFaceDeps {
  readonly classify: Classify;
  readonly classifier: Pick<Classifier, "readJson">;
  readonly sendBytes: SendBytes;
}

const OPEN_BRACE = 0x7b;
const PARAMETERS = objectOf({ top_k: { type: "integer", minimum: 1, maximum: TOP_K_MAX, default: TOP_K_DEFAULT } }, [
  "top_k",
]);

export function huggingFaceRoutes(deps: HuggingFaceDeps): Route[] {
  return [
    {
      method: "post",
      path: "/hf/models/:model",
      access: "infer",
      reads: true,
      summary: "Hugging Face's image classification: labels and scores, the best first.",
      parameters: [
        { name: "model", in: "path", required: true, description: "Id of a model, or id@version.", schema: STRING },
      ],
      body: {
        ...json({ allOf: [objectOf({ inputs: STRING, parameters: PARAMETERS }, ["parameters"])] }),
        "image/*": { schema: BYTES },
        "application/octet-stream": { schema: BYTES },
      },
      answers: ok("The best classes.", json(listOf(objectOf({ label: STRING, score: { type: "number" } })))),
      problems: [...IMAGE, ...NAMED_MODEL],
      handle: classifyImage(deps),
    },
  ];
}

function classifyImage({ classify, classifier, sendBytes }: HuggingFaceDeps): RequestHandler {
  return async (request, response) => {
    const visit = visitOf(response);
    const { image, topK } = await readBody(bodyOf(response), (bytes) => classifier.readJson(bytes, visit));
    const [item] = await classify(visit, {
      images: [{ name: "inputs", bytes: image, sha256: "" }],
      choices: [{ kind: "zoo", ...modelOf(request) }],
      settings: NO_SETTINGS,
      options: { topK, scoreThreshold: 0, picture: false },
    });
    if (item === undefined) throw new Error("each image has an item");
    const best = answeredOf(item, 1).top.map(({ label, probability }) => ({ label, score: probability }));
    response.type("json");
    await sendBytes(response, Buffer.from(JSON.stringify(best)));
  };
}

/** JSON, or an image: none of those begins with a brace, whatever type the request says that it has. */
async function readBody(body: Uint8Array, readJson: (bytes: Uint8Array) => ReturnType<Classifier["readJson"]>) {
  if (body[0] === OPEN_BRACE) return readHubRequest(await readJson(body));
  return { image: body, topK: TOP_K_DEFAULT } satisfies HubRequest;
}

function modelOf({ params }: Request): NamedModel {
  const [id = "", ...version] = String(params["model"]).split("@");
  return { id, version: version.length === 0 ? null : version.join("@") };
}
