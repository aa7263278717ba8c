/** What a model answers through the real engine: that it loads, is what its manifest says, and says what it said. */
import { join } from "node:path";
import { AppError, messageOf } from "../errors.js";
import type { Answer, ErrorCode, Finding, Manifest, ModelSpec } from "../generated/contract.js";
import { FileZooModel, GOLDEN_FILE } from "../models/file-zoo-model.js";
import { folderBlobs } from "../models/folder-blobs.js";
import { programOf } from "../models/program.js";
import { loadWasm } from "../wasm-module.js";
import { error, readBytes } from "./finding.js";
import { differenceFrom, type Golden, type GoldenCase } from "./golden.js";
import { type Difference, differences, fieldOf, reasonOf, shown } from "./settings.js";
import type { Workbench } from "./workbench.js";

/** Answers whose median is the latency: the first runs are slower. */
const ANSWERS_TIMED = 8;

/** What a judged model takes. */
export interface Measured {
  readonly graph_bytes: number;
  /** From the files to the model that is ready. */
  readonly load_ms: number;
  /** Median from a photo's bytes to the answer; null where there is no golden photo. */
  readonly answer_ms: number | null;
  readonly memory_bytes: number | null;
  readonly golden: { readonly right: number; readonly of: number };
}

/** Loads the model, compares what it is with what is declared, and asks for the golden answers. */
export async function judgeAnswers(
  folder: string,
  manifest: Manifest,
  golden: Golden | null,
  workbench: Workbench,
  findings: Finding[],
): Promise<Measured | null> {
  const model = await FileZooModel.open(manifest, folderBlobs(folder), { program: programOf(manifest, folder) });
  const began = performance.now();
  const spec = await workbench.describe(model);
  const loadMs = performance.now() - began;
  for (const { field, declared, found } of differences(manifest, spec)) {
    findings.push(
      error(field, `${field} is ${shown(declared)}, and the graph's is ${shown(found)}`, `write ${shown(found)}`),
    );
  }
  const ms: number[] = [];
  const tried = await answerGolden(golden, folder, async (photo) => {
    const answer = await workbench.classify(model, photo);
    ms.push(answer.timings_ms.total);
    return answer;
  });
  for (const { image, difference } of tried.filter(({ difference }) => difference !== null)) {
    findings.push(
      error(
        `${GOLDEN_FILE}: ${image}`,
        `${image}: ${difference}`,
        "if these settings are right, write the answers anew with `menagerie golden`",
      ),
    );
  }
  for (const difference of await undeclared(manifest, model)) {
    const problem = `${difference.field} is declared ${shown(difference.declared)} and detected ${shown(difference.found)} (${difference.reason})`;
    const other = await answerGolden(golden, folder, (photo) => workbench.classify(model, photo, difference.overrides));
    findings.push({
      severity: "warning",
      field: difference.field,
      problem: `${problem}; ${compared(tried, other)}`,
      mend: "keep what the model was trained with",
    });
  }
  const { photo } = tried[0] ?? {};
  while (photo !== undefined && ms.length < ANSWERS_TIMED)
    ms.push((await workbench.classify(model, photo)).timings_ms.total);
  return {
    graph_bytes: manifest.graph.bytes ?? 0,
    load_ms: Math.round(loadMs),
    answer_ms: ms.length === 0 ? null : Math.round(median(ms)),
    memory_bytes: workbench.memoryBytesOf(model),
    golden: { right: tried.filter(({ difference }) => difference === null).length, of: tried.length },
  };
}

/** What is declared otherwise than it would be detected, were nothing declared. */
async function undeclared(
  manifest: Manifest,
  model: FileZooModel,
): Promise<(Difference & { readonly reason: string })[]> {
  const [graph, labels] = await Promise.all([model.readGraph(), model.readLabels()]);
  let detected: ModelSpec;
  try {
    detected = JSON.parse(loadWasm().inspect(graph, labels)) as ModelSpec;
  } catch {
    // Without what the manifest says nothing is found: there is nothing to compare with.
    return [];
  }
  return differences(manifest, detected).map((difference) => ({
    ...difference,
    reason: reasonOf(detected, difference.field),
  }));
}

interface Tried {
  readonly image: string;
  readonly photo?: Uint8Array;
  readonly answer?: Answer;
  /** From the golden answer; null where there is none. */
  readonly difference: string | null;
}

async function answerGolden(
  golden: Golden | null,
  folder: string,
  classify: (photo: Uint8Array) => Promise<Answer>,
): Promise<Tried[]> {
  const tried: Tried[] = [];
  for (const one of golden?.cases ?? []) tried.push(await tryCase(golden as Golden, one, folder, classify));
  return tried;
}

async function tryCase(
  golden: Golden,
  one: GoldenCase,
  folder: string,
  classify: (photo: Uint8Array) => Promise<Answer>,
): Promise<Tried> {
  const { image } = one;
  const photo = await readBytes(join(folder, image));
  if (photo === null) return { image, difference: "the photo is missing" };
  try {
    const answer = await classify(photo);
    return { image, photo, answer, difference: differenceFrom(golden, one, answer) };
  } catch (cause) {
    return { image, photo, difference: messageOf(cause) };
  }
}

/** What the detected settings would answer in place of the declared ones. */
function compared(declared: readonly Tried[], detected: readonly Tried[]): string {
  if (declared.length === 0) return "there are no golden photos to compare them on";
  const said = (tried: Tried | undefined) =>
    tried?.answer === undefined ? "no answer" : `${tried.answer.label} ${tried.answer.probability.toFixed(2)}`;
  const pairs = declared.map((tried, index) => ({ image: tried.image, declared: tried, detected: detected[index] }));
  const others = pairs.filter((pair) => pair.declared.answer?.index !== pair.detected?.answer?.index);
  const shownPairs = (others.length > 0 ? others : pairs).slice(0, 3);
  const examples = shownPairs.map(
    (pair) => `${pair.image}: ${said(pair.declared)} as declared, ${said(pair.detected)} as detected`,
  );
  return `on ${pairs.length} golden photos ${others.length} have another best answer (${examples.join("; ")})`;
}

/** By the code of the error that loading gave. */
const LOAD_MENDS: Partial<Record<ErrorCode, readonly [string, string]>> = {
  labels_mismatch: [
    "labels.file",
    "give a label file with one line a class, in the order of the classes, or set labels.offset",
  ],
  labels_invalid: ["labels.file", "write one name a line"],
  labels_missing: ["labels.offset", "remove it, or add the label file"],
  graph_op_forbidden: ["graph.file", "export the graph for inference, without this operation"],
  graph_ambiguous: ["output.tensor", "name the tensor in the manifest"],
  graph_too_large: ["graph.file", "take a smaller net"],
};

export function loadFinding(cause: unknown): Finding {
  const detail = messageOf(cause);
  const [, name = ""] = /^`?(\w+)`?[ =]/.exec(detail) ?? [];
  const setting = fieldOf(name);
  if (setting !== undefined)
    return error(setting, detail, "write what the graph has, or leave it out: then it is detected");
  const known = cause instanceof AppError ? LOAD_MENDS[cause.code] : undefined;
  const [field, mend] = known ?? ["graph.file", "`menagerie inspect` says more of the graph"];
  return error(field, detail, mend);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
