/** What labelled photos decide of a graph's settings, for every door that takes a graph. */
import { counted } from "./counted.js";
import { AppError } from "./errors.js";
import type { Decision, Evidence, ModelSpec } from "./generated/contract.js";
import { joinInTurns } from "./join-chunks.js";
import type { Classifier, ExamplePhoto, ModelChoice, ModelSettings, Models, OpenModel, Party } from "./ports.js";

/** Sides of inputs that are tried beside the usual one where a graph fits any: each is a load, and a run on each photo. */
const SIDES = [64, 96, 128, 160, 192, 299];
/** No side is shown as surer than this, as nothing that the graph itself does not make certain. */
const CONFIDENCE_MAX = 0.89;

interface Service {
  readonly models: Models;
  readonly classifier: Classifier;
}

/**
 * The settings with what the photos decide of all that they leave open. Rejects with `field_invalid` for a label that the
 * model has not.
 */
export async function decided(
  service: Service,
  party: Party,
  choice: ModelChoice,
  settings: ModelSettings,
  examples: readonly ExamplePhoto[],
): Promise<ModelSettings> {
  if (examples.length === 0) return settings;
  const { models, classifier } = service;
  const labelled = examples.filter(({ label }) => label !== null);
  const first = await models.use(choice, settings, party, async ({ target }) => {
    const usual = labelled.length === 0 ? undefined : openSideOf(target.spec);
    if (usual !== undefined) return { spec: target.spec, usual };
    return await classifier.decide(target, examples);
  });
  if (!("usual" in first)) return withDecision(settings, first);
  const side = await sideOf(service, party, choice, settings, labelled, first);
  const sized = side === null ? settings : { ...settings, overrides: { ...settings.overrides, ...side.overrides } };
  const decision = await models.use(choice, sized, party, ({ target }) => classifier.decide(target, examples));
  return withDecision(sized, decision, side?.evidence);
}

function withDecision(
  settings: ModelSettings,
  { overrides, evidence, warnings }: Decision,
  before: readonly Evidence[] = [],
): ModelSettings {
  return {
    ...settings,
    overrides: { ...settings.overrides, ...overrides },
    decided: { evidence: [...before, ...evidence], warnings },
  };
}

/** What a graph that fits any side says of the usual one. */
function openSideOf({ evidence }: ModelSpec): Evidence | undefined {
  return evidence.find(({ field, source }) => field === "input.width" && source === "prior");
}

/** The side of the input that the labels fit best, each tried with the settings that the graph alone gives; null where it stays as it is. */
async function sideOf(
  { models, classifier }: Service,
  party: Party,
  choice: ModelChoice,
  settings: ModelSettings,
  labelled: readonly ExamplePhoto[],
  { spec, usual }: { readonly spec: ModelSpec; readonly usual: Evidence },
) {
  const logOf = async ({ target }: OpenModel) => {
    const release = party.hold(labelled.reduce((sum, { bytes }) => sum + bytes.length, 0));
    try {
      const copies: ExamplePhoto[] = [];
      // What decides takes the bytes for its own.
      for (const { label, bytes } of labelled) copies.push({ label, bytes: await joinInTurns([bytes]) });
      return (await classifier.decide(target, copies)).labels_log;
    } finally {
      release();
    }
  };
  const tried = [];
  for (const side of [spec.input.width, ...SIDES]) {
    const share = side === spec.input.width ? usual.confidence : (1 - usual.confidence) / SIDES.length;
    const stated = { ...settings, overrides: { ...settings.overrides, ...statedBy(spec, side) } };
    try {
      tried.push({ side, log: Math.log(share) + (await models.use(choice, stated, party, logOf)) });
    } catch (error) {
      if (side === spec.input.width || !isUnfit(error)) throw error;
    }
  }
  const most = Math.max(...tried.map(({ log }) => log));
  const sum = tried.reduce((all, { log }) => all + Math.exp(log - most), 0);
  const ranked = tried
    .map(({ side, log }) => ({ value: side, score: Math.exp(log - most) / sum }))
    .toSorted((one, other) => other.score - one.score);
  const [best, ...alternatives] = ranked;
  if (best === undefined || best.value === spec.input.width) return null;
  const because = `the best of ${tried.length} sides that were tried on ${counted(labelled.length, "labelled photo")}; the graph alone: ${usual.value} at ${usual.confidence.toFixed(2)}, ${usual.because}`;
  const evidence = ["input.width", "input.height"].map(
    (field): Evidence => ({
      field,
      value: best.value,
      source: "examples",
      because,
      confidence: Math.min(best.score, CONFIDENCE_MAX),
      alternatives,
    }),
  );
  return { overrides: { width: best.value, height: best.value }, evidence };
}

/** Settings that leave nothing open, so that one run a photo tells how well its label fits. */
function statedBy({ input }: ModelSpec, side: number) {
  const { mean, std, channel_order, resize, crop_fraction, resize_filter, dtype } = input;
  const scaling = dtype === "float32" ? { mean: [...mean], std: [...std] } : {};
  return { ...scaling, channel_order, resize, crop_fraction, resize_filter, width: side, height: side };
}

/** Whether a graph does not run at a size. */
function isUnfit(error: unknown): boolean {
  return error instanceof AppError && ["graph_invalid", "engine_failed"].includes(error.code);
}
