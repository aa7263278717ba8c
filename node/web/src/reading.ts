/**
 * Shows how a graph is read: its input, its output, and where each setting comes from.
 */
import type { Evidence, ModelSpec } from "../../src/generated/contract.js";
import { find, make } from "./elements.js";

/** Fills the section and answers a sentence that says the same. */
export function showReading(spec: ModelSpec): string {
  const { input, output, graph } = spec;
  const facts: [string, string][] = [
    ["Input", `${input.tensor}, ${input.width}\u00a0×\u00a0${input.height} ${input.channel_order}, ${input.layout}`],
    ["Pixels", `(pixel − ${brief(input.mean)}) / ${brief(input.std)}`],
    ["Output", `${output.tensor}, ${output.classes} classes, ${output.kind}`],
    ["Labels", spec.labels ? `${spec.labels.count}, ${spec.labels.format}` : "none"],
    ["Size", `${(graph.bytes / 1e6).toFixed(1)} MB, ${graph.nodes} nodes`],
    ["Work", `${millions(graph.multiply_adds)} multiply-adds, ${millions(graph.parameters)} parameters`],
    [
      "Operations",
      Object.entries(graph.ops)
        .map(([op, count]) => `${op} ${count}`)
        .join(", "),
    ],
  ];
  find("facts", HTMLElement).replaceChildren(
    ...facts.map(([name, value]) => {
      const row = document.createElement("div");
      row.append(make("dt", name), make("dd", value));
      return row;
    }),
  );
  find("warnings", HTMLElement).replaceChildren(...spec.warnings.map((warning) => make("li", warning)));
  find("evidence", HTMLElement).replaceChildren(...spec.evidence.map(evidenceRow));
  return `The graph takes ${input.width} by ${input.height} pixels and tells ${output.classes} classes apart.`;
}

function evidenceRow({ field, value, source, because, confidence }: Evidence): HTMLTableRowElement {
  const row = document.createElement("tr");
  const setting = make("th", field);
  setting.scope = "row";
  setting.append(make("span", show(value), "value"));
  const how = make("td", "");
  how.append(make("b", `${source}, ${(100 * confidence).toFixed(0)} %`), `: ${because}`);
  row.append(setting, how);
  return row;
}

function show(value: unknown): string {
  return Array.isArray(value) ? brief(value) : String(value);
}

/** Three equal values as one. */
function brief(values: readonly number[]): string {
  const distinct = [...new Set(values)];
  return distinct.length === 1 ? String(distinct[0]) : `[${values.join(", ")}]`;
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(1)} million`;
}
