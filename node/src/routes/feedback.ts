/** What was right: what askers say of their answers, and how often a model agreed with them. */

import { json as jsonBody, type Request } from "express";
import { z } from "zod";
import { AppError } from "../errors.js";
import type { CallerOf } from "../front/caller.js";
import { checkBody } from "../front/known-names.js";
import { REQUEST_ID } from "../front/request-id.js";
import type { Route } from "../front/route.js";
import type { Feedback, ModelZoo, Role } from "../ports.js";
import { PRINTABLE_LINE } from "../printable.js";
import { findModel } from "./models.js";
import { ID, json, named, ok, STRING } from "./schemas.js";

export interface FeedbackDeps {
  /** Null where nothing is remembered. */
  readonly feedback: Feedback | null;
  readonly zoo: ModelZoo;
  readonly callerOf: CallerOf;
  readonly anonymousRole: Role | "none";
}

const LABEL_CHARACTERS_MAX = 200;
const INDEX_MAX = 1_000_000;

const BODY = z.strictObject({
  request_id: z
    .string()
    .regex(REQUEST_ID, "must be that of an answer: at most 128 letters, digits, ., _ and -")
    .describe("That of the answer."),
  index: z.int().min(0).max(INDEX_MAX).default(0).describe("Place in its results; 0 when absent."),
  label: z
    .string()
    .trim()
    .min(1)
    .max(LABEL_CHARACTERS_MAX)
    .regex(PRINTABLE_LINE, "must be one line without control characters")
    .describe("What it really was: a label of the model's, or any other words."),
});
const { $schema: _, ...BODY_SCHEMA } = z.toJSONSchema(BODY, { io: "input" });

export function feedbackRoutes({ feedback, zoo, callerOf, anonymousRole }: FeedbackDeps): Route[] {
  const opened = () => {
    if (feedback !== null) return feedback;
    throw new AppError("not_found", "Nothing is remembered here: the operator turned that off (FEEDBACK=off).");
  };
  const askerOf = (request: Request, requestId: string) => {
    const { name, holder } = callerOf(request);
    return { caller: name, requestId, key: holder?.name ?? null };
  };
  const isAdmin = (request: Request) => (callerOf(request).holder?.role ?? anonymousRole) === "admin";
  return [
    {
      method: "post",
      path: "/api/feedback",
      access: "infer",
      summary: "Says what an answer should have been. Only who asked may; what was said of it before is gone.",
      body: json(BODY_SCHEMA),
      answers: ok("It is remembered.", json(named("LabelledAnswer"))),
      problems: ["field_invalid", "request_unknown", "not_found", "overloaded"],
      handle: [
        jsonBody({ limit: "4kb" }),
        checkBody(Object.keys(BODY.shape)),
        async (request, response) => {
          const { request_id, index, label } = bodyOf(request);
          const { answered } = await opened().label(askerOf(request, request_id), index, label);
          response.json({ request_id, index, label, answered, right: answered === label });
        },
      ],
    },
    {
      method: "delete",
      path: "/api/feedback/:request_id",
      access: "infer",
      summary: "Removes what is remembered of a request, its images too. Who asked may, and an admin.",
      parameters: [{ name: "request_id", in: "path", required: true, schema: STRING }],
      answers: { 204: { description: "It is gone." } },
      problems: ["request_unknown", "not_found", "overloaded"],
      handle: async (request, response) => {
        const requestId = String(request.params["request_id"]);
        if (!REQUEST_ID.test(requestId)) throw new AppError("request_unknown", "No request has such an id.");
        await opened().forget(askerOf(request, requestId), isAdmin(request));
        response.status(204).end();
      },
    },
    {
      method: "get",
      path: "/api/models/:id/accuracy",
      access: "infer",
      summary: "How often a model was right by what its askers said.",
      parameters: [ID],
      answers: ok("What was counted.", json(named("AccuracyReport"))),
      problems: ["model_unknown", "version_unknown", "not_found", "overloaded"],
      handle: async (request, response) => {
        const { id, version } = findModel(zoo, request).manifest;
        response.json({ id, version, ...(await opened().accuracyOf(id, version)) });
      },
    },
  ];
}

/** @throws AppError `field_invalid`. */
function bodyOf(request: Request): z.infer<typeof BODY> {
  const body = BODY.safeParse(request.body);
  if (body.success) return body.data;
  if (typeof request.body !== "object" || Array.isArray(request.body)) {
    const detail = 'Send {"request_id":"…","label":"…"} with Content-Type application/json.';
    throw new AppError("field_invalid", detail);
  }
  const [issue] = body.error.issues;
  throw new AppError("field_invalid", `${issue?.path.join(".")}: ${issue?.message}`);
}
