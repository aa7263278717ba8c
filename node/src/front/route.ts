/** A route as data: what the app mounts, the 405 answers, `/openapi.json` and the test of the documentation read. */
import type { ErrorRequestHandler, RequestHandler } from "express";
import type { ErrorCode } from "../generated/contract.js";
import type { Role } from "../ports.js";

/** A JSON schema. */
export type Schema = Readonly<Record<string, unknown>>;
/** By media type. */
export type Content = Readonly<Record<string, { readonly schema: Schema }>>;

/** What OpenAPI says of a route. */
export interface Operation {
  readonly summary: string;
  readonly parameters?: readonly Schema[];
  readonly body?: Content;
  /** Answers other than problems, by status. */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly content?: Content }>>;
  /** Codes of its own; those of its access and its body come with these. */
  readonly problems: readonly ErrorCode[];
}

export interface Route extends Operation {
  readonly method: "get" | "post" | "put" | "delete";
  /** As Express has it. */
  readonly path: string;
  /** The role that it takes. `anyone` takes no key; `probe` is answered before anything is asked of a request. */
  readonly access: Role | "anyone" | "probe";
  /** Whether it works for the request: then the request is admitted first. */
  readonly works?: boolean;
  /** Whether it reads a body with files; it works then. */
  readonly uploads?: boolean;
  /** Whether it reads a body of any type whole (`bodyOf`); it works then. */
  readonly reads?: boolean;
  readonly handle: RequestHandler | readonly RequestHandler[];
  /** Answers in place of some problems, of whatever stands before the route as well; it passes on the others. */
  readonly fallback?: ErrorRequestHandler;
}

/** Whether a route's requests are admitted first. */
export function isAdmitted({ works = false, uploads = false, reads = false }: Route): boolean {
  return works || uploads || reads;
}

/** Names that a route's query string may have. */
export function queryNamesOf({ parameters = [] }: Operation): string[] {
  return parameters.filter((parameter) => parameter["in"] === "query").map(({ name }) => String(name));
}

/** Names that the parts of a route's form may have. */
export function formNamesOf({ body }: Operation): string[] {
  return Object.keys(body?.["multipart/form-data"]?.schema["properties"] ?? {});
}

/** A path as OpenAPI has it, `/models/{id}`. In Express' own, a colon that is none of a parameter has a backslash before it. */
export function templateOf(path: string): string {
  return path.replace(/(?<!\\):(\w+)/g, "{$1}").replaceAll("\\:", ":");
}

/** The methods of each path. */
export function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) {
    const known = methods.get(path) ?? [];
    methods.set(path, known.concat(method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()]));
  }
  return methods;
}
