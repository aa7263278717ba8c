/** Which of many photos are shown, and in what order. */
import type { Band } from "../../../../src/generated/contract.js";
import type { Item, Verdict } from "./batch.js";

export const BANDS: readonly Band[] = ["very high", "high", "medium", "low"];

export type SortedBy = "place" | "surest" | "least sure" | "differences";

export interface Filter {
  /** Empty for every label. */
  readonly label: string;
  readonly band: Band | "";
  readonly state: "all" | "failed" | "differ";
  readonly sortedBy: SortedBy;
}

export function arrange(items: readonly Item[], { label, band, state, sortedBy }: Filter): readonly Item[] {
  const kept = items.filter((item) => {
    const verdicts = verdictsOf(item);
    if (state === "failed") return item.state.peek().kind === "failed";
    if (state === "differ" && !differs(verdicts)) return false;
    if (label !== "" && !verdicts.some((verdict) => verdict.label === label)) return false;
    return band === "" || verdicts.some((verdict) => verdict.band === band);
  });
  switch (sortedBy) {
    case "place":
      return kept;
    case "surest":
      return kept.toSorted((one, other) => sureness(other) - sureness(one));
    case "least sure":
      return kept.toSorted((one, other) => sureness(one, 2) - sureness(other, 2));
    case "differences":
      return kept.toSorted((one, other) => Number(differs(verdictsOf(other))) - Number(differs(verdictsOf(one))));
  }
}

/** Without making whoever asks be drawn anew with each photo. */
export function verdictsOf({ state }: Item): readonly Verdict[] {
  const now = state.peek();
  return now.kind === "answered" ? now.verdicts : [];
}

export function differs([first, ...others]: readonly Verdict[]): boolean {
  return others.some(({ label }) => label !== first?.label);
}

/** The labels that were answered, the most frequent first, each with its count. */
export function labelCounts(items: readonly Item[]): readonly (readonly [label: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const item of items) {
    for (const label of new Set(verdictsOf(item).map((verdict) => verdict.label))) {
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
  }
  return [...counts].toSorted(([, one], [, other]) => other - one);
}

/** `missing` stands for photos without an answer. */
function sureness(item: Item, missing = -1): number {
  return verdictsOf(item)[0]?.probability ?? missing;
}
