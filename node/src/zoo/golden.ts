/** `golden.json`: the answers that a model must go on giving. */
import { z } from "zod";
import type { Answer } from "../generated/contract.js";

/** Largest difference of a probability: what kernels of another processor may change, and far below a band's width. */
const TOLERANCE = 0.02;
/** Best answers that are kept of each photo. */
const TOP_KEPT = 5;

const ENTRY = z.object({
  label: z.string(),
  index: z.int().min(0),
  probability: z.number().min(0).max(1),
});
const CASE = z.object({
  image: z.string().min(1),
  top: z.array(ENTRY).min(1),
  input_sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});
const GOLDEN = z.object({
  note: z.string().optional(),
  tolerance: z.number().gt(0).max(0.1),
  cases: z.array(CASE).min(1),
});

export type Golden = z.infer<typeof GOLDEN>;
export type GoldenCase = z.infer<typeof CASE>;

/** @throws Error whose message names what is wrong. */
export function parseGolden(text: string): Golden {
  const parsed = GOLDEN.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
}

/** `image` is the photo's path from the model's folder. */
export function goldenCase(image: string, { top, input }: Answer): GoldenCase {
  return {
    image,
    top: top.slice(0, TOP_KEPT).map(({ label, index, probability }) => ({
      label,
      index,
      probability: Number(probability.toFixed(6)),
    })),
    input_sha256: input.sha256,
  };
}

export function goldenText(cases: readonly GoldenCase[]): string {
  return `${JSON.stringify({ tolerance: TOLERANCE, cases }, null, 2)}\n`;
}

/** How an answer differs from the golden one; null where it does not. `answer` has every class. */
export function differenceFrom(
  { tolerance }: Golden,
  { top: [first], top, input_sha256 }: GoldenCase,
  answer: Answer,
): string | null {
  if (input_sha256 !== null && input_sha256 !== answer.input.sha256)
    return "the photo, or how it is resized, is another";
  if (first !== undefined && (answer.index !== first.index || answer.label !== first.label)) {
    return `${answer.label} ${answer.probability.toFixed(3)} in place of ${first.label} ${first.probability.toFixed(3)}`;
  }
  for (const { label, index, probability } of top) {
    const found = answer.top.find((entry) => entry.index === index);
    if (found === undefined || Math.abs(found.probability - probability) >= tolerance) {
      return `${label} ${found?.probability.toFixed(3) ?? "is not among the best"} in place of ${probability.toFixed(3)}`;
    }
  }
  return null;
}
