/** The text fields of `POST /infer`, read and checked: every complaint names the field, its value and its range. */

import { z } from "zod";
import { counted } from "../counted.js";
import { AppError } from "../errors.js";
import type { WhyQuestion } from "../explain.js";
import type { Upload } from "../front/upload.js";
import {
  type ChannelOrder,
  CROP_FRACTION_MIN,
  type Crop,
  DETAIL_MAX,
  DETAIL_MIN,
  LABEL_OFFSET_MAX,
  type Resize,
  type ResizeFilter,
  SIDE_PIXELS_MAX,
  type SpecOverrides,
} from "../generated/contract.js";
import type { ClassifyOptions, ExamplePhoto, ModelChoice, ModelSettings } from "../ports.js";

/** What one request asks for. */
export interface InferRequest {
  readonly choices: readonly ModelChoice[];
  readonly settings: ModelSettings;
  readonly examples: readonly ExamplePhoto[];
  readonly options: ClassifyOptions;
}

const COORDINATE_MAX = 1_000_000;
const TOP_K_DEFAULT = 5;
const DETAIL_DEFAULT = 7;
/** Far above what a service makes of them. */
const MASKS_MAX = 1_000_000;
const TENSOR_NAME = /^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*(:\d+)?$/;

type Scaling = Pick<SpecOverrides, "mean" | "std" | "channel_order">;

/** Mean and std of 0–255 pixels. `imagenet` is torchvision's, `caffe` that of the VGG nets. */
const NORMALIZATIONS: Readonly<Record<string, Scaling>> = {
  "0..1": { mean: [0], std: [255] },
  "-1..1": { mean: [127.5], std: [127.5] },
  "0..255": { mean: [0], std: [1] },
  imagenet: { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  caffe: { mean: [123.68, 116.779, 103.939], std: [1], channel_order: "BGR" },
};

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)
    .meta({ type: "integer", minimum: min, maximum: max, pattern: undefined });

const number = (min: number, max: number) =>
  z
    .string()
    .refine(
      (text) => text.trim() !== "" && Number(text) >= min && Number(text) <= max,
      `must be a number from ${min} to ${max}`,
    )
    .transform(Number)
    .meta({ type: "number", minimum: min, maximum: max });

const numbers = (form: string, countMin: number, countMax: number) =>
  z
    .string()
    .transform((text, context) => {
      const values = text.split(",").map((part) => part.trim());
      const good =
        values.length >= countMin &&
        values.length <= countMax &&
        values.every((value) => /^\d+$/.test(value) && Number(value) <= COORDINATE_MAX);
      if (good) return values.map(Number);
      context.addIssue(`must be ${form}, whole numbers from 0 to ${COORDINATE_MAX}`);
      return z.NEVER;
    })
    .meta({ pattern: `^\\d+(,\\d+){${countMin - 1},${countMax - 1}}$` });

const tensorName = z.string().max(1000).regex(TENSOR_NAME, "must be the name of a node of the graph, such as `input`");

/** How a model is fed and read. */
const SETTINGS = z.object({
  input_tensor: tensorName.transform(withoutPort).optional().describe("Name of the graph's input; detected."),
  output_tensor: tensorName.transform(withoutPort).optional().describe("Name of the graph's output; detected."),
  size: z
    .string()
    .regex(/^\d{1,4}(x\d{1,4})?$/, "must be one side, such as 224, or WIDTHxHEIGHT")
    .transform((text) => text.split("x").map(Number))
    .refine(
      (sides) => sides.every((side) => side >= 1 && side <= SIDE_PIXELS_MAX),
      `must have sides from 1 to ${SIDE_PIXELS_MAX}`,
    )
    .optional()
    .describe(`Side of the input in pixels, or WIDTHxHEIGHT, up to ${SIDE_PIXELS_MAX}; detected.`),
  normalization: z
    .string()
    .transform(readNormalization)
    .optional()
    .describe(`${Object.keys(NORMALIZATIONS).join(", ")}, or mean=r,g,b;std=r,g,b on the 0–255 scale; detected.`),
  channel_order: z.enum(["RGB", "BGR", "GRAY"], "must be RGB, BGR or GRAY").optional().describe("Detected."),
  label_offset: integer(-LABEL_OFFSET_MAX, LABEL_OFFSET_MAX)
    .optional()
    .describe("The label of class i is entry i - label_offset; detected."),
  resize: z
    .enum(["stretch", "center-crop", "pad"], "must be stretch, center-crop or pad")
    .optional()
    .describe("How a photo is fitted to the input; detected."),
  crop_fraction: number(CROP_FRACTION_MIN, 1)
    .optional()
    .describe("Share of each side that center-crop keeps; detected."),
  resize_filter: z
    .enum(["antialias", "bilinear", "nearest"], "must be antialias, bilinear or nearest")
    .optional()
    .describe("How pixels are averaged when the photo is resized; detected."),
});

/** The text fields of a classification that may come once. */
const FIELDS = SETTINGS.extend({
  top_k: integer(1, 100).default(TOP_K_DEFAULT).describe(`Number of answers; ${TOP_K_DEFAULT}.`),
  score_threshold: number(0, 1).default(0).describe("Answers below this probability are left out; 0."),
  crop: numbers("x,y,w,h", 4, 4)
    .refine(([, , width, height]) => width !== 0 && height !== 0, "must be at least one pixel wide and high")
    .optional()
    .describe("x,y,w,h: the part of the image to classify, in pixels of the upright image."),
  point: numbers("x,y or x,y,side", 2, 3)
    .refine(([, , side]) => side !== 0, "must have a side of at least 1")
    .optional()
    .describe("x,y or x,y,side: a square around a point instead of a crop."),
  picture: z
    .enum(["0", "1", "true", "false"], "must be 0, 1, true or false")
    .optional()
    .describe("Whether the JSON answer carries the pixels that the model saw."),
  model_sha256: z
    .string()
    .toLowerCase()
    .regex(/^[0-9a-f]{64}$/, "must be 64 hex digits")
    .optional()
    .describe("Instead of model_file: a graph that was uploaded before."),
});

/** What `POST /api/explain` takes beside those. */
const WHY = z.object({
  class: z
    .string()
    .max(1000)
    .optional()
    .describe("The class that is explained, by its number from 0 or its label; the best one."),
  method: z
    .enum(["occlusion", "rise"], "must be occlusion or rise")
    .default("occlusion")
    .describe(
      "occlusion moves a window over the photo (Zeiler & Fergus 2014, arXiv:1311.2901); rise draws random masks (Petsiuk et al. 2018, arXiv:1806.07421).",
    ),
  detail: integer(DETAIL_MIN, DETAIL_MAX)
    .default(DETAIL_DEFAULT)
    .describe(`Cells along a side of the map; ${DETAIL_DEFAULT}.`),
  masks: integer(2, MASKS_MAX).optional().describe("Number of random masks of rise; what detail asks for."),
});

/** JSON schemas of the text fields as they are sent, by name. */
export const SETTINGS_SCHEMAS = schemasOf(SETTINGS);
export const FIELD_SCHEMAS = schemasOf(FIELDS);
export const WHY_SCHEMAS = schemasOf(WHY);

/** @throws AppError `field_invalid` or `image_missing`. */
export function parseInferFields(upload: Upload, modelsPerRequestMax: number): InferRequest {
  if (upload.images.length === 0) {
    const how = "send it as image_file of a multipart/form-data form, or as the body with Content-Type image/*";
    throw new AppError("image_missing", `The request holds no image; ${how}.`);
  }
  const fields = parseSingleFields(upload);
  const choices = chooseModels(upload, fields.model_sha256, modelsPerRequestMax);
  const examples = parseExamples(upload);
  if (examples.length > 0 && choices.some(({ kind }) => kind === "zoo")) {
    const range = "belongs to model_file or model_sha256, and neither was sent: models with an id have their settings";
    throw invalid("example_file", counted(examples.length, "photo"), range);
  }
  return {
    choices,
    settings: settingsOf(fields),
    examples,
    options: optionsOf(fields),
  };
}

/**
 * A graph that came with the request, or that the service still has.
 * @throws AppError `field_invalid` where there is none.
 */
export function parseOwnGraph(upload: Upload): ModelChoice {
  const { model_sha256 } = parseSingleFields(upload);
  if (upload.graph === null && model_sha256 === undefined) {
    const detail =
      "model_file is missing; send the frozen graph to inspect, or the SHA-256 of one that was sent before.";
    throw new AppError("field_invalid", detail);
  }
  const [choice] = chooseModels(upload, model_sha256, 0);
  if (choice === undefined) throw new Error("a graph was seen");
  return choice;
}

/** As `parseInferFields`, of one image and one model. @throws AppError `field_invalid` or `image_missing`. */
export function parseWhyFields(upload: Upload): WhyQuestion {
  const { choices, settings, options } = parseInferFields(upload, 1);
  const { class: asked = null, method, detail, masks = null } = parseOnce(upload, WHY);
  const [[image, ...more], [choice]] = [upload.images, choices];
  if (image === undefined || choice === undefined) throw new Error("an image and a model were seen");
  if (more.length > 0) throw invalid("image_file", `${upload.images.length} images`, "may be sent once");
  return { image, choice, settings, options, why: { class: asked, method, detail, masks } };
}

/** What a request says of a model's settings alone. @throws AppError `field_invalid`. */
export function parseSettings(upload: Upload): ModelSettings {
  return settingsOf(parseSingleFields(upload));
}

/** Photos with their labels, in the order of the form; an empty one says nothing. @throws AppError `field_invalid`. */
export function parseExamples({ examples, fields }: Upload): ExamplePhoto[] {
  const given = fields.get("example_label") ?? [];
  const labels = given.slice(0, Math.max(examples.length, given.findLastIndex((label) => label !== "") + 1));
  if (labels.length !== examples.length) {
    const detail = `${counted(examples.length, "photo")} came as example_file and ${counted(labels.length, "label")} as example_label; each photo takes one label, which may be empty.`;
    throw new AppError("field_invalid", detail);
  }
  return examples.map(({ bytes }, place) => ({ label: labels[place]?.trim() || null, bytes }));
}

function parseSingleFields(upload: Upload): z.infer<typeof FIELDS> {
  return parseOnce(upload, FIELDS);
}

/** Fields that may be sent once. @throws AppError `field_invalid`. */
export function parseOnce<T extends z.ZodObject>(upload: Pick<Upload, "fields">, schema: T): z.infer<T> {
  const input: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const values = upload.fields.get(name) ?? [];
    if (values.length > 1) throw invalid(name, values.join(" and "), "may be sent once");
    if (values[0] !== undefined) input[name] = values[0];
  }
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const name = String(issue?.path[0]);
  throw invalid(name, input[name] ?? "", issue?.message ?? "is malformed");
}

function chooseModels(upload: Upload, sha256: string | undefined, countMax: number): ModelChoice[] {
  const named = upload.fields.get("model") ?? [];
  if (upload.graph !== null) {
    if (named.length > 0 || sha256 !== undefined) {
      throw invalid("model_file", upload.graph.name, "cannot be sent together with model or model_sha256");
    }
    return [{ kind: "upload", graph: upload.graph, labels: upload.labels }];
  }
  if (sha256 !== undefined) {
    if (named.length > 0) throw invalid("model_sha256", sha256, "cannot be sent together with model");
    return [{ kind: "uploaded", sha256, labels: upload.labels }];
  }
  if (upload.labels !== null) {
    throw invalid("label_file", upload.labels.name, "belongs to model_file or model_sha256, and neither was sent");
  }
  if (named.length > countMax)
    throw invalid("model", named.join(", "), `may be sent ${counted(countMax, "time")} at most`);
  const twice = named.find((name, index) => named.indexOf(name) !== index);
  if (twice !== undefined) throw invalid("model", twice, "is named twice");
  if (named.length === 0) return [{ kind: "zoo", id: null, version: null }];
  return named.map((name) => {
    const [id = "", ...version] = name.split("@");
    return { kind: "zoo", id, version: version.length === 0 ? null : version.join("@") };
  });
}

function settingsOf(fields: z.infer<typeof FIELDS>): ModelSettings {
  return { overrides: overridesOf(fields), labelOffset: fields.label_offset ?? null };
}

function overridesOf(fields: z.infer<typeof FIELDS>): SpecOverrides {
  const [width, height = width] = fields.size ?? [];
  return {
    ...(fields.input_tensor === undefined ? {} : { input_tensor: fields.input_tensor }),
    ...(fields.output_tensor === undefined ? {} : { output_tensor: fields.output_tensor }),
    ...(width === undefined || height === undefined ? {} : { width, height }),
    ...(fields.resize === undefined ? {} : { resize: fields.resize satisfies Resize }),
    ...(fields.crop_fraction === undefined ? {} : { crop_fraction: fields.crop_fraction }),
    ...(fields.resize_filter === undefined ? {} : { resize_filter: fields.resize_filter satisfies ResizeFilter }),
    ...scalingOf(fields.normalization, fields.channel_order),
  };
}

/**
 * Means and stds are named as r,g,b; the spec wants them in the order of the channels. Where they differ by channel and
 * no order is sent, the channels are RGB.
 */
function scalingOf(scaling: Scaling | undefined, wanted: ChannelOrder | undefined): Scaling {
  if (scaling === undefined) return wanted === undefined ? {} : { channel_order: wanted };
  const { mean = [0], std = [1] } = scaling;
  const perChannel = mean.length > 1 || std.length > 1;
  const order = wanted ?? scaling.channel_order ?? (perChannel ? "RGB" : undefined);
  const arrange = (values: number[]) => (order === "BGR" ? values.toReversed() : values);
  return { mean: arrange(mean), std: arrange(std), ...(order === undefined ? {} : { channel_order: order }) };
}

function optionsOf(fields: z.infer<typeof FIELDS>): ClassifyOptions {
  const crop = cropOf(fields);
  return {
    topK: fields.top_k,
    scoreThreshold: fields.score_threshold,
    ...(crop === undefined ? {} : { crop }),
    picture: fields.picture === "1" || fields.picture === "true",
  };
}

function cropOf({ crop, point }: z.infer<typeof FIELDS>): Crop | undefined {
  if (crop !== undefined && point !== undefined) {
    throw invalid("point", point.join(), "cannot be sent together with crop");
  }
  if (crop !== undefined) {
    const [x = 0, y = 0, width = 1, height = 1] = crop;
    return { kind: "rectangle", x, y, width, height };
  }
  if (point === undefined) return undefined;
  const [x = 0, y = 0, side = null] = point;
  return { kind: "point", x, y, side };
}

function readNormalization(text: string, context: z.RefinementCtx): Scaling {
  const known = Object.hasOwn(NORMALIZATIONS, text) ? NORMALIZATIONS[text] : undefined;
  if (known !== undefined) return known;
  const parts = /^mean=([^;]+);std=([^;]+)$/.exec(text.replaceAll(" ", ""));
  const mean = readChannels(parts?.[1]);
  const std = readChannels(parts?.[2]);
  if (mean !== undefined && std !== undefined && !std.includes(0)) return { mean, std };
  const names = Object.keys(NORMALIZATIONS).join(", ");
  context.addIssue(`must be one of ${names}, or mean=r,g,b;std=r,g,b with no std of 0`);
  return z.NEVER;
}

/** One value for all channels or one each. */
function readChannels(text: string | undefined): number[] | undefined {
  const values = text?.split(",").map((part) => (part === "" ? Number.NaN : Number(part)));
  if (values === undefined || (values.length !== 1 && values.length !== 3)) return undefined;
  return values.every((value) => Number.isFinite(value) && Math.abs(value) <= COORDINATE_MAX) ? values : undefined;
}

/** `input:0` and `input` name the same tensor; the spec has the plain form. */
function withoutPort(name: string): string {
  return name.replace(/:0$/, "");
}

function invalid(field: string, value: string, range: string): AppError {
  return new AppError("field_invalid", `${field}=${value}: it ${range}.`);
}

export function schemasOf(fields: z.ZodObject): Readonly<Record<string, object>> {
  return z.toJSONSchema(fields, { io: "input" }).properties as Record<string, object>;
}
