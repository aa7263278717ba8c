/**
 * Writes to stdout the TypeScript types of what the service's calls take and answer, made from the schemas of
 * `/openapi.json`. What is the contract's is imported from `contract.ts`, which Rust wrote.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { compile } from "json-schema-to-typescript";
import { ROOT_DIR } from "./setup/paths.mjs";

/** @typedef {import("json-schema-to-typescript").JSONSchema} Schema */
/** @typedef {Readonly<Record<string, Schema>>} Schemas */
/** @typedef {"contract" | "components" | "deadline" | "fallback" | "settings" | "fields" | "why"} Part */

const HEAD = "// Generated from the schemas of node/src/routes by `npm run generate`. Do not edit.";
const REFERENCE = "#/components/schemas/";

const SOURCES = `
export { CONTRACT_SCHEMAS as contract } from "./node/src/generated/contract-schema.js";
export { COMPONENTS as components } from "./node/src/routes/schemas.js";
export { KEPT_IMAGE as keptImage } from "./node/src/routes/images.js";
export { SERVICE_FACTS as service } from "./node/src/routes/service.js";
export { DEADLINE_SCHEMAS as deadline } from "./node/src/front/deadline.js";
export { FALLBACK_SCHEMAS as fallback } from "./node/src/routes/fallback.js";
export { SETTINGS_SCHEMAS as settings, FIELD_SCHEMAS as fields, WHY_SCHEMAS as why } from "./node/src/routes/infer-fields.js";
`;

const { contract, components, keptImage, service, deadline, fallback, settings, fields, why } = await readSchemas();

/** @type {Schemas} */
const schemas = {
  ...without(components, contract),
  KeptImage: { ...keptImage, description: "An image that the service keeps for a while." },
  ServiceFacts: { ...service, description: "What a service tells of itself." },
  Settings: { type: "object", description: "Fields that say how a model is fed and read.", properties: settings },
  InspectFields: extended("Settings", deadline, "Fields of `POST /api/models/inspect`."),
  ClassifyFields: extended("InspectFields", without(fields, settings), "Fields of one classification."),
  InferFields: extended("ClassifyFields", fallback, "Fields of `POST /infer` that come once."),
  ExplainFields: extended("ClassifyFields", why, "Fields of `POST /api/explain`."),
};

/** @type {Set<string>} */
const imported = new Set();
let types = "";
for (const [name, schema] of Object.entries(schemas)) {
  const options = { additionalProperties: false, bannerComment: "", format: false };
  types += await compile(/** @type {Schema} */ (prepared(schema)), name, options);
}
process.stdout.write(`${HEAD}\nimport type { ${[...imported].sort().join(", ")} } from "./contract.js";\n\n${types}`);

/**
 * The schemas that the routes' modules hold, which are bundled for that.
 * @returns {Promise<Readonly<Record<Part, Schemas>> & { keptImage: Schema, service: Schema }>}
 */
async function readSchemas() {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-schemas-"));
  const outfile = join(dir, "schemas.mjs");
  try {
    const stdin = { contents: SOURCES, resolveDir: ROOT_DIR };
    await build({ stdin, outfile, bundle: true, platform: "node", format: "esm", logLevel: "error" });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/**
 * A schema whose references are names of types, so that each schema becomes one type, and whose words for true and
 * false are a boolean.
 * @param {unknown} value
 * @returns {unknown}
 */
function prepared(value) {
  if (Array.isArray(value)) return value.map(prepared);
  if (typeof value !== "object" || value === null) return value;
  const { $ref, ...schema } = /** @type {Record<string, unknown>} */ (value);
  if (typeof $ref === "string") return { ...schema, tsType: typeOf($ref.replace(REFERENCE, "")) };
  if (Array.isArray(schema["enum"]) && schema["enum"].includes("true")) return { ...schema, tsType: "boolean" };
  return Object.fromEntries(Object.entries(schema).map(([key, inner]) => [key, prepared(inner)]));
}

/** @param {string} name */
function typeOf(name) {
  if (name in contract) imported.add(name);
  return name;
}

/**
 * @param {Schemas} all
 * @param {Schemas} some
 * @returns {Schemas}
 */
function without(all, some) {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !(name in some)));
}

/**
 * @param {string} base
 * @param {Schemas} properties
 * @param {string} description
 * @returns {Schema}
 */
function extended(base, properties, description) {
  return { description, allOf: [{ $ref: `${REFERENCE}${base}` }, { type: "object", properties }] };
}
