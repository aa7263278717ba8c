/** What `MODEL.md` of a model says that was taught here. */
import type { TeachReport } from "../generated/contract.js";
import { wilson } from "../wilson.js";
import { share } from "../zoo/calibration-card.js";
import { cell, withSection } from "../zoo/card.js";
import type { Album } from "./album.js";
import type { Base } from "./base.js";
import { OTHER_LABEL } from "./other.js";

/** What the card is written of. */
export interface Lessons {
  readonly base: Base;
  readonly album: Album;
  readonly report: TeachReport;
  /** What the photos are called. */
  readonly data: string;
  readonly seed: number;
  /** Settings that the graph does not tell, and the manifest does. */
  readonly untold: readonly string[];
}

/** The drafted card with its sections written. */
export function writtenCard(draft: string, lessons: Lessons): string {
  const sections: readonly (readonly [string, string])[] = [
    ["Accuracy", accuracy(lessons)],
    ["Data", data(lessons)],
    ["Limits", limits(lessons)],
    [
      "Not for",
      "What its base is not for. It was measured on photos like those that it was taught, and on nothing else.",
    ],
    ["Training", training(lessons)],
  ];
  return sections.reduce((card, [name, text]) => withSection(card, name, text, "Not for"), draft);
}

/** Right of so many, with the 95 % interval. */
export function rightOf(right: number, n: number): string {
  return `${share(right / n)} (${right} of ${n}; 95 % interval ${wilson(right, n).map(share).join(" to ")})`;
}

/** What more photos would give, in a sentence. */
export function outlook({ curve, with_twice: twice, held_out: of }: TeachReport): string {
  const points = curve.map(({ trained, right }) => `${share(right / of)} with ${trained} photos`).join(", ");
  if (typeof twice === "number") return `${points}; twice the photos would give about ${share(twice)}.`;
  return `${points}; from this it cannot be told what more would bring.`;
}

function accuracy({ report }: Lessons): string {
  return [
    "<!-- Written by `menagerie teach`; the numbers are measured. -->",
    `Right for ${rightOf(report.right, report.held_out)} of the photos that were set aside before anything was trained: a fifth of each class, with photos that are nearly the same on one side. By class and by band it is said below.`,
    "",
    `Learning curve on the same photos: ${outlook(report)}`,
  ].join("\n");
}

function data({ album, data: name, base, report }: Lessons): string {
  const { labels, classes, photos } = album;
  const rows = labels.map((label, index) => `| ${cell(label)} | ${classes.filter((one) => one === index).length} |`);
  return [
    `The class layer: ${photos.length} photos (${cell(name)}), ${report.trained} of them trained on. Whose photos they are, and under which licence, is for whoever taught it to say.`,
    "",
    "| class | photos |\n|---|---|",
    ...rows,
    "",
    `Everything before it: ${base.manifest.title} (\`${base.manifest.id}@${base.manifest.version}\`, ${base.manifest.licence}), unchanged.`,
  ].join("\n");
}

function limits({ report, album, untold }: Lessons): string {
  const { wrong } = report;
  const told = (label: string | undefined) => cell(label ?? "");
  const rows = wrong.map(({ photo, answered, probability }) => {
    const { path, label } = album.photos[photo] ?? { path: "", label: "" };
    return `| ${cell(path.split("/").slice(-2).join("/"))} | ${told(label)} | ${told(album.labels[answered])} | ${share(probability)} |`;
  });
  return [
    hasOther(album)
      ? `Every photo gets one of its labels. \`${OTHER_LABEL}\` stands for anything else as far as that is like the photos which it was taught; how many of those that were set aside it recognised stands below, in its row, and says nothing of things that are unlike them.`
      : "Every photo gets one of its labels; there is none for anything else.",
    ...(untold.length === 0
      ? []
      : [
          "",
          `Other programs have to be told what manifest.json says of ${untold.map((field) => `\`${field}\``).join(", ")}: the graph alone does not tell.`,
        ]),
    ...(rows.length === 0
      ? []
      : [
          "",
          "Photos that were set aside and are answered wrong, the surest answers first; those at the top may be mislabelled:",
          "",
          "| photo | label | answered | probability |\n|---|---|---|---|",
          ...rows,
        ]),
  ].join("\n");
}

function hasOther({ labels }: Album): boolean {
  return labels.includes(OTHER_LABEL);
}

function training({ base, report, seed }: Lessons): string {
  const { found, mirrored } = base;
  const chosen =
    report.folds > 0
      ? `chosen by ${report.folds}-fold cross-validation`
      : "the default: there were too few photos to choose";
  const kind =
    report.hidden === 0
      ? "Multinomial logistic regression"
      : `A hidden layer of ${report.hidden} rectifiers and a class layer`;
  const copies = mirrored === null ? "a part of each as its copy" : "its mirror image and a part of each as its copies";
  return `${kind} on the ${found.size} features \`${cell(found.tensor)}\` of the base, classes weighed alike, ${copies}; L2 ${report.l2}, ${chosen}; seed ${seed}. ${hiddenInWords(report)} The same features and seed give the same weights. Features were found so: ${found.evidence.map(({ because }) => cell(because)).join("; ")}.`;
}

/** Whether a hidden layer pays, in a sentence. */
function hiddenInWords({ hidden, hidden_tried: tried }: TeachReport): string {
  if (tried === undefined || tried === null) return "There were too few photos to try a hidden layer.";
  const digits = (value: number) => value.toFixed(3);
  return `By cross-validation a hidden layer has a log loss of ${digits(tried.with)} where there is ${digits(tried.without)} without, with a standard error of ${digits(tried.error)} of the difference: it ${hidden > 0 ? "pays" : "does not pay, and is left out"}.`;
}
