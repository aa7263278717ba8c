/** The forms in which `classify` prints what became of each photo. */
import { AppError } from "../errors.js";
import type { Answer, ImageClassifier } from "../index.js";
import { printable } from "../printable.js";
import { UnreadableInput } from "./files.js";

/** Lines for stdout. */
export interface AnswerForm {
  readonly head?: string;
  answered(path: string, answer: Answer, classifier: ImageClassifier): string;
  /** Absent where stderr alone says what failed. */
  failed?(path: string, error: Error): string;
}

export const SENTENCES: AnswerForm = {
  answered: (path, { label, probability, band, unsure }) =>
    `${printable(path)}: ${printable(label)} (${(100 * probability).toFixed(1)} %, ${band} confidence${unsure ? ", unsure" : ""})`,
};

/** Items as `POST /infer` answers them. */
export const JSON_LINES: AnswerForm = {
  answered: (path, answer, { model, spec: { warnings } }) =>
    JSON.stringify({
      ...answer,
      image: { name: path, ...answer.image },
      model,
      ...(warnings.length === 0 ? {} : { warnings }),
    }),
  failed: (path, error) =>
    JSON.stringify({ image: { name: path }, error: { code: codeOf(error), detail: detailOf(error) } }),
};

export const CSV: AnswerForm = {
  head: csvRow(["image", "label", "index", "probability", "band", "error"]),
  answered: (path, { label, index, probability, band }) => csvRow([path, label, index, probability, band, ""]),
  failed: (path, error) => csvRow([path, "", "", "", "", detailOf(error)]),
};

/** What stderr says of a photo that failed. */
export function complaint(path: string, error: Error): string {
  const code = codeOf(error);
  return `${printable(path)}: ${printable(detailOf(error))}${code === undefined ? "" : ` (${code})`}`;
}

function detailOf(error: Error): string {
  return error instanceof UnreadableInput ? error.reason : error.message;
}

function codeOf(error: Error): string | undefined {
  return error instanceof AppError ? error.code : undefined;
}

/** RFC 4180. */
function csvRow(cells: readonly (string | number)[]): string {
  return cells.map((cell) => (/[",\r\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : cell)).join();
}
