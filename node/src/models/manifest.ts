/**
 * Reading `manifest.json`. The form is that of native/contract; unknown fields are refused, so that a misspelt one does
 * not go unseen.
 */
import { z } from "zod";
import { CROP_FRACTION_MIN, MANIFEST_SCHEMA, type Manifest, type SpecOverrides } from "../generated/contract.js";

const REGISTERED_NAME_CHARS_MAX = 64;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
const fileName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, "must be a plain file name");
const side = z.int().min(1).max(65_536);
const perChannel = z.array(z.number()).min(1).max(3);

const MANIFEST = z.strictObject({
  schema: z.literal(MANIFEST_SCHEMA),
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, "must be lower-case letters, digits, `.`, `_` and `-`"),
  version: z.string().regex(/^[^/@]+$/, "must not hold `/` or `@`"),
  title: z.string().min(1),
  description: z.string(),
  licence: z.string().min(1),
  default: z.boolean().default(false),
  graph: z.strictObject({
    file: fileName,
    bytes: z.int().min(1).nullable().default(null),
    sha256: sha256.nullable().default(null),
  }),
  source: z
    .strictObject({
      url: z.url(),
      member: z.string().min(1),
      labels_url: z.url().optional(),
      labels_member: z.string().min(1).optional(),
    })
    .optional(),
  labels: z
    .strictObject({ file: fileName, sha256: sha256.nullable().default(null), offset: z.int().optional() })
    .optional(),
  input: z.strictObject({
    tensor: z.string().optional(),
    dtype: z.enum(["float32", "uint8"]).optional(),
    layout: z.enum(["NHWC", "NCHW", "NHW", "FLAT"]).optional(),
    width: side.optional(),
    height: side.optional(),
    channels: z.union([z.literal(1), z.literal(3)]).optional(),
    channel_order: z.enum(["RGB", "BGR", "GRAY"]).optional(),
    mean: perChannel.optional(),
    std: perChannel.optional(),
    resize: z.enum(["stretch", "center-crop", "pad"]).optional(),
    crop_fraction: z.number().min(CROP_FRACTION_MIN).max(1).optional(),
    resize_filter: z.enum(["antialias", "bilinear", "nearest"]).optional(),
  }),
  output: z.strictObject({
    tensor: z.string().optional(),
    kind: z.enum(["softmax", "logits", "sigmoid", "index"]).optional(),
    classes: z.int().min(1).optional(),
  }),
  features: z.strictObject({ tensor: z.string(), size: z.int().min(1) }).optional(),
  accuracy: z
    .strictObject({ top1: z.number().min(0).max(1), photos: z.int().min(1), split: z.string(), data: z.string() })
    .optional(),
});

export const MANIFEST_FIELDS = Object.keys(MANIFEST.shape) as (keyof Manifest)[];

/** Reads a manifest. @throws Error whose message names every field that is wrong. */
export function parseManifest(json: unknown): Manifest {
  const parsed = MANIFEST.safeParse(json);
  if (!parsed.success) {
    throw new Error(complaintOf(parsed.error));
  }
  return defined(parsed.data) as Manifest;
}

/** Reads a list of manifests: `{"schema", "models"}`. @throws Error, as `parseManifest`. */
export function parseManifests(json: unknown): Manifest[] {
  const list = z.strictObject({ schema: z.literal(MANIFEST_SCHEMA), models: z.array(z.unknown()) }).parse(json);
  return list.models.map(parseManifest);
}

/**
 * What a client may say of a model that it registers: any part of a manifest, so that a whole one can be sent too.
 */
const STATEMENT = MANIFEST.partial().extend({
  id: MANIFEST.shape.id.max(REGISTERED_NAME_CHARS_MAX).optional(),
  version: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "must be letters, digits, `.`, `_` and `-`, the first one a letter or digit")
    .max(REGISTERED_NAME_CHARS_MAX)
    .optional(),
  graph: z.looseObject({ sha256: sha256.nullish() }).optional(),
  labels: z.looseObject({ sha256: sha256.nullish(), offset: z.int().optional() }).optional(),
});

export type ManifestStatement = z.infer<typeof STATEMENT>;

/** Reads a part of a manifest. @throws Error, as `parseManifest`. */
export function parseStatement(json: unknown): ManifestStatement {
  const parsed = STATEMENT.safeParse(json, { reportInput: true });
  if (!parsed.success) throw new Error(complaintOf(parsed.error));
  return parsed.data;
}

/** What the manifest fixes, for the resolver: `Manifest::overrides` of native/contract, but for the label offset. */
export function manifestOverrides({ input, output }: Pick<Manifest, "input" | "output">): SpecOverrides {
  return defined({
    input_tensor: input.tensor,
    output_tensor: output.tensor,
    width: input.width,
    height: input.height,
    layout: input.layout,
    channel_order: input.channel_order,
    mean: input.mean,
    std: input.std,
    resize: input.resize,
    crop_fraction: input.crop_fraction,
    resize_filter: input.resize_filter,
    output_kind: output.kind,
  }) as SpecOverrides;
}

/** A manifest's input and output with what a request says in place of it: the inverse of `manifestOverrides`. */
export function overridden(
  { input, output }: Pick<Manifest, "input" | "output">,
  overrides: SpecOverrides,
): Pick<Manifest, "input" | "output"> {
  const { input_tensor, output_tensor, output_kind, label_offset: _, ...rest } = overrides;
  return {
    input: defined({ ...input, ...rest, tensor: input_tensor ?? input.tensor }) as Manifest["input"],
    output: defined({
      ...output,
      tensor: output_tensor ?? output.tensor,
      kind: output_kind ?? output.kind,
    }) as Manifest["output"],
  };
}

/** `field=value: what it must be`, for each field that is wrong. */
function complaintOf({ issues }: z.ZodError): string {
  return issues
    .map(({ path, input, message }) => {
      const value = typeof input === "string" || typeof input === "number" ? `=${input}` : "";
      return `${path.join(".") || "it"}${value}: ${message}`;
    })
    .join("; ");
}

/** Without the fields that are undefined: an absent field and an undefined one are different to serde. */
function defined(record: Record<string, unknown>): unknown {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
