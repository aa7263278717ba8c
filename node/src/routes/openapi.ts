/**
 * `GET /openapi.json`: every route with what it takes and every status that it answers, as OpenAPI 3.1.
 *
 * Text fields are those of the schemas that validate (`infer-fields.ts`), answers those of the contract's Rust types
 * (`generated/contract-schema.ts`), statuses those of the table of error codes.
 */
import { HTTP_STATUS } from "../errors.js";
import { type Content, isAdmitted, type Route, type Schema, templateOf } from "../front/route.js";
import { type ErrorCode, VERSION } from "../generated/contract.js";
import { COMPONENTS, json, named, objectOf, ok, STRING } from "./schemas.js";

/** By where a path begins, after `/api`. */
const TAGS: Readonly<Record<string, string>> = {
  infer: "classify",
  explain: "classify",
  images: "classify",
  feedback: "classify",
  models: "models",
  teach: "teach",
  v1: "TensorFlow Serving",
  v2: "Open Inference Protocol v2",
  hf: "Hugging Face",
};

/** The routes with the one that describes them all. */
export function withOpenApi(routes: readonly Route[]): Route[] {
  const described: Route[] = [
    ...routes,
    {
      method: "get",
      path: "/openapi.json",
      access: "anyone",
      summary: "This document.",
      answers: ok("The document.", json({ type: "object" })),
      problems: [],
      handle: (_request, response) => {
        response.json(document);
      },
    },
  ];
  const document = openApiDocument(described);
  return described;
}

/** The document. */
export function openApiDocument(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const route of routes) {
    const path = templateOf(route.path);
    paths[path] = { ...paths[path], [route.method]: describe(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Menagerie", version: VERSION, description: "Image classification with frozen TensorFlow graphs." },
    paths,
    security: [{}, { bearer: [] }, { apiKey: [] }],
    components: {
      schemas: COMPONENTS,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
      },
    },
  };
}

function describe(route: Route): Schema {
  const { summary, parameters = [], body, answers, problems } = route;
  return {
    tags: [tagOf(route.path)],
    summary,
    parameters,
    ...(body === undefined ? {} : { requestBody: { content: closed(body) } }),
    responses: { ...problemResponses([...problemsBefore(route), ...problems, "internal"]), ...answers },
  };
}

/** What viewers put a call under. */
function tagOf(path: string): string {
  const [, first = "", second = ""] = path.split(/[/:]/);
  return TAGS[first === "api" ? second : first] ?? "service";
}

/** Names that a body's schema does not have are refused. */
function closed(body: Content): Content {
  return Object.fromEntries(
    Object.entries(body).map(([type, { schema }]) => [
      type,
      { schema: "properties" in schema ? { ...schema, additionalProperties: false } : schema },
    ]),
  );
}

/** Whatever stands before the work of a route. */
function problemsBefore(route: Route): ErrorCode[] {
  const { access } = route;
  return [
    ...(access === "probe" ? [] : ["rate_limited" as const, "field_invalid" as const]),
    ...(access === "probe" || access === "anyone" ? [] : ["unauthorized" as const, "forbidden" as const]),
    ...(isAdmitted(route) ? ["overloaded" as const, "engine_timeout" as const] : []),
    ...(route.uploads || route.reads ? ["upload_too_large" as const] : []),
  ];
}

/** One response a status; several codes may share it. */
function problemResponses(codes: readonly ErrorCode[]): Readonly<Record<number, Schema>> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    byStatus.set(HTTP_STATUS[code], [...(byStatus.get(HTTP_STATUS[code]) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, sharing]) => [
      status,
      {
        description: sharing.join(", "),
        content: {
          "application/problem+json": {
            schema: { allOf: [named("Problem"), objectOf({ code: { enum: sharing } })] },
          },
          "text/html": { schema: STRING },
        },
      },
    ]),
  );
}
