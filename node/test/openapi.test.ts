/** `/openapi.json` says what the app does: it is made of the table of routes, and real answers are as it says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { ROOT_DIR } from "../src/config.js";
import { type ErrorCode, VERSION } from "../src/generated/contract.js";
import { openApiDocument } from "../src/routes/openapi.js";
import { type FakeService, form, startFakeService } from "./support/fake-service.js";
import { COLOURS } from "./support/graph-def.js";

interface Operation {
  readonly responses: Readonly<Record<string, { content: Record<string, { schema: JsonSchema }> }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

const { routes, close } = await startFakeService();
await close();
const document = openApiDocument(routes) as Document;
const validator = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
validator.addSchema({ $id: "openapi", ...document });

/** What the schema at a place of the document says against a value; a field that it does not name is one more complaint. */
function complaints(schema: JsonSchema, value: unknown): unknown[] {
  // Its references are to places of the whole document.
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object;
  const validate = validator.compile(absolute);
  return [...(validate(value) ? [] : (validate.errors ?? [])), ...undocumented([schema], value, "")];
}

interface JsonSchema {
  readonly $ref?: string;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
}

/**
 * Paths of the fields that none of the schemas names, whichever of them a value is meant to fit. JSON Schema lets any
 * field pass that a schema is silent about; where it says nothing of fields at all, they are anybody's.
 */
function undocumented(schemas: readonly JsonSchema[], value: unknown, path: string): string[] {
  const all = schemas.flatMap(parts);
  if (Array.isArray(value)) {
    const items = all.flatMap((schema) => schema.items ?? []);
    return value.flatMap((item, index) => undocumented(items, item, `${path}/${index}`));
  }
  if (typeof value !== "object" || value === null) return [];
  if (!all.some((schema) => schema.properties ?? schema.additionalProperties)) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const named = all.flatMap((schema) => schema.properties?.[name] ?? []);
    const others = all.flatMap(({ additionalProperties: any }) => (typeof any === "object" ? any : []));
    if (named.length + others.length > 0) return undocumented([...named, ...others], inner, `${path}/${name}`);
    return [`${path}/${name}`];
  });
}

/** A schema with those that it refers to and is made of. */
function parts(schema: JsonSchema): JsonSchema[] {
  const { $ref, allOf = [], anyOf = [], oneOf = [] } = schema;
  const referred = $ref === undefined ? [] : [componentOf($ref)];
  return [schema, ...[...referred, ...allOf, ...anyOf, ...oneOf].flatMap(parts)];
}

function componentOf(reference: string): JsonSchema {
  const schema = document.components.schemas[reference.replace("#/components/schemas/", "")];
  if (schema === undefined) throw new Error(`${reference} is not there`);
  return schema;
}

test("the package of the addon, the one that carries a version of its own, carries that of the crates", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT_DIR, "native/addon/package.json"), "utf8"));
  expect(version).toBe(VERSION);
});

test("every schema of it can be read, and refers to what is there", () => {
  expect(document.openapi).toBe("3.1.0");
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    expect(() => complaints(schema, {}), name).not.toThrow();
  }
});

describe("an answer is as the document says", () => {
  let service: FakeService;
  beforeAll(async () => {
    service = await startFakeService({ graphBytesMax: 1000, requestsPerWindowMax: 1000 });
  });
  afterAll(async () => {
    await service.close();
  });

  const RED = Buffer.from("red");
  const GRAPH = Buffer.from("graph of mine");
  const putJson = (body: object): RequestInit => ({
    method: "PUT",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  const postJson = (body: object): RequestInit => ({ ...putJson(body), method: "POST" });
  const ENCODED = { b64: RED.toString("base64") };
  const post = (parts: Parameters<typeof form>[0]): RequestInit => ({ method: "POST", body: form(parts) });

  it.each<[string, string, RequestInit, number | ErrorCode]>([
    ["/healthz", "", {}, 200],
    ["/readyz", "", {}, 200],
    ["/openapi.json", "", {}, 200],
    ["/api/service", "", {}, 200],
    ["/api/models/{id}/samples", "colours", {}, 200],
    ["/api/models/{id}/samples", "nope", {}, "model_unknown"],
    ["/infer", "?format=json", post({ image_file: RED }), 200],
    ["/infer", "?format=json", post({ image_file: [RED, Buffer.from("none")], picture: "1" }), 200],
    ["/infer", "?format=html", post({ image_file: RED }), 200],
    ["/infer", "?format=text", post({ image_file: RED }), 200],
    ["/infer", "?format=json", { method: "POST", body: RED, headers: { "content-type": "image/png" } }, 200],
    ["/infer", "?format=json", post({ image_file: RED, model_file: GRAPH, label_file: COLOURS }), 200],
    ["/infer", "?format=json", post({ image_file: RED, model_file: Buffer.from("graph unsure") }), 200],
    ["/infer", "", post({}), "image_missing"],
    ["/infer", "", post({ image_file: RED, top_k: "0" }), "field_invalid"],
    ["/infer", "", post({ image_file: RED, model: "nope" }), "model_unknown"],
    ["/infer", "", post({ image_file: RED, model: "colours@7" }), "version_unknown"],
    ["/infer", "", post({ image_file: RED, model: "listed" }), "engine_unavailable"],
    ["/infer", "?format=json", post({ image_file: RED, model: "listed", fallback: "empty" }), 200],
    ["/infer", "?format=json", post({ image_file: RED, model: ["listed", "colours"], fallback: "empty" }), 200],
    ["/infer", "", post({ image_file: Buffer.from("no image") }), "image_unsupported"],
    ["/infer", "", post({ image_file: RED, model_file: Buffer.alloc(2000) }), "upload_too_large"],
    ["/infer", "", post({ image_file: Buffer.from("trap") }), "internal"],
    ["/infer", "", post({ image_id: "nope" }), "image_unknown"],
    ["/infer", "", post({ image_path: "photo.jpg" }), "field_invalid"],
    ["/api/images", "", post({ image_file: RED }), 201],
    ["/api/images", "", post({ image_file: Buffer.from("no image") }), "image_unsupported"],
    ["/api/images/{id}", "nope", { method: "DELETE" }, "image_unknown"],
    ["/api/models", "", {}, 200],
    ["/api/models", "", post({ model_file: GRAPH, label_file: COLOURS, id: "mine" }), 201],
    ["/api/models", "", post({ model_file: GRAPH, label_file: COLOURS, id: "mine" }), 200],
    ["/api/models", "", post({ model_file: GRAPH, id: "mine" }), "model_exists"],
    ["/api/models", "", post({ model_file: GRAPH }), "field_invalid"],
    ["/api/models/{id}/default", "mine", putJson({ version: "1" }), 200],
    ["/api/models/{id}/default", "mine", putJson({}), "field_invalid"],
    ["/api/models/{id}/graph", "mine", {}, 200],
    ["/api/models/{id}", "colours", { method: "DELETE" }, "forbidden"],
    ["/api/models/inspect", "", post({ model_file: GRAPH, label_file: COLOURS }), 200],
    ["/api/models/inspect", "", post({ label_file: COLOURS }), "field_invalid"],
    ["/api/models/inspect", "", post({ model_file: RED }), "graph_invalid"],
    ["/api/models/{id}", "colours", {}, 200],
    ["/api/models/{id}", "nope", {}, "model_unknown"],
    ["/api/models/{id}/labels", "colours", {}, 200],
    ["/api/models/{id}/labels", "colours@7", {}, "version_unknown"],
    ["/v1/models", "", {}, 200],
    ["/v1/models/{model}", "colours", {}, 200],
    ["/v1/models/{model}", "damaged", {}, 200],
    ["/v1/models/{model}", "nope", {}, "model_unknown"],
    ["/v1/models/{model}/metadata", "colours", {}, 200],
    ["/v1/models/{model}:predict", "colours", postJson({ instances: [ENCODED] }), 200],
    ["/v1/models/{model}:predict", "colours", postJson({ inputs: [ENCODED] }), 200],
    ["/v1/models/{model}:predict", "colours", postJson({}), "field_invalid"],
    ["/v1/models/{model}:classify", "colours", postJson({ examples: [{ image: ENCODED }] }), 200],
    ["/v1/models/{model}:classify", "colours", postJson({}), "image_missing"],
    ["/hf/models/{model}", "colours", postJson({ inputs: ENCODED.b64 }), 200],
    ["/hf/models/{model}", "colours", { method: "POST", body: RED }, 200],
    ["/hf/models/{model}", "colours", postJson({}), "image_missing"],
  ])("%s %s", async (path, rest, init, wanted) => {
    const url = /\{\w+\}/.test(path) ? path.replace(/\{\w+\}/, rest) : `${path}${rest}`;
    const response = await fetch(`${service.url}${url}`, init);
    const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
    const text = await response.text();
    const body: unknown = type.includes("json") ? JSON.parse(text) : text;
    expect(typeof wanted === "number" ? response.status : (body as { code: string }).code).toBe(wanted);

    const operation = document.paths[path]?.[(init.method ?? "get").toLowerCase()];
    const { schema } = operation?.responses[response.status]?.content[type] ?? {};
    expect(schema, `${response.status} ${type} is not documented`).toBeDefined();
    expect(complaints(schema ?? {}, body)).toEqual([]);
  });

  it("and one that is not would be noticed", () => {
    const { schema = {} } = document.paths["/infer"]?.["post"]?.responses["200"]?.content["application/json"] ?? {};
    expect(complaints(schema, { request_id: "a", results: [{ label: "red" }] })).not.toEqual([]);
    const item = { image: { name: "a", extra: 1 }, model: { id: "b" }, error: {} };
    expect(complaints(schema, { request_id: "a", results: [item], more: 1 })).toEqual(
      expect.arrayContaining(["/results/0/image/extra", "/more"]),
    );
  });
});
