/** How often a model was right, by what askers said of its answers. The statistics are those of `menagerie calibrate`. */
import type { Agreement, Band, TopEntry } from "../generated/contract.js";
import type { AccuracyReport, RightOf } from "../ports.js";
import type { WasmModule } from "../wasm-module.js";
import type { LabelledRow } from "./store.js";

/** Highest first. */
const BANDS: readonly Band[] = ["very high", "high", "medium", "low"];
/** Askers may say whatever they like: the labels that were met most are listed. */
const CLASSES_MAX = 1000;
const DAY_CHARACTERS = "YYYY-MM-DD".length;

/** `answerCount` is that of all its answers, of which something was said or not. */
export function reportOf(
  wasm: Pick<WasmModule, "agree">,
  rows: readonly LabelledRow[],
  answerCount: number,
): AccuracyReport {
  const places = new Map<string, number>();
  const placeOf = (label: string) => {
    const place = places.get(label) ?? places.size;
    places.set(label, place);
    return place;
  };
  const agreement = JSON.parse(
    wasm.agree(
      Float32Array.from(rows, ({ probability }) => probability),
      Uint32Array.from(rows, ({ label }) => placeOf(label)),
      Uint32Array.from(rows, ({ truth }) => placeOf(truth)),
      JSON.stringify([...places.keys()]),
    ),
  ) as Agreement;
  const withTopFive = rows.filter(({ has_top_five }) => has_top_five === 1);
  const days = new Map<string, LabelledRow[]>();
  for (const row of rows) {
    const day = new Date(row.asked_at).toISOString().slice(0, DAY_CHARACTERS);
    const ofDay = days.get(day);
    if (ofDay === undefined) days.set(day, [row]);
    else ofDay.push(row);
  }
  return {
    answers: answerCount,
    ...agreement,
    top5: count(withTopFive, ({ top, truth }) => (JSON.parse(top) as TopEntry[]).some(({ label }) => label === truth)),
    classes: agreement.classes
      .toSorted((one, other) => other.n + other.answered - one.n - one.answered)
      .slice(0, CLASSES_MAX),
    bands: BANDS.map((band) => ({
      band,
      ...count(
        rows.filter((row) => row.band === band),
        isRight,
      ),
    })),
    days: [...days]
      .map(([day, ofDay]) => ({ day, ...count(ofDay, isRight) }))
      .sort((one, other) => (one.day < other.day ? -1 : 1)),
  };
}

function isRight({ label, truth }: LabelledRow): boolean {
  return label === truth;
}

function count(rows: readonly LabelledRow[], right: (row: LabelledRow) => boolean): RightOf {
  return { right: rows.filter(right).length, n: rows.length };
}
