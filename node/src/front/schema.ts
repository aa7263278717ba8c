/** What descriptions of routes in OpenAPI are made of, whatever room they are of. */
import type { ErrorCode } from "../generated/contract.js";
import type { Content, Schema } from "./route.js";

export const BYTES: Schema = { type: "string", format: "binary" };
export const STRING: Schema = { type: "string" };
export const COUNT: Schema = { type: "integer", minimum: 0 };

export const named = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
export const listOf = (items: Schema): Schema => ({ type: "array", items });
/** An object whose fields are all there, but for those in `optional`. */
export const objectOf = (properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
export const json = (schema: Schema): Content => ({ "application/json": { schema } });
export const ok = (description: string, content: Content) => ({ 200: { description, content } });

/** Whatever may come of loading a model. */
export const ENGINE: readonly ErrorCode[] = ["engine_failed", "engine_unavailable", "engine_timeout"];
export const GRAPH: readonly ErrorCode[] = [
  "graph_invalid",
  "graph_op_forbidden",
  "graph_ambiguous",
  "graph_too_large",
];
export const LABELS: readonly ErrorCode[] = ["labels_missing", "labels_mismatch", "labels_invalid"];
export const IMAGE: readonly ErrorCode[] = [
  "image_missing",
  "image_unsupported",
  "image_undecodable",
  "image_too_large",
];
/** Whatever may come of a model that is named. */
export const NAMED_MODEL: readonly ErrorCode[] = [...GRAPH, ...LABELS, ...ENGINE, "model_unknown", "version_unknown"];

export const MODEL_IN_PATH: Schema = {
  name: "model",
  in: "path",
  required: true,
  description: "Id of a model.",
  schema: STRING,
};
export const VERSION_IN_PATH: Schema = { name: "version", in: "path", required: true, schema: STRING };

/** Fields as parameters of the query string. */
export function queryOf(fields: Readonly<Record<string, object>>): Schema[] {
  return Object.entries(fields).map(([name, schema]) => ({ name, in: "query", schema }));
}
