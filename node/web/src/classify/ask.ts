/** Asks what is in the photo, and how a graph of the user's own is read. */
import type { ModelSpec } from "../../../src/generated/contract.js";
import { classify, inspect, Refusal, type Result, type Sending } from "../api.js";
import { counted } from "../format.js";
import { announcement, chosenModels, type OwnModel, own, type Photo, photo, photos, region, reply } from "../state.js";
import { doWork } from "../work.js";
import { askHere } from "./here/here.js";
import { askLightly } from "./light/light.js";
import { readGraphHere } from "./own/read-graph.js";
import { type Field, formOf, imageFields, modelFields, questionFields } from "./question.js";

let askedModels = "";

/** Takes one photo in the place of the one before. */
export function takePhoto(taken: Photo): void {
  region.value = { kind: "whole" };
  photos.value = [taken];
  askIfQuick();
}

/** Asks, unless a graph has to go along, which may be large: that waits for the button, and what is shown goes. */
export function askIfQuick(): void {
  if (photo.value === null) return;
  if (own.value === null || own.value.keptSha256 !== null) void ask();
  else reply.value = null;
}

/** Asks when other models are chosen than those that were asked last. */
export function askOthers(): void {
  if (chosenModels.value.join(" ") !== askedModels) askIfQuick();
}

export function ask(): Promise<void> {
  const asked = photo.value;
  askedModels = chosenModels.value.join(" ");
  return doWork(async (sending) => {
    if (asked === null) throw new Refusal("image_missing", "Nothing was sent.");
    if (own.value?.spec === null) await readSpec(sending);
    const results = await sendQuestion(asked, sending);
    if (photo.value !== asked) {
      // Another photo was chosen while the graph was on its way, which is there now.
      queueMicrotask(askIfQuick);
      return;
    }
    reply.value = { kind: "answer", results };
    announcement.value = results.map(sentence).join(" ");
  });
}

/** Reads the graph of the user's own. */
export function readOwn(): Promise<void> {
  return doWork(readSpec);
}

/** Reads it here, before anything is sent, unless the service has to apply settings to it. */
async function readSpec(sending: Required<Sending>): Promise<void> {
  const mine = own.value;
  if (mine === null) return;
  const here = await readGraphHere(mine, sending.signal);
  const spec = here ?? (await inspectOwn(mine, sending));
  if (own.value?.graph !== mine.graph) return;
  own.value = { ...own.value, spec, keptSha256: here === null ? spec.graph.sha256 : own.value.keptSha256 };
  const { input, output } = spec;
  announcement.value = `The graph takes ${input.width} by ${input.height} pixels and tells ${counted(output.classes, "class", "classes")} apart.`;
}

/** The graph goes along where the service does not have it, or has it no more. */
async function inspectOwn(mine: OwnModel, sending: Required<Sending>): Promise<ModelSpec> {
  try {
    return await inspect(formOf(modelFields(mine)), sending);
  } catch (error) {
    if (mine.keptSha256 === null || !(error instanceof Refusal) || error.code !== "model_unknown") throw error;
    return inspectOwn({ ...mine, keptSha256: null }, sending);
  }
}

/** The answer in a sentence. */
function sentence(result: Result): string {
  const { label, band, unsure } = result;
  return [`Detected ${label} with ${band} confidence.`, ...(unsure ? [worth(result)] : [])].join(" ");
}

/** What the band of an answer was worth when the model was measured; null where it was not. */
export function worth({ band, band_accuracy, unsure }: Result): string | null {
  if (band_accuracy === undefined) return null;
  const { right, n } = band_accuracy;
  return `${unsure ? "Unsure: with" : "With"} ${band} confidence it was right ${right} of ${counted(n, "time")} when it was measured.`;
}

/** Sends the question. */
async function sendQuestion(asked: Photo, sending: Required<Sending>): Promise<readonly Result[]> {
  const mine = own.value;
  try {
    const here = await askHere(asked, sending.signal);
    if (here !== null) return [here];
    const light = await askLightly(asked, sending.signal);
    if (light !== null) return [light];
    if (mine === null) return await classify(formOf([["picture", "1"], ...questionFields(asked)]), sending);
    const { results, kept } = await askOwn(mine, [["picture", "1"], ...imageFields(asked)], sending);
    if (own.value?.graph === mine.graph) own.value = { ...own.value, keptSha256: kept.keptSha256 };
    return results;
  } catch (error) {
    if (mine !== null && error instanceof Refusal && error.message.startsWith("example_label=")) {
      // What was said last is no label of the model.
      own.value = { ...mine, examples: mine.examples.slice(0, -1) };
    }
    throw error;
  }
}

/**
 * The answers of a graph of one's own, and the graph as the service has it then. It goes along where the service does not have
 * it, or has it no more.
 */
export async function askOwn(
  mine: OwnModel,
  fields: readonly Field[],
  sending: Sending,
): Promise<{ readonly results: readonly Result[]; readonly kept: OwnModel }> {
  try {
    const results = await classify(formOf([...modelFields(mine), ...fields]), sending);
    return { results, kept: { ...mine, keptSha256: results[0]?.model.sha256 ?? null } };
  } catch (error) {
    if (mine.keptSha256 === null || !(error instanceof Refusal) || error.code !== "model_unknown") throw error;
    return askOwn({ ...mine, keptSha256: null }, fields, sending);
  }
}
