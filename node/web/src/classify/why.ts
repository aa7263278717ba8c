/** The map of what an answer hangs on, asked for and put in words. */
import { pause } from "../../../src/client/pause.js";
import type { Explanation } from "../../../src/generated/contract.js";
import { explain, Refusal, type Result } from "../api.js";
import { percent } from "../format.js";
import { own, type Photo } from "../state.js";
import { isWait } from "../work.js";
import { formOf, imageFields, modelFields } from "./question.js";

/** Cells along a side: of a first map, and of one that takes three times as long. */
export const COARSE = 7;
export const FINE = 12;

/** Where hiding a part changes less than this, no part is named. */
const FALL_MIN = 0.01;
const WAIT_SECONDS = 2;

/** Asks until the service has room; `onWait` is told of each wait. */
export async function askWhy(
  asked: Photo,
  { model }: Pick<Result, "model">,
  { index, detail }: { readonly index: number; readonly detail: number },
  signal: AbortSignal,
  onWait: (seconds: number) => void,
): Promise<Explanation> {
  const fields = own.value === null ? ([["model", `${model.id}@${model.version}`]] as const) : modelFields();
  for (;;) {
    const form = formOf([
      ...fields,
      ...imageFields(asked),
      ["class", String(index)],
      ["detail", String(detail)],
      ["picture", "1"],
    ]);
    try {
      return (await explain(form, { signal })).explanation;
    } catch (error) {
      if (!(error instanceof Refusal) || !isWait(error)) throw error;
      const seconds = error.about.retryAfterSeconds ?? WAIT_SECONDS;
      onWait(seconds);
      await pause(1000 * seconds, signal);
    }
  }
}

/** The map in a sentence. */
export function inWords({ grid, class: explained }: Explanation): string {
  const cells = grid.flatMap((values, row) => values.map((value, column) => ({ row, column, value })));
  const { row, column, value } = cells.reduce((best, cell) => (cell.value > best.value ? cell : best));
  const sure = `${explained.label} (${percent(explained.probability)})`;
  if (value < FALL_MIN) return `No single part decides: whichever is hidden, ${sure} stays as likely.`;
  const third = (place: number) => Math.min(2, Math.floor((3 * (place + 0.5)) / grid.length));
  const place = `${["upper", "middle", "lower"][third(row)]} ${["left", "centre", "right"][third(column)]}`;
  const where = place === "middle centre" ? "centre" : place;
  return `${sure} hangs most on the ${where}: hidden, it takes away up to ${percent(value)}.`;
}
