/** What is said of jobs of teaching, and taken for them. */
import { z } from "zod";
import type { Schema } from "../front/route.js";
import { COUNT, listOf, named, objectOf, STRING } from "../front/schema.js";
import { MANIFEST_JSON_SCHEMA } from "../generated/contract-schema.js";
import { PRINTABLE_LINE, printable } from "../printable.js";
import { STAGES, STATES } from "../teach-jobs.js";

const SEED_MAX = 2 ** 32 - 1;
const SEED_DEFAULT = 1;
const WORDS_MAX = 1000;
const NAME_CHARACTERS_MAX = 200;
const ID_DEFAULT = "taught";
export const SHA256 = /^[0-9a-f]{64}$/;

/** What an id and a version may be, as the manifest's schema says. */
const { id: ID_SCHEMA, version: VERSION_SCHEMA } = (
  MANIFEST_JSON_SCHEMA as { readonly properties: Readonly<Record<"id" | "version", { readonly pattern: string }>> }
).properties;

const modelId = () =>
  z.string().regex(new RegExp(ID_SCHEMA.pattern), "must be lower-case letters, digits, ., _ and -; at most 64");
const line = (charactersMax: number) =>
  z.string().trim().max(charactersMax).regex(PRINTABLE_LINE, "must be one line without control characters");

/** What `POST /api/teach` takes. */
export const JOB_BODY = z.strictObject({
  base: z
    .string()
    .min(1)
    .max(NAME_CHARACTERS_MAX)
    .describe("The model whose class layer is replaced: id or id@version."),
  compare: z
    .string()
    .min(1)
    .max(NAME_CHARACTERS_MAX)
    .optional()
    .describe("A model that answers the photos that are set aside too, id or id@version, so that both are compared."),
  id: modelId().default(ID_DEFAULT).describe(`What the new model is called; \`${ID_DEFAULT}\` when absent.`),
  title: line(NAME_CHARACTERS_MAX).optional().describe("Its name for people; the id when absent."),
  description: line(WORDS_MAX).optional().describe("What it tells apart; its labels when absent."),
  data: line(NAME_CHARACTERS_MAX).default("photos").describe("What the photos are called; `photos` when absent."),
  mirror: z
    .boolean()
    .default(true)
    .describe("Whether mirror images are trained on too: not for letters, and whatever has a left and a right."),
  other: z
    .boolean()
    .default(false)
    .describe(
      "Whether sample photos of other models of the zoo are a class `other`; one's own may be put under that label.",
    ),
  from_feedback: z
    .boolean()
    .default(false)
    .describe(
      "Whether photos of the base's answers that are kept, and of which somebody said what they show, are taught too. They are other clients', and some of them come with the model: this needs the role admin.",
    ),
  seed: z.int().min(0).max(SEED_MAX).default(SEED_DEFAULT).describe("Another one sets other photos aside."),
});

/** What a photo's address says of it. */
export const PHOTO_QUERY = z.object({
  label: line(NAME_CHARACTERS_MAX).describe("Its class."),
  name: z
    .string()
    .optional()
    .transform(readName)
    .describe(
      `What it is called in words about it: the end that can be read of any text, ${NAME_CHARACTERS_MAX} characters.`,
    ),
});

/** What `POST /api/teach/{job}/register` takes. */
export const REGISTER_BODY = z.strictObject({
  id: modelId().optional().describe("What the model is called; the job's when absent."),
  version: z
    .string()
    .regex(new RegExp(VERSION_SCHEMA.pattern), "must be letters, digits, ., _ and -; at most 64")
    .default("1")
    .describe("1 when absent."),
  title: line(NAME_CHARACTERS_MAX).optional().describe("Its name for people; the job's when absent."),
  description: line(WORDS_MAX).optional().describe("What it tells apart; the job's when absent."),
});

/** What files are called is nobody's choice here, so no name is a reason to refuse one. Empty where nothing is to be read. */
function readName(name = ""): string {
  return [...printable(name)].slice(-NAME_CHARACTERS_MAX).join("").trim();
}

/** A schema of zod's as one of OpenAPI. */
export function schemaOf(body: z.ZodType): Schema {
  const { $schema: _, ...schema } = z.toJSONSchema(body, { io: "input" });
  return schema;
}

const TIME: Schema = { type: "string", format: "date-time" };
const SHARE: Schema = { type: "number", minimum: 0, maximum: 1 };

/** Schemas by the name that they are referred to with. */
export const TEACH_COMPONENTS: Readonly<Record<string, Schema>> = {
  NewTeachJob: { ...schemaOf(JOB_BODY), description: "What a model is taught of, and how." },
  NewTaughtModel: { ...schemaOf(REGISTER_BODY), description: "What a taught model is registered as." },
  TeachPhoto: {
    ...objectOf({ sha256: STRING, label: STRING, name: STRING, bytes: COUNT }),
    description: "A photo of a job.",
  },
  Comparison: {
    ...objectOf({
      old: { ...STRING, description: "The old model, as id@version." },
      photos: { ...COUNT, description: "Of classes that both know, by the names of their labels." },
      both: { ...COUNT, description: "Of these the ones that both are right for." },
      only_new: { ...COUNT, description: "That the new one alone is right for." },
      only_old: { ...COUNT, description: "That the old one alone is right for." },
      neither: COUNT,
      p: { ...SHARE, description: "How likely so large a difference is by chance alone where both are as good." },
      unknown: {
        ...listOf(objectOf({ label: STRING, photos: COUNT })),
        description: "Labels that the old one has not, and how many photos have them.",
      },
      words: { ...STRING, description: "The same in words." },
    }),
    description: "What a new and an old model answered for photos that the new one was not trained on.",
  },
  TaughtModel: {
    ...objectOf(
      {
        labels: listOf(STRING),
        bytes: { ...COUNT, description: "Of `model.zip`." },
        report: named("TeachReport"),
        calibration: named("Calibration"),
        features: objectOf({ tensor: STRING, size: COUNT, evidence: listOf(named("Evidence")) }),
        wrong: {
          ...listOf(objectOf({ sha256: STRING, name: STRING, label: STRING, answered: STRING, probability: SHARE })),
          description: "Photos that were set aside and are answered wrong, the surest answer first.",
        },
        findings: { ...listOf(named("Finding")), description: "What `menagerie check` says of it." },
        other: {
          ...objectOf({ n: COUNT, right: COUNT }),
          description:
            "Of the class `other`, where there is one: photos that were set aside, and those that were known.",
        },
        comparison: { ...named("Comparison"), description: "With the model that it was to be compared with." },
        untold: { ...listOf(STRING), description: "Fields of its manifest that its graph alone does not tell." },
      },
      ["other", "comparison"],
    ),
    description: "What came of teaching.",
  },
  TeachJob: {
    ...objectOf(
      {
        id: STRING,
        state: { enum: STATES },
        model: objectOf({ id: STRING, title: STRING, description: STRING }, ["title", "description"]),
        base: { ...STRING, description: "As id@version." },
        compare: { ...STRING, description: "What it is compared with, as id@version." },
        data: STRING,
        mirror: { type: "boolean" },
        other: { type: "boolean" },
        from_feedback: { type: "boolean" },
        seed: COUNT,
        created: TIME,
        changed: TIME,
        photos: COUNT,
        bytes: { ...COUNT, description: "Of its photos, their list, what is known of it, and what its runs left." },
        classes: { ...listOf(objectOf({ label: STRING, photos: COUNT })), description: "By label." },
        ahead: { ...COUNT, description: "While it waits: so many jobs at most run before it." },
        stage: { enum: STAGES, description: "While it runs." },
        share: { ...SHARE, description: "Of that stage." },
        remarks: { ...listOf(STRING), description: "What the run has to say, a sentence each." },
        problem: { ...objectOf({ code: named("ErrorCode"), detail: STRING }), description: "Why it failed." },
        result: named("TaughtModel"),
      },
      ["compare", "ahead", "stage", "share", "problem", "result"],
    ),
    description: "A model that is taught, with its photos.",
  },
};
