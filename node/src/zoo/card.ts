/** `MODEL.md`, the card of a model: what its author has to say that no file tells. */
import type { Evidence, Finding, Manifest } from "../generated/contract.js";
import { error } from "./finding.js";
import { shown } from "./settings.js";

export const CARD_FILE = "MODEL.md";

/** The headings that a card has, each with what is asked for below it. */
const HEADINGS: readonly (readonly [string, string])[] = [
  ["Accuracy", "how often it is right, on how many photos that it was not trained on, and how that was measured"],
  ["Data", "what it was trained on, where that comes from, and under which licences"],
  ["Limits", "what it gets wrong, and what it was not tried with"],
  ["Not for", "what nobody should use it for"],
];

const DECISIONS = "Decisions";
const TO_WRITE = "(to be written:";
/** A line of the decisions: a box, open or ticked, and the field of the manifest. */
const DECISION = /^- \[( |x)\] `([^`]+)`/gim;

/** What detection is not sure of, in words. */
export interface Decision {
  /** Those that are decided together; what the first one is found by. */
  readonly fields: readonly string[];
  /** What the manifest has now, how sure that is, and what else it may be. */
  readonly about: string;
}

/** A card to be filled in. */
export function draftCard(
  { title, description, licence }: Manifest,
  decisions: readonly Decision[],
  evidence: readonly Evidence[],
): string {
  const sections = HEADINGS.map(([name, wanted]) => `## ${name}\n\n${TO_WRITE} ${wanted})\n`);
  const boxes = decisions.map(
    ({ fields, about }) => `- [ ] ${fields.map((field) => `\`${field}\``).join(", ")}: ${about}`,
  );
  return [
    `# ${title}\n`,
    ...(description === "" ? [] : [`${description}\n`]),
    `Licence of the weights: ${licence}; see LICENSE.\n`,
    ...sections,
    ...(decisions.length === 0
      ? []
      : [
          `## ${DECISIONS}\n`,
          "The graph does not tell these. Set each in manifest.json to what the model was trained with, then tick it: `- [x]`.\n",
          `${boxes.join("\n")}\n`,
        ]),
    "## How its settings were found\n",
    "| field | value | found | sure | because |\n|---|---|---|---|---|",
    ...evidence.map(
      ({ field, value, source, confidence, because }) =>
        `| ${field} | ${cell(shown(value))} | ${source} | ${percent(confidence)} | ${cell(because)} |`,
    ),
    "",
  ].join("\n");
}

/** What is missing of a card. */
export function judgeCard(card: string): Finding[] {
  const findings: Finding[] = [];
  for (const [name, wanted] of HEADINGS) {
    const text = sectionOf(card, name);
    if (text === null) {
      findings.push(
        error(
          `${CARD_FILE}: ${name}`,
          `${CARD_FILE} has no heading "## ${name}"`,
          `add it, and say below it ${wanted}`,
        ),
      );
    } else if (text === "" || text.includes(TO_WRITE)) {
      findings.push(error(`${CARD_FILE}: ${name}`, `"## ${name}" is not written`, `say below it ${wanted}`));
    }
  }
  for (const [, box, field = ""] of card.matchAll(DECISION)) {
    if (box !== " ") continue;
    const mend = `set it in manifest.json to what the model was trained with, then tick it in ${CARD_FILE}: - [x] \`${field}\``;
    findings.push(error(field, `${field} is not decided: ${CARD_FILE} tells what it may be`, mend));
  }
  return findings;
}

/** The card with `text` below a heading, in place of what stands there; where there is none, below those of `after` or last. */
export function withSection(card: string, name: string, text: string, after: string): string {
  const parts = card.trimEnd().split(/^(?=## )/m);
  const placeOf = (heading: string) =>
    parts.findIndex((part) => part.split("\n", 1)[0]?.trim().toLowerCase() === `## ${heading}`.toLowerCase());
  const [old, before] = [placeOf(name), placeOf(after)];
  const section = `## ${name}\n\n${text.trim()}\n\n`;
  if (old >= 0) parts.splice(old, 1, section);
  else parts.splice(before >= 0 ? before + 1 : parts.length, 0, section);
  return `${parts.map((part) => part.trimEnd()).join("\n\n")}\n`;
}

/** The text below a heading of the second level, up to the next one; null where there is no such heading. */
function sectionOf(card: string, name: string): string | null {
  const sections = card.split(/^## +/m).slice(1);
  const section = sections.find((text) => text.split("\n", 1)[0]?.trim().toLowerCase() === name.toLowerCase());
  return section?.split("\n").slice(1).join("\n").trim() ?? null;
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

export function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
}
