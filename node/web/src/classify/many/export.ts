/** The answers to many photos as files. */
import type { Item } from "./batch.js";
import { verdictsOf } from "./order.js";

/** RFC 4180, with a line for each photo and model. */
export function toCsv(items: readonly Item[]): string {
  const rows = items.flatMap((item) => {
    const { value } = item.state;
    const failed = value.kind === "failed" ? value.reason : "";
    const verdicts = verdictsOf(item);
    if (verdicts.length === 0) return [[item.photo.name, "", "", "", "", "", failed]];
    return verdicts.map(({ model, label, index, probability, band }) => [
      item.photo.name,
      model,
      label,
      String(index),
      String(probability),
      band,
      "",
    ]);
  });
  const lines = [["photo", "model", "label", "index", "probability", "band", "problem"], ...rows];
  return `${lines.map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}

export function toJson(items: readonly Item[]): string {
  const entries = items.map((item) => {
    const { value } = item.state;
    return {
      photo: item.photo.name,
      answers: verdictsOf(item).map(({ answer: _, ...verdict }) => verdict),
      ...(value.kind === "failed" ? { problem: { code: value.code, reason: value.reason } } : {}),
    };
  });
  return `${JSON.stringify(entries, null, 1)}\n`;
}

/** A spreadsheet would run a text that begins like a formula (OWASP, CSV injection): a quote before it makes it text. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
