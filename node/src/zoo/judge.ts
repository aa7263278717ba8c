/** Judges a model's folder as a maintainer would: its manifest, its files, and what it answers through the real engine. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "../errors.js";
import type { Answer, ErrorCode, Finding, Manifest, ModelSpec } from "../generated/contract.js";
import { FileZooModel, GOLDEN_FILE, MANIFEST_FILE, type ModelPlace } from "../models/file-zoo.js";
import { folderBlobs } from "../models/folder-blobs.js";
import { parseManifest } from "../models/manifest.js";
import { sha256 } from "../sha256.js";
import { loadWasm } from "../wasm-module.js";
import { CARD_FILE, judgeCard } from "./card.js";
import { differenceFrom, type Golden, type GoldenCase, parseGolden } from "./golden.js";
import { type Difference, differences, fieldOf, reasonOf, shown } from "./settings.js";
import type { Workbench } from "./workbench.js";

export const LICENCE_FILE = "LICENSE";

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

export interface Judgement {
  readonly id: string;
  /** Null where the manifest does not say. */
  readonly version: string | null;
  /** The folder, below the zoo's. */
  readonly folder: string;
  /** Whether nothing keeps it out of the zoo. */
  readonly green: boolean;
  readonly findings: readonly Finding[];
  /** Null where it could not be run. */
  readonly measured: Measured | null;
}

/** Judges the model in the folder `place` of the zoo `dir`. */
export async function judgeModel(dir: string, place: ModelPlace, workbench: Workbench): Promise<Judgement> {
  const folder = join(dir, place.entry);
  const findings: Finding[] = [];
  const judged = await readManifest(folder, place, findings);
  findings.push(...(await judgeTexts(folder)));
  const golden = await readGolden(folder, findings);
  let measured: Measured | null = null;
  if (judged.manifest !== null) {
    const whole = await judgeFiles(folder, judged.manifest, workbench, findings);
    if (whole)
      measured = await run(folder, judged.manifest, golden, workbench, findings).catch((cause: unknown) => {
        findings.push(loadFinding(cause));
        return null;
      });
  }
  return {
    id: place.id,
    version: judged.version ?? place.version,
    folder: place.entry,
    green: findings.every(({ severity }) => severity !== "error"),
    findings,
    measured,
  };
}

/** The manifest, null where it cannot be read. */
async function readManifest(folder: string, place: ModelPlace, findings: Finding[]) {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(join(folder, MANIFEST_FILE), "utf8"));
  } catch (cause) {
    findings.push(
      error(
        MANIFEST_FILE,
        `${MANIFEST_FILE} cannot be read: ${messageOf(cause)}`,
        "mend its JSON; an editor shows where",
      ),
    );
    return { manifest: null, version: null };
  }
  const { id, version } = place;
  findings.push(
    ...(JSON.parse(loadWasm().judgeManifest(JSON.stringify(json), JSON.stringify({ id, version }))) as Finding[]),
  );
  try {
    const manifest = parseManifest(json);
    return { manifest, version: manifest.version };
  } catch {
    return { manifest: null, version: null };
  }
}

/** The files for people: card and licence. */
async function judgeTexts(folder: string): Promise<Finding[]> {
  const [card, licence] = await Promise.all([CARD_FILE, LICENCE_FILE].map((file) => readText(join(folder, file))));
  return [
    ...(card == null
      ? [error(CARD_FILE, `${CARD_FILE} is missing`, "write one: models/flowers5/MODEL.md shows its headings")]
      : judgeCard(card)),
    ...(licence == null || licence.trim() === ""
      ? [
          error(
            LICENCE_FILE,
            `${LICENCE_FILE} is ${licence == null ? "missing" : "empty"}`,
            "put the text of the weights' licence into it",
          ),
        ]
      : []),
  ];
}

async function readGolden(folder: string, findings: Finding[]): Promise<Golden | null> {
  const mend = "`menagerie golden ID PHOTO…` writes it";
  const text = await readText(join(folder, GOLDEN_FILE));
  if (text === null) {
    findings.push(error(GOLDEN_FILE, `${GOLDEN_FILE} is missing`, mend));
    return null;
  }
  try {
    return parseGolden(text);
  } catch (cause) {
    findings.push(error(GOLDEN_FILE, `${GOLDEN_FILE} cannot be read: ${messageOf(cause)}`, mend));
    return null;
  }
}

/** Whether graph and labels are there, and those of the manifest. */
async function judgeFiles(
  folder: string,
  { graph, labels }: Manifest,
  { graphBytesMax }: Workbench,
  findings: Finding[],
) {
  const before = findings.length;
  for (const [name, file] of [
    ["graph", graph],
    ["labels", labels],
  ] as const) {
    if (file === undefined) continue;
    const content = await readBytes(join(folder, file.file));
    if (content === null) {
      findings.push(
        error(`${name}.file`, `${file.file} is missing`, `put it into the folder, or write the name that it has`),
      );
      continue;
    }
    const bytes = "bytes" in file ? file.bytes : null;
    if (bytes !== null && bytes !== content.length) {
      findings.push(
        error(
          `${name}.bytes`,
          `${file.file} has ${content.length} bytes instead of ${bytes}`,
          `write ${content.length} if this is the file`,
        ),
      );
    }
    const hash = await sha256(content);
    if (file.sha256 !== null && file.sha256 !== hash) {
      findings.push(
        error(`${name}.sha256`, `${file.file} has the SHA-256 ${hash}`, `write "${hash}" if this is the file`),
      );
    }
    if (name === "graph" && content.length > graphBytesMax) {
      findings.push(
        error(
          "graph.file",
          `${file.file} has ${content.length} bytes`,
          `at most ${graphBytesMax} are taken (GRAPH_BYTES_MAX): quantise its weights, or take a smaller net`,
        ),
      );
    }
  }
  return findings.length === before;
}

/** Loads the model, compares what it is with what is declared, and asks for the golden answers. */
async function run(
  folder: string,
  manifest: Manifest,
  golden: Golden | null,
  workbench: Workbench,
  findings: Finding[],
): Promise<Measured | null> {
  const model = await FileZooModel.open(manifest, folderBlobs(folder));
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

function loadFinding(cause: unknown): Finding {
  const detail = messageOf(cause);
  const [, name = ""] = /^`?(\w+)`?[ =]/.exec(detail) ?? [];
  const setting = fieldOf(name);
  if (setting !== undefined)
    return error(setting, detail, "write what the graph has, or leave it out: then it is detected");
  const known = cause instanceof AppError ? LOAD_MENDS[cause.code] : undefined;
  const [field, mend] = known ?? ["graph.file", "`menagerie inspect` says more of the graph"];
  return error(field, detail, mend);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function error(field: string, problem: string, mend: string): Finding {
  return { severity: "error", field, problem, mend };
}

/** Null where the file is not there or cannot be read. */
async function readBytes(path: string): Promise<Uint8Array | null> {
  return await readFile(path).catch(() => null);
}

async function readText(path: string): Promise<string | null> {
  const bytes = await readBytes(path);
  return bytes === null ? null : Buffer.from(bytes).toString("utf8");
}
