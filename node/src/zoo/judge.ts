/** Judges a model's folder as a maintainer would: its manifest, its files, and what it answers through the real engine. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { counted } from "../counted.js";
import { messageOf } from "../errors.js";
import type { Finding, Manifest } from "../generated/contract.js";
import { MANIFEST_FILE, type ModelPlace } from "../models/file-zoo.js";
import { GOLDEN_FILE } from "../models/file-zoo-model.js";
import { parseManifest } from "../models/manifest.js";
import { sha256 } from "../sha256.js";
import { loadWasm } from "../wasm-module.js";
import { CARD_FILE, judgeCard } from "./card.js";
import { error, readBytes, readText } from "./finding.js";
import { type Golden, parseGolden } from "./golden.js";
import { judgeAnswers, loadFinding, type Measured } from "./judge-answers.js";
import type { Workbench } from "./workbench.js";

export const LICENCE_FILE = "LICENSE";

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
      measured = await judgeAnswers(folder, judged.manifest, golden, workbench, findings).catch((cause: unknown) => {
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
          `${file.file} has ${counted(content.length, "byte")} instead of ${bytes}`,
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
