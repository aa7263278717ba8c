/**
 * The settings of a graph in words: what was found, how sure that is, and what else it may be. Each is one field of
 * `POST /infer`.
 */
import type { Evidence, ModelSpec } from "../../../../src/generated/contract.js";
import { brief, size } from "../../format.js";

/** Below this a setting is settled by looking; the service warns from there on too. */
export const CONFIDENCE_SURE = 0.75;
const CANDIDATES_MAX = 4;

export interface Choice {
  /** The value of the field. */
  readonly value: string;
  readonly words: string;
}

export interface Setting {
  /** The field of `POST /infer`. */
  readonly field: string;
  readonly title: string;
  /** What is asked about it, in a sentence. */
  readonly asks: string;
  /** The fields of the evidence that it rests on. */
  readonly rests: readonly string[];
  /** What was found, in words. */
  readonly found: (spec: ModelSpec) => string;
  /** What it may be set to; empty where it is written freely. */
  readonly choices: readonly Choice[];
  /** How well a choice fits the evidence, 0–1. */
  readonly share: (choice: Choice, spec: ModelSpec) => number;
}

/** As the service names them, and by mean and divisor the ones without a name. */
const SCALINGS: readonly (Choice & { readonly mean: readonly number[]; readonly std: readonly number[] })[] = [
  { value: "0..1", words: "0 to 1", mean: [0], std: [255] },
  { value: "-1..1", words: "−1 to 1", mean: [127.5], std: [127.5] },
  { value: "0..255", words: "0 to 255, as they are", mean: [0], std: [1] },
  { value: "mean=127.5;std=255", words: "−0.5 to 0.5", mean: [127.5], std: [255] },
  {
    value: "imagenet",
    words: "ImageNet's mean and deviation",
    mean: [123.675, 116.28, 103.53],
    std: [58.395, 57.12, 57.375],
  },
  { value: "caffe", words: "ImageNet's mean, blue first (Caffe)", mean: [103.939, 116.779, 123.68], std: [1] },
  {
    value: "mean=125.307,122.961,113.8575;std=51.5865,50.847,51.255",
    words: "CIFAR-10's mean and deviation",
    mean: [125.307, 122.961, 113.8575],
    std: [51.5865, 50.847, 51.255],
  },
];

const ORDERS: readonly Choice[] = [
  { value: "RGB", words: "red, green, blue" },
  { value: "BGR", words: "blue, green, red" },
  { value: "GRAY", words: "grey" },
];

const RESIZES: readonly Choice[] = [
  { value: "stretch", words: "stretched to fit" },
  { value: "center-crop", words: "the middle cut out" },
  { value: "pad", words: "whole, with bars" },
];

const FILTERS: readonly Choice[] = [
  { value: "antialias", words: "every pixel counts" },
  { value: "bilinear", words: "four neighbours" },
  { value: "nearest", words: "the nearest pixel" },
];

/** The ones that matter first, then the rest. */
export const SETTINGS: readonly Setting[] = [
  {
    field: "normalization",
    title: "Pixel values",
    asks: "which values the pixels have",
    rests: ["input.mean", "input.std"],
    found: ({ input: { mean, std } }) => scalingLike(mean, std)?.words ?? `(pixel − ${brief(mean)}) / ${brief(std)}`,
    choices: SCALINGS,
    share: ({ value }, spec) => {
      const scaling = SCALINGS.find((one) => one.value === value);
      return scaling === undefined
        ? 0
        : Math.min(shareOf(spec, "input.mean", scaling.mean), shareOf(spec, "input.std", scaling.std));
    },
  },
  {
    field: "channel_order",
    title: "Colours",
    asks: "in which order the colours come",
    rests: ["input.channel_order"],
    found: ({ input }) => wordsOf(ORDERS, input.channel_order),
    choices: ORDERS,
    share: ({ value }, spec) => shareOf(spec, "input.channel_order", value),
  },
  {
    field: "resize",
    title: "The photo is",
    asks: "how a photo is made to fit",
    rests: ["input.resize"],
    found: ({ input }) => wordsOf(RESIZES, input.resize),
    choices: RESIZES,
    share: ({ value }, spec) => shareOf(spec, "input.resize", value),
  },
  {
    field: "size",
    title: "Size of the input",
    asks: "how large its input is",
    rests: ["input.width", "input.height"],
    found: ({ input }) => `${size(input.width, input.height)} pixels`,
    choices: [],
    share: () => 0,
  },
];

export const FURTHER_SETTINGS: readonly Setting[] = [
  {
    field: "resize_filter",
    title: "Made smaller by",
    asks: "how pixels are averaged",
    rests: ["input.resize_filter"],
    found: ({ input }) => wordsOf(FILTERS, input.resize_filter),
    choices: FILTERS,
    share: ({ value }, spec) => shareOf(spec, "input.resize_filter", value),
  },
  {
    field: "label_offset",
    title: "Label of class 0 is entry",
    asks: "which label belongs to which class",
    rests: ["labels.offset"],
    found: ({ labels }) => (labels ? String(-labels.offset) : "none"),
    choices: [],
    share: () => 0,
  },
  {
    field: "input_tensor",
    title: "Name of the input",
    asks: "where it begins",
    rests: ["input.tensor"],
    found: ({ input }) => input.tensor,
    choices: [],
    share: () => 0,
  },
  {
    field: "output_tensor",
    title: "Name of the output",
    asks: "where it ends",
    rests: ["output.tensor"],
    found: ({ output }) => output.tensor,
    choices: [],
    share: () => 0,
  },
];

/** How sure the setting is: as sure as the least of what it rests on. 1 where it rests on nothing. */
export function confidenceOf({ rests }: Setting, spec: ModelSpec): number {
  return Math.min(1, ...evidenceOf(rests, spec).map(({ confidence }) => confidence));
}

export function evidenceOf(fields: readonly string[], spec: ModelSpec): readonly Evidence[] {
  return spec.evidence.filter(({ field }) => fields.includes(field));
}

/** The likeliest choices of a setting that is unsure, best first; none where it is sure. */
export function candidatesOf(setting: Setting, spec: ModelSpec): readonly Choice[] {
  if (setting.choices.length === 0 || confidenceOf(setting, spec) >= CONFIDENCE_SURE) return [];
  return setting.choices
    .toSorted((one, other) => setting.share(other, spec) - setting.share(one, spec))
    .slice(0, CANDIDATES_MAX);
}

/** How likely a value of a field is by its evidence. */
function shareOf({ evidence }: ModelSpec, field: string, value: unknown): number {
  const found = evidence.find((one) => one.field === field);
  if (found === undefined) return 0;
  if (isLike(found.value, value)) return found.confidence;
  return found.alternatives.find((alternative) => isLike(alternative.value, value))?.score ?? 0;
}

function scalingLike(mean: readonly number[], std: readonly number[]) {
  return SCALINGS.find((scaling) => isLike(mean, scaling.mean) && isLike(std, scaling.std));
}

/** Whether values are the same, but for how exactly they are written; one number stands for each channel. */
function isLike(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.every((value, channel) => Math.abs(value - other[Math.min(channel, other.length - 1)]) <= 1);
}

function wordsOf(choices: readonly Choice[], value: string): string {
  return choices.find((choice) => choice.value === value)?.words ?? value;
}
