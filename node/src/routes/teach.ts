/** Jobs of teaching: photos come, a model goes. Each is its caller's alone. */
import { json as jsonBody, type Request, type RequestHandler, type Response } from "express";
import type { z } from "zod";
import { AppError } from "../errors.js";
import type { SendBytes, SendFile } from "../front/answers.js";
import { checkRole } from "../front/authorize.js";
import type { CallerOf } from "../front/caller.js";
import { visitOf } from "../front/enter.js";
import { checkBody } from "../front/known-names.js";
import type { Route, Schema } from "../front/route.js";
import { fieldsOf, uploadOf } from "../front/upload.js";
import type { Registrar, Role } from "../ports.js";
import { RESULT_FILES, type ResultFile, type TeachJobs } from "../teach-jobs.js";
import { jsonInTurns } from "./json-in-turns.js";
import { described } from "./models.js";
import type { LeavesRoom } from "./registered-models.js";
import { BYTES, ENGINE, GRAPH, json, LABELS, listOf, named, objectOf, ok, queryOf, STRING } from "./schemas.js";
import { JOB_BODY, PHOTO_QUERY, REGISTER_BODY, SHA256, schemaOf } from "./teach-schemas.js";

export interface TeachDeps {
  /** Null where nothing is taught. */
  readonly jobs: TeachJobs | null;
  readonly registrar: Registrar;
  readonly leavesRoom: LeavesRoom;
  readonly callerOf: CallerOf;
  /** Of who brings no key. */
  readonly anonymousRole: Role | "none";
  readonly sendBytes: SendBytes;
  readonly sendFile: SendFile;
}

const CREATED = 201;
const ACCEPTED = 202;
const BODY_LIMIT = "16kb";
export const JOB: Schema = { name: "job", in: "path", required: true, schema: STRING };
const PHOTO: Schema = {
  name: "sha256",
  in: "path",
  required: true,
  description: "SHA-256 of the photo's bytes, in lower-case hex.",
  schema: { type: "string", pattern: SHA256.source },
};
/** Where nothing is taught, and while another service has the jobs. */
export const AWAY = ["not_found", "engine_unavailable"] as const;
const ONE_JOB = json(named("TeachJob"));
/** Of each file its type, and what its name has behind the model's id. */
const FILES: Readonly<Record<ResultFile, { readonly type: string; readonly ending: string }>> = {
  "model.zip": { type: "application/zip", ending: ".zip" },
  "graph.pb": { type: "application/octet-stream", ending: ".pb" },
  "labels.txt": { type: "text/plain", ending: "-labels.txt" },
  "manifest.json": { type: "application/json", ending: "-manifest.json" },
};

/** @throws AppError `not_found` where nothing is taught. */
export function openedJobs(jobs: TeachJobs | null): TeachJobs {
  if (jobs !== null) return jobs;
  throw new AppError("not_found", "Nothing is taught here: the operator turned that off (TEACH=off).");
}

export function teachRoutes(deps: TeachDeps): Route[] {
  const opened = () => openedJobs(deps.jobs);
  const callerOf = (request: Request) => deps.callerOf(request).name;
  /** Jobs tell of thousands of classes and photos. */
  const sendJson = async (response: Response, answer: object) => {
    response.type("json");
    await deps.sendBytes(response, JSON.stringify(answer));
  };
  const sendList = async (response: Response, name: string, items: Iterable<object>) => {
    response.type("json");
    await deps.sendBytes(response, await jsonInTurns({}, name, items));
  };
  /** Of a request that names a job. */
  const of = (request: Request) => [callerOf(request), String(request.params["job"])] as const;
  return [
    {
      method: "post",
      path: "/api/teach",
      access: "models",
      summary: "Begins a job: a model is to be taught on another one. Photos come next.",
      body: json(named("NewTeachJob")),
      answers: { [CREATED]: { description: "Photos may come.", content: ONE_JOB } },
      problems: [...AWAY, "model_unknown", "version_unknown", "storage_full"],
      handle: taking(JOB_BODY, async (asked, request, response) => {
        if (asked.from_feedback) checkRole(deps.callerOf(request), deps.anonymousRole, "admin");
        const job = await opened().create(callerOf(request), asked);
        response.status(CREATED).location(`/api/teach/${job.id}`).json(job);
      }),
    },
    {
      method: "get",
      path: "/api/teach",
      access: "models",
      summary: "The caller's jobs, the newest first.",
      answers: ok("All of them.", json(objectOf({ jobs: listOf(named("TeachJob")) }))),
      problems: [...AWAY, "overloaded"],
      handle: async (request, response) => {
        await sendList(response, "jobs", opened().list(callerOf(request)));
      },
    },
    {
      method: "get",
      path: "/api/teach/:job",
      access: "models",
      summary: "How a job is.",
      parameters: [JOB],
      answers: ok("As it is now.", ONE_JOB),
      problems: [...AWAY, "job_unknown", "overloaded"],
      handle: async (request, response) => {
        await sendJson(response, opened().find(...of(request)));
      },
    },
    {
      method: "delete",
      path: "/api/teach/:job",
      access: "models",
      summary: "Ends a job, and removes its photos and its result.",
      parameters: [JOB],
      answers: { 204: { description: "It is gone." } },
      problems: [...AWAY, "job_unknown", "storage_full"],
      handle: async (request, response) => {
        await opened().remove(...of(request));
        response.status(204).end();
      },
    },
    {
      method: "get",
      path: "/api/teach/:job/photos",
      access: "models",
      summary: "The photos that a job has, so that an upload goes on where it was.",
      parameters: [JOB],
      answers: ok("All of them.", json(objectOf({ photos: listOf(named("TeachPhoto")) }))),
      problems: [...AWAY, "job_unknown", "overloaded"],
      handle: async (request, response) => {
        await sendList(response, "photos", opened().photosOf(...of(request)));
      },
    },
    {
      method: "put",
      path: "/api/teach/:job/photos/:sha256",
      access: "models",
      uploads: true,
      summary: "Keeps a photo for a job; one that is there moves to the label.",
      parameters: [JOB, PHOTO, ...queryOf(schemaOf(PHOTO_QUERY)["properties"] as Readonly<Record<string, Schema>>)],
      body: { "image/*": { schema: BYTES }, "application/octet-stream": { schema: BYTES } },
      answers: { 204: { description: "It is kept." } },
      problems: [...AWAY, "job_unknown", "job_busy", "image_missing", "storage_full"],
      handle: async (request, response) => {
        const jobs = opened();
        const sha256 = photoOf(request);
        const [photo] = uploadOf(response).images;
        if (photo === undefined || !("bytes" in photo) || photo.bytes.length === 0)
          throw new AppError("image_missing", "Send the photo as the body, with a Content-Type such as image/jpeg.");
        const { label, name } = parsed(PHOTO_QUERY, queryFields(request));
        const given = { sha256, label, name: name || sha256.slice(0, 12), content: photo.bytes };
        await visitOf(response).run(() => jobs.putPhoto(...of(request), given));
        response.status(204).end();
      },
    },
    {
      method: "delete",
      path: "/api/teach/:job/photos/:sha256",
      access: "models",
      summary: "Removes a photo of a job.",
      parameters: [JOB, PHOTO],
      answers: { 204: { description: "It is gone." } },
      problems: [...AWAY, "job_unknown", "job_busy", "storage_full"],
      handle: async (request, response) => {
        await opened().removePhoto(...of(request), photoOf(request));
        response.status(204).end();
      },
    },
    {
      method: "post",
      path: "/api/teach/:job/start",
      access: "models",
      summary: "Puts a job into the line of those that wait to be run. A result that it had is gone.",
      parameters: [JOB],
      answers: { [ACCEPTED]: { description: "It waits, or runs.", content: ONE_JOB } },
      problems: [...AWAY, "job_unknown", "model_unknown", "version_unknown", "storage_full", "overloaded"],
      handle: async (request, response) => {
        await sendJson(response.status(ACCEPTED), await opened().start(...of(request)));
      },
    },
    {
      method: "post",
      path: "/api/teach/:job/cancel",
      access: "models",
      summary: "Ends the run of a job, or its wait. Its photos stay, and it may be started again.",
      parameters: [JOB],
      answers: { [ACCEPTED]: { description: "It ends.", content: ONE_JOB } },
      problems: [...AWAY, "job_unknown", "storage_full", "overloaded"],
      handle: async (request, response) => {
        await sendJson(response.status(ACCEPTED), await opened().cancel(...of(request)));
      },
    },
    ...RESULT_FILES.map(
      (name): Route => ({
        method: "get",
        path: `/api/teach/:job/${name}`,
        access: "models",
        summary: name === "model.zip" ? "The result: the model's folder." : `${name} of the result.`,
        parameters: [JOB],
        answers: ok("The file.", { [FILES[name].type]: { schema: BYTES } }),
        problems: [...AWAY, "job_unknown", "job_busy"],
        handle: async (request, response) => {
          const jobs = opened();
          const file = await jobs.openFile(...of(request), name);
          const { type, ending } = FILES[name];
          response.attachment(`${jobs.find(...of(request)).model.id}${ending}`).type(type);
          await deps.sendFile(response, file);
        },
      }),
    ),
    {
      method: "post",
      path: "/api/teach/:job/register",
      access: "models",
      works: true,
      summary: "Makes the result a registered model, which is served at once.",
      parameters: [JOB],
      body: json(named("NewTaughtModel")),
      answers: {
        ...ok("The very same model was registered before.", json(named("DescribedModel"))),
        [CREATED]: { description: "The model is registered.", content: json(named("DescribedModel")) },
      },
      problems: [
        ...GRAPH,
        ...LABELS,
        ...ENGINE,
        "not_found",
        "job_unknown",
        "job_busy",
        "model_exists",
        "storage_full",
      ],
      handle: taking(REGISTER_BODY, async (asked, request, response) => {
        const jobs = opened();
        const visit = visitOf(response);
        const { identity, spec, confidence, added } = await visit.run(async () => {
          const hold = (bytes: number) => visit.charge(bytes);
          const registration = await jobs.registration(...of(request), asked, hold);
          return await deps.registrar.register(registration, visit, deps.leavesRoom(request));
        }, "strangers");
        response.location(`/api/models/${identity.id}@${identity.version}`);
        response.status(added ? CREATED : 200).json(described(identity, spec, confidence));
      }),
    },
  ];
}

/** Reads the JSON of a body first. */
function taking<Body extends z.ZodObject>(
  body: Body,
  handle: (asked: z.infer<Body>, request: Request, response: Response) => Promise<void>,
): RequestHandler[] {
  return [
    jsonBody({ limit: BODY_LIMIT }),
    checkBody(Object.keys(body.shape)),
    async (request, response) => {
      if (typeof request.body !== "object" || request.body === null || Array.isArray(request.body))
        throw new AppError("field_invalid", "Send a JSON object with Content-Type application/json.");
      await handle(parsed(body, request.body), request, response);
    },
  ];
}

/** @throws AppError `field_invalid`. */
function parsed<Body extends z.ZodType>(body: Body, value: unknown): z.infer<Body> {
  const found = body.safeParse(value);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw new AppError("field_invalid", `${issue?.path.join(".")}: ${issue?.message}.`);
}

function queryFields(request: Request): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...fieldsOf(request)].map(([name, values]) => {
      if (values.length > 1) throw new AppError("field_invalid", `${name} may be sent once.`);
      return [name, values[0] ?? ""];
    }),
  );
}

function photoOf(request: Request): string {
  const sha256 = String(request.params["sha256"]);
  if (!SHA256.test(sha256))
    throw new AppError("field_invalid", "The address names no SHA-256 in lower-case hex, such as 9f86d081….");
  return sha256;
}
