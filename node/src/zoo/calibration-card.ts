/** What was measured of a model's confidence, in its folder: the manifest, the card, the diagram. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { counted } from "../counted.js";
import type { Calibration, Manifest } from "../generated/contract.js";
import { writeDurably } from "../models/durable-file.js";
import { MANIFEST_FILE } from "../models/file-zoo.js";
import { wilson } from "../wilson.js";
import { CARD_FILE, cell, draftCard, withSection } from "./card.js";
import { reliabilityDiagram } from "./reliability-diagram.js";

export const DIAGRAM_FILE = "calibration.svg";

const HEADING = "How far to trust the confidence";
/** Classes that the card has rows of; the manifest has all. */
const CLASSES_SHOWN = 40;

/** Writes the three files, names of which it resolves with. A card that is not there yet is drafted. */
export async function writeCalibration(folder: string, calibration: Calibration): Promise<string[]> {
  const paths = [MANIFEST_FILE, CARD_FILE, DIAGRAM_FILE].map((file) => join(folder, file));
  const [manifestPath = "", cardPath = "", diagramPath = ""] = paths;
  const manifest = { ...(JSON.parse(await readFile(manifestPath, "utf8")) as Manifest), calibration };
  const card = await readFile(cardPath, "utf8").catch(() => draftCard(manifest, [], []));
  await writeDurably(diagramPath, reliabilityDiagram(manifest.title, calibration));
  await writeDurably(cardPath, withSection(card, HEADING, sectionOf(calibration), "Accuracy"));
  await writeDurably(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
  return [MANIFEST_FILE, CARD_FILE, DIAGRAM_FILE];
}

function sectionOf(calibration: Calibration): string {
  const { data, date, n, top1, top5, temperature, calibration_error: error, unsure_below, folds } = calibration;
  return [
    "<!-- Written by `menagerie calibrate`; the numbers are measured. -->",
    `On ${counted(n, "photo")} (${data}), measured on ${date} on the way that the service answers, it is right for ${share(top1)} of them, and the right answer is among the best five for ${share(top5)}. Its logits are divided by ${temperature}, the temperature that minimises the log loss on these photos ([Guo et al. 2017](https://arxiv.org/abs/1706.04599)). The expected calibration error is ${share(error.before)} without it and ${share(error.after)} with it: the photos are dealt into ${folds} parts, and each part is measured with the temperature that was fitted on the others, as is what follows.`,
    "",
    table(["band", "probability", "right", "photos", "share", "95 % interval"], calibration.bands.map(bandRow)),
    "",
    `An answer of a band that was right less often than ${share(unsure_below)} is \`unsure\`.`,
    "",
    `![How often it was right by its confidence](${DIAGRAM_FILE})`,
    "",
    table(
      ["best probability", "mean", "right", "photos", "share"],
      calibration.reliability.map((bin) => [
        `> ${bin.above}`,
        share(bin.probability),
        String(bin.right),
        String(bin.n),
        share(bin.right / bin.n),
      ]),
    ),
    "",
    table(["class", "photos", "recall", "answered", "precision"], classRows(calibration)),
    "",
    ...confusions(calibration),
  ].join("\n");
}

function bandRow({ band, above, right, n }: Calibration["bands"][number]): string[] {
  const measured = n === 0 ? ["", ""] : [share(right / n), wilson(right, n).map(share).join(" to ")];
  return [band, `> ${above}`, String(right), String(n), ...measured];
}

function classRows({ classes }: Calibration): string[][] {
  const rows = classes
    .slice(0, CLASSES_SHOWN)
    .map(({ label, n, right, answered }) => [
      cell(label),
      String(n),
      n === 0 ? "" : share(right / n),
      String(answered),
      answered === 0 ? "" : share(right / answered),
    ]);
  const more = classes.length - CLASSES_SHOWN;
  return more > 0 ? [...rows, [`${more} more in ${MANIFEST_FILE}`, "", "", "", ""]] : rows;
}

function confusions({ confusions: worst }: Calibration): string[] {
  if (worst.length === 0) return ["No photo was answered wrong."];
  return [
    "The most frequent errors:",
    "",
    ...worst.map(({ label, answered, n }) => `- ${cell(label)} taken for ${cell(answered)}: ${n}`),
  ];
}

export function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
